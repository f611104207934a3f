// Between the fields of a form as they are typed and the specs of the API. Pure.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, type Duration } from "@bufbuild/protobuf/wkt";

import { RunnerKind, RunnerSpecSchema, type RunnerSpec } from "../gen/fireside/v1/runner_pb.ts";
import type { Violation } from "../rpc/failure.ts";
import type { AddableKind, FieldError, FieldErrors, RunnerDraft, RunnerField, RunnerKindName } from "./runner-types.ts";

export const KINDS: Record<RunnerKind, RunnerKindName> = {
  [RunnerKind.UNSPECIFIED]: "built_in",
  [RunnerKind.BUILT_IN]: "built_in",
  [RunnerKind.OPENAI]: "openai",
  [RunnerKind.OLLAMA]: "ollama",
  [RunnerKind.WORKER]: "worker",
  [RunnerKind.SGLANG]: "sglang",
  [RunnerKind.TRITON]: "triton",
};

const NUMBERS: Record<RunnerKindName, RunnerKind> = {
  built_in: RunnerKind.BUILT_IN,
  openai: RunnerKind.OPENAI,
  ollama: RunnerKind.OLLAMA,
  worker: RunnerKind.WORKER,
  sglang: RunnerKind.SGLANG,
  triton: RunnerKind.TRITON,
};

/** Where each kind listens when nobody said otherwise. */
export const ADDRESSES: Record<AddableKind, string> = {
  ollama: "http://localhost:11434",
  openai: "https://api.openai.com/v1",
  worker: "grpc://localhost:50051",
  sglang: "grpc://localhost:30000",
  triton: "grpc://localhost:8001",
};

/** The kinds that are reached by gRPC, and so may have several addresses. */
export function isGrpc(kind: RunnerKindName): boolean {
  return kind === "worker" || kind === "sglang" || kind === "triton";
}

/** A name for a runner of this kind that is not taken. */
export function freeName(kind: AddableKind, taken: readonly string[]): string {
  if (!taken.includes(kind)) return kind;
  let number = 2;
  while (taken.includes(`${kind}-${number}`)) number += 1;
  return `${kind}-${number}`;
}

export function newDraft(kind: AddableKind, taken: readonly string[]): RunnerDraft {
  return {
    ...draftOf(create(RunnerSpecSchema, { kind: NUMBERS[kind], addresses: [ADDRESSES[kind]] }), ""),
    name: freeName(kind, taken),
    secretChange: "set",
  };
}

/** What the fields of a form show of a spec. A secret never comes back. */
export function draftOf(spec: RunnerSpec, etag: string): RunnerDraft {
  const { timeouts, limits } = spec;
  return {
    name: spec.name,
    kind: KINDS[spec.kind],
    displayName: spec.displayName,
    addresses: spec.addresses.join("\n"),
    disabled: spec.disabled,
    models: spec.models.join("\n"),
    fallback: spec.fallback,
    keepAlive: spec.keepAlive,
    connect: secondsText(timeouts?.connect),
    firstToken: secondsText(timeouts?.firstToken),
    betweenTokens: secondsText(timeouts?.betweenTokens),
    total: secondsText(timeouts?.total),
    concurrency: limits?.concurrency?.toString() ?? "",
    queueLength: limits?.queueLength?.toString() ?? "",
    queueWait: secondsText(limits?.queueWait),
    secretChange: "keep",
    secret: "",
    etag,
  };
}

function secondsText(duration: Duration | undefined): string {
  return duration === undefined ? "" : String(durationMs(duration) / 1_000);
}

function linesOf(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

export function specOf(draft: RunnerDraft): MessageInitShape<typeof RunnerSpecSchema> {
  const timed = (key: string, text: string) =>
    text.trim() === "" ? {} : { [key]: durationFromMs(Number(text) * 1_000) };
  const counted = (key: string, text: string) => (text.trim() === "" ? {} : { [key]: Number(text) });
  const timeouts = {
    ...timed("connect", draft.connect),
    ...timed("firstToken", draft.firstToken),
    ...timed("betweenTokens", draft.betweenTokens),
    ...timed("total", draft.total),
  };
  const limits = {
    ...counted("concurrency", draft.concurrency),
    ...counted("queueLength", draft.queueLength),
    ...timed("queueWait", draft.queueWait),
  };
  return {
    name: draft.name.trim(),
    kind: NUMBERS[draft.kind],
    displayName: draft.displayName.trim(),
    addresses: linesOf(draft.addresses),
    disabled: draft.disabled,
    models: linesOf(draft.models),
    fallback: draft.fallback,
    keepAlive: draft.kind === "ollama" ? draft.keepAlive.trim() : "",
    ...(Object.keys(timeouts).length === 0 ? {} : { timeouts }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
}

/** The secret to send; undefined keeps what the server has. */
export function secretOf({ secretChange, secret }: RunnerDraft): string | undefined {
  if (secretChange === "keep") return undefined;
  return secretChange === "set" ? secret.trim() : "";
}

const NAME = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;
const SECONDS = ["connect", "firstToken", "betweenTokens", "total", "queueWait"] as const;
const COUNTS = ["concurrency", "queueLength"] as const;

/** What can be seen to be wrong without asking the server. */
export function mistakesIn(draft: RunnerDraft): FieldErrors {
  const errors: Partial<Record<RunnerField, FieldError>> = {};
  const wrong = (field: RunnerField, key: string): void => {
    errors[field] = { key, message: "" };
  };
  if (!NAME.test(draft.name.trim())) wrong("name", "runner.wrong.name");
  if (linesOf(draft.addresses).length === 0) wrong("addresses", "runner.wrong.address");
  for (const field of SECONDS) {
    const text = draft[field].trim();
    if (text !== "" && !(Number(text) > 0)) wrong(field, "runner.wrong.seconds");
  }
  for (const field of COUNTS) {
    if (!/^\d{0,6}$/.test(draft[field].trim())) wrong(field, "runner.wrong.count");
  }
  return errors;
}

const FIELDS: Readonly<Record<string, RunnerField | "alias" | "targets">> = {
  name: "name",
  display_name: "displayName",
  addresses: "addresses",
  models: "models",
  keep_alive: "keepAlive",
  "timeouts.connect": "connect",
  "timeouts.first_token": "firstToken",
  "timeouts.between_tokens": "betweenTokens",
  "timeouts.total": "total",
  "limits.concurrency": "concurrency",
  "limits.queue_length": "queueLength",
  "limits.queue_wait": "queueWait",
  secret: "secret",
  alias: "alias",
  targets: "targets",
};

/** The server's violations at the fields that they are about; what is about no field is left out. */
export function fieldErrors(violations: readonly Violation[]): FieldErrors {
  const errors: Partial<Record<RunnerField | "alias" | "targets", FieldError>> = {};
  for (const { field, description } of violations) {
    const path = field
      .replace(/([a-z])([A-Z])/g, "$1_$2")
      .toLowerCase()
      .replace(/\[\d+\]/g, "")
      .replace(/^(?:spec|alias)\./, "");
    const name = FIELDS[path];
    if (name !== undefined && errors[name] === undefined) errors[name] = { key: "", message: description };
  }
  return errors;
}

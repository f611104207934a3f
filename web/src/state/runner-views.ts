// Turns the records of runners, aliases and their models into what views see. Pure.

import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";

import { ModelState, ModelTask, type Model } from "../gen/fireside/v1/model_pb.ts";
import {
  RunnerHealth,
  RunnerSource,
  type ModelAlias,
  type Runner,
  type RunnerStatus,
} from "../gen/fireside/v1/runner_pb.ts";
import { draftOf, KINDS } from "./runner-form.ts";
import type { AliasView, HealthView, RunnerHealthName, RunnerModel, RunnerSourceName, RunnerView } from "./runner-types.ts";

const SOURCES: Record<RunnerSource, RunnerSourceName> = {
  [RunnerSource.UNSPECIFIED]: "built_in",
  [RunnerSource.BUILT_IN]: "built_in",
  [RunnerSource.FILE]: "file",
  [RunnerSource.ENVIRONMENT]: "environment",
  [RunnerSource.API]: "api",
};

const HEALTHS: Record<RunnerHealth, RunnerHealthName> = {
  [RunnerHealth.UNSPECIFIED]: "unknown",
  [RunnerHealth.OK]: "ok",
  [RunnerHealth.DEGRADED]: "degraded",
  [RunnerHealth.DOWN]: "down",
  [RunnerHealth.DISABLED]: "disabled",
};

export function healthView(status: RunnerStatus | undefined): HealthView {
  return {
    health: HEALTHS[status?.health ?? RunnerHealth.UNSPECIFIED],
    message: status?.message ?? "",
    checkedAt: status?.checkTime === undefined ? null : timestampMs(status.checkTime),
    latencyMs: status?.latency === undefined ? null : durationMs(status.latency),
    version: status?.version ?? "",
    modelCount: status?.modelCount ?? 0,
    active: status?.active ?? 0,
    queued: status?.queued ?? 0,
    retryAt: status?.retryTime === undefined ? null : timestampMs(status.retryTime),
  };
}

/** Whether people are shown it. The built-in runner of scripts is for tests, and its name is taken on each server. */
export function isShown({ spec, source }: Runner): boolean {
  return !(source === RunnerSource.BUILT_IN && spec?.name === "scripted");
}

export function runnerView({ spec, source, hasSecret, status, etag }: Runner, pending: boolean): RunnerView | null {
  if (spec === undefined) return null;
  return {
    ...healthView(status),
    name: spec.name,
    title: spec.displayName === "" ? spec.name : spec.displayName,
    kind: KINDS[spec.kind],
    source: SOURCES[source],
    editable: source === RunnerSource.API,
    addresses: spec.addresses,
    disabled: spec.disabled,
    hasSecret,
    pending,
    draft: { ...draftOf(spec, etag), secretChange: hasSecret ? "keep" : "set" },
  };
}

export function runnerModel(model: Model): RunnerModel {
  return {
    id: model.id,
    name: model.displayName === "" ? model.id : model.displayName,
    available: model.state !== ModelState.UNAVAILABLE,
    reason: model.stateMessage,
    loaded: model.loaded,
    contextLength: model.contextLength,
    vision: model.vision,
    embeds: model.tasks.length > 0 && model.tasks.every((task) => task === ModelTask.EMBED),
  };
}

export function aliasView({ alias, targets, source }: ModelAlias): AliasView {
  return { alias, targets, source: SOURCES[source], editable: source === RunnerSource.API };
}

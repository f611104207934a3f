// What the settings screen of runners sees: snapshots and verbs, like types.ts, but loaded with that screen alone.

import type { AppError, Readable } from "./types.ts";

export type RunnerKindName = "built_in" | "openai" | "ollama" | "worker" | "sglang" | "triton";
/** The kinds that can be added. */
export const ADDABLE = ["ollama", "openai", "worker", "sglang", "triton"] as const;
export type AddableKind = (typeof ADDABLE)[number];
export type RunnerSourceName = "built_in" | "file" | "environment" | "api";
export type RunnerHealthName = "unknown" | "ok" | "degraded" | "down" | "disabled";

/** How a runner is. Times are milliseconds since 1970, `latencyMs` milliseconds; null when not known. */
export interface HealthView {
  readonly health: RunnerHealthName;
  /** What is wrong and what to do; the server's sentence, in English. */
  readonly message: string;
  readonly checkedAt: number | null;
  readonly latencyMs: number | null;
  /** What it calls itself; empty if it does not say. */
  readonly version: string;
  readonly modelCount: number;
  readonly active: number;
  readonly queued: number;
  /** When it is tried again, while it is left alone. */
  readonly retryAt: number | null;
}

export interface RunnerView extends HealthView {
  readonly name: string;
  /** The name to show. */
  readonly title: string;
  readonly kind: RunnerKindName;
  readonly source: RunnerSourceName;
  /** Made here, and so can be changed here. */
  readonly editable: boolean;
  readonly addresses: readonly string[];
  readonly disabled: boolean;
  readonly hasSecret: boolean;
  /** A change of it is on its way to the server. */
  readonly pending: boolean;
  /** What a form starts with. */
  readonly draft: RunnerDraft;
}

/** The fields of the form as they are typed. Times are seconds; empty takes the server's default. */
export interface RunnerDraft {
  readonly name: string;
  readonly kind: RunnerKindName;
  readonly displayName: string;
  /** One a line. */
  readonly addresses: string;
  readonly disabled: boolean;
  /** One a line; empty for all that it lists. */
  readonly models: string;
  readonly fallback: boolean;
  readonly keepAlive: string;
  readonly connect: string;
  readonly firstToken: string;
  readonly betweenTokens: string;
  readonly total: string;
  readonly concurrency: string;
  readonly queueLength: string;
  readonly queueWait: string;
  /** `keep`: what the server has. `remove`: none. Otherwise the text of `secret`. */
  readonly secretChange: "keep" | "set" | "remove";
  readonly secret: string;
  /** What the change is based on; empty for a new runner. */
  readonly etag: string;
}

export type RunnerField = Exclude<keyof RunnerDraft, "etag" | "secretChange" | "disabled" | "kind" | "fallback">;

/** What is wrong with a field: a text key of the catalogue, or the server's sentence. */
export interface FieldError {
  readonly key: string;
  readonly message: string;
}
export type FieldErrors = Readonly<Partial<Record<RunnerField | "alias" | "targets", FieldError>>>;

export interface SaveOutcome {
  readonly ok: boolean;
  /** What is wrong as a whole; null when the fields say all. */
  readonly error: AppError | null;
  readonly fields: FieldErrors;
  /** Somebody else changed it meanwhile. */
  readonly stale: boolean;
}

/** A model as its runner offers it. */
export interface RunnerModel {
  readonly id: string;
  readonly name: string;
  readonly available: boolean;
  readonly reason: string;
  readonly loaded: boolean;
  /** Tokens that fit; 0 when not known. */
  readonly contextLength: number;
  readonly vision: boolean;
  /** It only turns texts into vectors. */
  readonly embeds: boolean;
}

export type TestOutcome =
  | { readonly ok: true; readonly status: HealthView; readonly models: readonly RunnerModel[] }
  | { readonly ok: false; readonly error: AppError | null; readonly fields: FieldErrors };

export type ModelsOutcome =
  | { readonly ok: true; readonly models: readonly RunnerModel[] }
  | { readonly ok: false; readonly error: AppError };

export interface AliasView {
  readonly alias: string;
  /** Ids of models, the preferred one first. */
  readonly targets: readonly string[];
  readonly source: RunnerSourceName;
  readonly editable: boolean;
}

/** A download of a model by its runner. */
export interface PullView {
  readonly id: number;
  readonly runner: string;
  readonly model: string;
  readonly phase: "running" | "done" | "failed";
  /** What is being done, in the runner's words. */
  readonly status: string;
  readonly completedBytes: number;
  /** 0 when not known. */
  readonly totalBytes: number;
  readonly error: AppError | null;
}

export interface RunnersState {
  readonly phase: "loading" | "ready" | "failed";
  readonly error: AppError | null;
  readonly runners: readonly RunnerView[];
  readonly aliases: readonly AliasView[];
  readonly pulls: readonly PullView[];
}

/** The runners as they can be looked after. Verbs never throw: what fails is in their outcome or a notice. */
export interface Runners extends Readable<RunnersState> {
  /** Keeps the list fresh until what it returns is called. */
  watch(): () => void;
  reload(): void;
  /** Adds a runner, or changes the one that `draft.etag` came with. */
  save(draft: RunnerDraft): Promise<SaveOutcome>;
  /** Tries a runner as it would be set up. */
  test(draft: RunnerDraft, signal: AbortSignal): Promise<TestOutcome>;
  switch(name: string, on: boolean): void;
  remove(name: string): void;
  /** Puts a runner to this place, from 0. */
  move(name: string, place: number): void;
  models(name: string): Promise<ModelsOutcome>;
  pull(runner: string, model: string): void;
  /** Ends a download, or forgets one that ended. */
  endPull(id: number): void;
  saveAlias(alias: string, targets: readonly string[], isNew: boolean): Promise<SaveOutcome>;
  removeAlias(alias: string): void;
}

// How the screens for admins call: reads are repeated while the server is away, changes are made once, and how one
// ended is told as a value.

import type { CallOptions } from "@connectrpc/connect";

import { calling, type Outcome as Called } from "../rpc/api.ts";
import type { Clock } from "../rpc/clock.ts";
import { Code, type Failure } from "../rpc/failure.ts";
import type { Outcome } from "./admin-types.ts";
import { appError } from "./errors.ts";

/** Reasons that say which field is wrong. */
const FIELDS: Readonly<Record<string, string>> = { EMAIL_TAKEN: "email", GROUP_EXISTS: "name" };

export interface CallerOptions {
  readonly clock: Clock;
  readonly random: () => number;
}

export class Caller {
  constructor(private readonly options: CallerOptions) {}

  read<T>(call: (options: CallOptions) => Promise<T>): Promise<Called<T>> {
    return calling(call, this.options);
  }

  /** Once: repeated, it could be refused for what it did itself. */
  async change<T, R>(call: (options: CallOptions) => Promise<T>, value: (answer: T) => R): Promise<Outcome<R>> {
    const outcome = await calling(call, { ...this.options, attempts: 1 });
    return outcome.ok ? { ok: true, value: value(outcome.value) } : refused(outcome.failure);
  }
}

export function refused(cause: Failure): Outcome<never> {
  const path = cause.violations[0]?.field ?? "";
  return {
    ok: false,
    error: appError(cause),
    field: FIELDS[cause.reason] ?? path.replace(/^(?:group|policy)\./, "").replace(/\[.*$/, ""),
    stale: cause.code === Code.Aborted,
  };
}

/** What is wrong with a field, before the server is asked. `key` is a text of the catalogue. */
export function mistake(field: string, key: string): Outcome<never> {
  const params = { message: "", seconds: 0, field, description: "" };
  const error = { kind: "invalid", reason: "", key, params, retryable: false, retryAfterMs: 0, atRunner: false } as const;
  return { ok: false, error, field, stale: false };
}

// Turns failures into errors that can be shown: what kind, which text, whether trying again may help. The texts are in
// the catalogue of the views, under the keys listed here.

import type { Failure as ModelFailure } from "../gen/fireside/v1/message_pb.ts";
import { Code, isTransient, type Failure } from "../rpc/failure.ts";
import type { AppError, ErrorKind } from "./types.ts";

/** Each error text that the catalogue must have. All may name {message}; the last column what else they may name. */
export const ERROR_KEYS = [
  "error.offline", // no network on this machine, or the server cannot be reached
  "error.unavailable", // the server is restarting or something that it needs is away
  "error.timeout",
  "error.busy", // {seconds}: the queue is full
  "error.missing",
  "error.missing.model", // {message}
  "error.conflict",
  "error.stale",
  "error.invalid", // {field}, {description}
  "error.state",
  "error.denied",
  "error.unauthenticated",
  "error.model", // {message}: the model failed in mid-answer
  "error.runner.away", // {message}: the runner cannot be reached
  "error.runner.slow", // the first token did not come
  "error.runner.stalled", // no further token came
  "error.runner.long", // the answer took longer than its runner allows
  "error.runner.died",
  "error.runner.refused", // {message}
  "error.runner.key", // the API key is wrong or missing
  "error.runner.rate", // the runner itself has too many requests
  "error.runner.resting", // it failed too often and is left alone
  "error.queue.full",
  "error.queue.slow", // no place came free in time
  "error.prompt",
  "error.email.taken",
  "error.group.exists",
  "error.last.admin",
  "error.links.off",
  "error.unknown", // {message}
] as const;

export type ErrorKey = (typeof ERROR_KEYS)[number];

/** What is told of the reasons that runners have, whether the call or the answer failed. */
const REASONS: Readonly<Record<string, ErrorKey>> = {
  MODEL_NOT_FOUND: "error.missing.model",
  RUNNER_UNAVAILABLE: "error.runner.away",
  RUNNER_CONNECT_TIMEOUT: "error.runner.away",
  RUNNER_FIRST_TOKEN_TIMEOUT: "error.runner.slow",
  RUNNER_STALLED: "error.runner.stalled",
  RUNNER_TOTAL_TIMEOUT: "error.runner.long",
  RUNNER_DIED: "error.runner.died",
  RUNNER_REFUSED: "error.runner.refused",
  RUNNER_UNAUTHORIZED: "error.runner.key",
  RUNNER_RATE_LIMITED: "error.runner.rate",
  RUNNER_RESTING: "error.runner.resting",
  QUEUE_FULL: "error.queue.full",
  QUEUE_TIMEOUT: "error.queue.slow",
  PROMPT_TOO_LONG: "error.prompt",
  EMAIL_TAKEN: "error.email.taken",
  GROUP_EXISTS: "error.group.exists",
  LAST_ADMIN: "error.last.admin",
  LINKS_OFF: "error.links.off",
};

/** Reasons that somebody who looks after the runners can do something about. */
const AT_RUNNER = new Set([
  "RUNNER_UNAVAILABLE",
  "RUNNER_CONNECT_TIMEOUT",
  "RUNNER_FIRST_TOKEN_TIMEOUT",
  "RUNNER_REFUSED",
  "RUNNER_UNAUTHORIZED",
  "RUNNER_RESTING",
]);

const KINDS: Partial<Record<Code, ErrorKind>> = {
  [Code.InvalidArgument]: "invalid",
  [Code.NotFound]: "missing",
  [Code.AlreadyExists]: "conflict",
  [Code.Aborted]: "stale",
  [Code.OutOfRange]: "stale",
  [Code.FailedPrecondition]: "state",
  [Code.ResourceExhausted]: "busy",
  [Code.Unavailable]: "unavailable",
  [Code.DeadlineExceeded]: "timeout",
  [Code.PermissionDenied]: "denied",
  [Code.Unauthenticated]: "unauthenticated",
};

/** The error of a failed call. */
export function appError(cause: Failure): AppError {
  const kind = cause.network ? "offline" : (KINDS[cause.code] ?? "unknown");
  const violation = cause.violations[0];
  // How long to wait says more than why.
  const timed = kind === "busy" && cause.retryAfterMs > 0;
  const key: ErrorKey = timed ? "error.busy" : (REASONS[cause.reason] ?? keyOf(kind));
  return {
    kind,
    reason: cause.reason,
    key,
    params: {
      message: cause.message,
      seconds: Math.ceil(cause.retryAfterMs / 1000),
      field: violation?.field ?? "",
      description: violation?.description ?? "",
    },
    retryable: isTransient(cause) || kind === "busy" || kind === "stale" || kind === "unknown",
    retryAfterMs: cause.retryAfterMs,
    atRunner: AT_RUNNER.has(cause.reason),
  };
}

/** The error of an answer that the model did not finish. */
export function modelError(cause: ModelFailure): AppError {
  return {
    kind: "model",
    reason: cause.reason,
    key: REASONS[cause.reason] ?? "error.model",
    params: { message: cause.message, seconds: 0, field: "", description: "" },
    retryable: cause.retryable,
    retryAfterMs: 0,
    atRunner: AT_RUNNER.has(cause.reason),
  };
}

function keyOf(kind: ErrorKind): ErrorKey {
  return `error.${kind}`;
}

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
  "error.unknown", // {message}
] as const;

export type ErrorKey = (typeof ERROR_KEYS)[number];

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
  const key: ErrorKey = cause.reason === "MODEL_NOT_FOUND" ? "error.missing.model" : keyOf(kind);
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
  };
}

/** The error of an answer that the model did not finish. */
export function modelError(cause: ModelFailure): AppError {
  return {
    kind: "model",
    reason: cause.reason,
    key: "error.model",
    params: { message: cause.message, seconds: 0, field: "", description: "" },
    retryable: cause.retryable,
    retryAfterMs: 0,
  };
}

function keyOf(kind: ErrorKind): ErrorKey {
  return `error.${kind}`;
}

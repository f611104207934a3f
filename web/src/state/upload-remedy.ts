// What is to be done about a failed call of an upload, and what is told of one that nothing helps. Pure.

import { Code, isTransient, type Failure } from "../rpc/failure.ts";
import { appError } from "./errors.ts";
import type { AppError } from "./types.ts";
import { UPLOAD_REASONS } from "./upload-limits.ts";

/**
 * `again` after a pause; `look` how far the server is and go on from there; `anew` under another id; `elsewhere`: leave
 * it to whoever took it over; `give up`: only the person can help.
 */
export type Remedy = "again" | "look" | "anew" | "elsewhere" | "give up";

export interface Standing {
  /** The server has said that it has the upload. */
  readonly begun: boolean;
  /** It was begun by another page or device. */
  readonly adopted: boolean;
  /** Contradictions and failures without a reason since something arrived. */
  readonly doubts: number;
}

/** How often the server may contradict itself, or fail for no reason, before the person is asked. */
export const PATIENCE = 6;

const LOOK = new Set(["OFFSET_MISMATCH", "PAST_END", "CHECKSUM_MISMATCH", "UPLOAD_INCOMPLETE"]);
const SHAKY = new Set([Code.Internal, Code.Unknown, Code.Aborted, Code.DataLoss]);

export function remedyOf(cause: Failure, { begun, adopted, doubts }: Standing): Remedy {
  const { code, reason } = cause;
  if (isTransient(cause) || code === Code.Unauthenticated || code === Code.Canceled) return "again";
  if (code === Code.ResourceExhausted) return reason === "STORAGE_FULL" ? "give up" : "again";
  if (reason === "UPLOAD_TAKEN_OVER") return "elsewhere";
  if (doubts >= PATIENCE) return "give up";
  if (LOOK.has(reason)) return "look";
  // It ran out or was given up elsewhere; but what cannot even be begun has no collection to go to.
  if (code === Code.NotFound) return begun ? "anew" : "give up";
  if (code === Code.AlreadyExists) return "anew";
  // Pieces of another file of the same name and time were there before.
  if (reason === "FILE_CORRUPT") return adopted ? "anew" : "give up";
  return SHAKY.has(code) ? "again" : "give up";
}

/** Whether it counts as a doubt: what is only away does not. */
export function isDoubt(cause: Failure): boolean {
  return !isTransient(cause) && cause.code !== Code.Unauthenticated && cause.code !== Code.ResourceExhausted;
}

export function errorOf(cause: Failure): AppError {
  const error = appError(cause);
  const key = UPLOAD_REASONS[cause.reason];
  if (key !== undefined) return { ...error, key, params: { ...error.params, limit: 0, left: 0, type: "" } };
  return cause.code === Code.NotFound ? { ...error, key: "upload.error.collection" } : error;
}

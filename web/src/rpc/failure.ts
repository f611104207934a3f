// Reads what a failed call says about itself: status code, ErrorInfo, RetryInfo, BadRequest. Not words for a person:
// state/errors.ts chooses those.

import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";

export { Code };

export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** A failed call, as plain data that can be sent between tabs. */
export interface Failure {
  readonly code: Code;
  /** Nothing of ours answered: no network, no server, a cut connection. */
  readonly network: boolean;
  /** google.rpc.ErrorInfo.reason; empty without one. */
  readonly reason: string;
  /** The server's sentence. */
  readonly message: string;
  /** google.rpc.RetryInfo in milliseconds; 0 without one. */
  readonly retryAfterMs: number;
  readonly violations: readonly Violation[];
}

interface Details {
  reason: string;
  retryAfterMs: number;
  violations: Violation[];
}

/** Calls `visit` for each field of a protobuf message; what `visit` does not read must be skipped by it. */
function eachField(bytes: Uint8Array, visit: (field: number, reader: BinaryReader, wire: WireType) => void): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    visit(field, reader, wire);
  }
}

function readDuration(bytes: Uint8Array): number {
  let ms = 0;
  eachField(bytes, (field, reader, wire) => {
    if (field === 1) ms += Number(reader.int64()) * 1000;
    else if (field === 2) ms += reader.int32() / 1_000_000;
    else reader.skip(wire, field);
  });
  return Math.max(0, Math.round(ms));
}

function readViolation(bytes: Uint8Array): Violation {
  const violation = { field: "", description: "" };
  eachField(bytes, (field, reader, wire) => {
    if (field === 1) violation.field = reader.string();
    else if (field === 2) violation.description = reader.string();
    else reader.skip(wire, field);
  });
  return violation;
}

/** The three google.rpc messages are read by hand: their generated code would cost the first load more than this. */
function readDetail(type: string, bytes: Uint8Array, into: Details): void {
  eachField(bytes, (field, reader, wire) => {
    if (field !== 1) reader.skip(wire, field);
    else if (type === "google.rpc.ErrorInfo") into.reason = reader.string();
    else if (type === "google.rpc.RetryInfo") into.retryAfterMs = readDuration(reader.bytes());
    else if (type === "google.rpc.BadRequest") into.violations.push(readViolation(reader.bytes()));
    else reader.skip(wire, field);
  });
}

/** What any caught value says. */
export function failureOf(caught: unknown): Failure {
  const error = ConnectError.from(caught);
  const details: Details = { reason: "", retryAfterMs: 0, violations: [] };
  for (const detail of error.details) {
    if (!("type" in detail)) continue;
    try {
      readDetail(detail.type, detail.value, details);
    } catch {
      // A detail that cannot be read says nothing; the code and the sentence still do.
    }
  }
  const network = !error.isWireError && error.code !== Code.Canceled && error.code !== Code.DeadlineExceeded;
  return { code: error.code, network, message: error.rawMessage, ...details };
}

/** A failure for what no call said. */
export function failure(code: Code, message: string, reason = ""): Failure {
  return { code, network: false, reason, message, retryAfterMs: 0, violations: [] };
}

/** Whether the same call may succeed later. Safe for each call of this API: all changes carry ids made here. */
export function isTransient(cause: Failure): boolean {
  return cause.network || cause.code === Code.Unavailable || cause.code === Code.DeadlineExceeded;
}

// Folds the events of a generation's log into its message. Pure: the same state and event give the same state. The
// server folds the same way, and both pass the vectors in tests/data/fold.

import { create } from "@bufbuild/protobuf";

import type { Delta, Ended, Event, Heartbeat } from "../gen/fireside/v1/generation_pb.ts";
import { MessageState, PartSchema, type Message, type Part } from "../gen/fireside/v1/message_pb.ts";

export interface Fold {
  /** Null before the first event. */
  readonly message: Message | null;
  /** The number of the last event that was folded in; 0 before the first. */
  readonly lastSeq: number;
  readonly ended: boolean;
  /** Grows whenever the content was replaced, not added to. */
  readonly epoch: number;
  /** What the server last said it was doing; null once content came after it. */
  readonly heartbeat: Heartbeat | null;
}

export const EMPTY_FOLD: Fold = { message: null, lastSeq: 0, ended: false, epoch: 0, heartbeat: null };

/** An event that does not follow what was read: read again from the last one on. */
export class GapError extends Error {
  constructor(
    readonly lastSeq: number,
    readonly seq: number,
  ) {
    super(`event ${seq} does not follow ${lastSeq}`);
  }
}

/**
 * The state after one event. An event with a number that was seen changes nothing; one that leaves numbers out, or
 * comes before there is a message, throws GapError, except `reset`, which may jump and replaces everything.
 */
export function fold(state: Fold, event: Event): Fold {
  const { kind } = event;
  if (kind.case === "heartbeat") return state.ended ? state : { ...state, heartbeat: kind.value };
  const seq = Number(event.seq);
  if (seq <= state.lastSeq) return state;
  if (kind.case === "reset") return replaced(state, seq, kind.value.message);
  if (seq !== state.lastSeq + 1) throw new GapError(state.lastSeq, seq);
  if (kind.case === "started") return replaced(state, seq, kind.value.message);
  if (state.message === null) throw new GapError(state.lastSeq, seq);
  if (kind.case === "ended") {
    return { ...state, message: ended(state.message, kind.value), lastSeq: seq, ended: true, heartbeat: null };
  }
  const message = kind.case === "delta" ? extended(state, state.message, seq, kind.value) : state.message;
  return { ...state, message, lastSeq: seq, heartbeat: null };
}

function replaced(state: Fold, seq: number, message: Message | undefined): Fold {
  const done = message?.state === MessageState.DONE;
  return { message: message ?? null, lastSeq: seq, ended: done, epoch: state.epoch + 1, heartbeat: null };
}

function extended(state: Fold, message: Message, seq: number, delta: Delta): Message {
  const index = delta.partIndex;
  const part = changedPart(message.parts[index], delta);
  if (part === null || index > message.parts.length) throw new GapError(state.lastSeq, seq);
  const parts = message.parts.slice();
  parts[index] = part;
  return { ...message, parts };
}

/** The part after the change; null when the change is not one for this part. */
function changedPart(old: Part | undefined, { change }: Delta): Part | null {
  if (change.case === undefined) return null;
  if (change.case === "part") return change.value;
  if (old === undefined) return create(PartSchema, { kind: { case: change.case, value: { text: change.value } } });
  // Copied by hand: `create` looks at each field by its description, which a hundred tokens a second would feel.
  const { kind } = old;
  if (kind.case === "text" && change.case === "text") {
    return { ...old, kind: { case: "text", value: { ...kind.value, text: kind.value.text + change.value } } };
  }
  if (kind.case === "reasoning" && change.case === "reasoning") {
    return { ...old, kind: { case: "reasoning", value: { ...kind.value, text: kind.value.text + change.value } } };
  }
  return null;
}

function ended(message: Message, end: Ended): Message {
  const after: Message = { ...message, state: MessageState.DONE, finishReason: end.finishReason };
  if (end.etag !== "") after.etag = end.etag;
  if (end.error !== undefined) after.error = end.error;
  if (end.usage !== undefined) after.usage = end.usage;
  // Another model stood in for the one that was asked.
  if (end.model !== "") after.model = end.model;
  return after;
}

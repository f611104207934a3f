// Makes what a view sees of a message from the record and from how its order stands. The same input gives the same
// object, and content that only grew keeps its epoch, so that a view renders no more than what is new.

import { toJsonString } from "@bufbuild/protobuf";
import { timestampMs, ValueSchema } from "@bufbuild/protobuf/wkt";

import { Phase, type Heartbeat } from "../gen/fireside/v1/generation_pb.ts";
import { FinishReason, MessageState, Role } from "../gen/fireside/v1/message_pb.ts";
import type { CitationPart, FilePart, Message, Part } from "../gen/fireside/v1/message_pb.ts";
import { modelError } from "./errors.ts";
import type { Pending } from "./pending.ts";
import type { CitationView, FileView, PartView } from "./part-types.ts";
import type { Activity, AppError, Finish, MessageRole, MessageStatus, MessageView } from "./types.ts";

export interface ViewInput {
  readonly message: Message;
  readonly pending: Pending["state"] | null;
  readonly error: AppError | null;
  readonly heartbeat: Heartbeat | null;
  readonly siblings: readonly string[];
  /** The reader may only read. */
  readonly readOnly: boolean;
  /** It is the last one of the branch. */
  readonly last: boolean;
  /** An answer of the branch is being written. */
  readonly busy: boolean;
}

interface Cached {
  readonly input: ViewInput;
  readonly epoch: number;
  readonly view: MessageView;
  readonly reasoning: Map<number, { readonly from: number; until: number | null }>;
}

const ROLES: Record<Role, MessageRole> = {
  [Role.UNSPECIFIED]: "assistant",
  [Role.SYSTEM]: "system",
  [Role.USER]: "user",
  [Role.ASSISTANT]: "assistant",
  [Role.TOOL]: "tool",
};

const FINISHES: Record<FinishReason, Finish> = {
  [FinishReason.UNSPECIFIED]: "none",
  [FinishReason.COMPLETE]: "complete",
  [FinishReason.LENGTH]: "length",
  [FinishReason.STOPPED]: "stopped",
  [FinishReason.INTERRUPTED]: "interrupted",
  [FinishReason.FAILED]: "failed",
  [FinishReason.TOOL_CALLS]: "tool_calls",
};

const PHASES: Record<Phase, Activity["phase"]> = {
  [Phase.UNSPECIFIED]: "starting",
  [Phase.QUEUED]: "queued",
  [Phase.LOADING]: "loading",
  [Phase.PREFILLING]: "reading",
  [Phase.WRITING]: "writing",
  [Phase.SEARCHING]: "searching",
};

/** The views of one conversation's messages. */
export class MessageViews {
  readonly #cache = new Map<string, Cached>();

  constructor(private readonly now: () => number) {}

  view(input: ViewInput): MessageView {
    const { id } = input.message;
    const before = this.#cache.get(id);
    if (before !== undefined && sameInput(before.input, input)) return before.view;
    const grows = before === undefined || extendsMessage(before.input.message, input.message);
    const epoch = before === undefined ? 0 : before.epoch + (grows ? 0 : 1);
    const reasoning = grows && before !== undefined ? before.reasoning : new Map<number, never>();
    const cached: Cached = { input, epoch, reasoning, view: this.#make(input, epoch, reasoning, before) };
    this.#cache.set(id, cached);
    return cached.view;
  }

  #make(input: ViewInput, epoch: number, reasoning: Cached["reasoning"], before: Cached | undefined): MessageView {
    const { message, pending, siblings } = input;
    const status = statusOf(input);
    this.#time(message, reasoning, before, status);
    return {
      id: message.id,
      parentId: message.parentId,
      role: ROLES[message.role],
      parts: message.parts.map((part, index) => partView(part, index, message, reasoning)),
      epoch,
      status,
      activity: activityOf(input, status),
      finish: FINISHES[message.finishReason],
      error: errorOf(input),
      model: message.model,
      promptTokens: message.usage?.promptTokens ?? 0,
      completionTokens: message.usage?.completionTokens ?? 0,
      createdAt: message.createTime === undefined ? 0 : timestampMs(message.createTime),
      authorId: message.authorId,
      authorName: message.authorName,
      siblingIds: siblings,
      siblingIndex: Math.max(0, siblings.indexOf(message.id)),
      can: abilities(input, status, pending),
    };
  }

  /** Notes when reasoning began and ended, if this tab saw both. */
  #time(message: Message, times: Cached["reasoning"], before: Cached | undefined, status: MessageStatus): void {
    message.parts.forEach((part, index) => {
      if (part.kind.case !== "reasoning") return;
      const known = times.get(index);
      if (known === undefined && status === "streaming" && before?.input.message.parts.length === index) {
        times.set(index, { from: this.now(), until: null });
      } else if (known?.until === null && reasoningDone(message, index)) {
        known.until = this.now();
      }
    });
  }
}

function sameInput(a: ViewInput, b: ViewInput): boolean {
  return (
    a.message === b.message &&
    a.pending === b.pending &&
    a.error === b.error &&
    a.last === b.last &&
    a.busy === b.busy &&
    a.readOnly === b.readOnly &&
    a.heartbeat?.phase === b.heartbeat?.phase &&
    a.heartbeat?.queuePosition === b.heartbeat?.queuePosition &&
    a.heartbeat?.sourceCount === b.heartbeat?.sourceCount &&
    (a.siblings === b.siblings ||
      (a.siblings.length === b.siblings.length && a.siblings.every((id, index) => id === b.siblings[index])))
  );
}

/** Whether the content of `after` is that of `before` with more at its end, so that nothing rendered has to change. */
export function extendsMessage(before: Message, after: Message): boolean {
  const last = before.parts.length - 1;
  return (
    after.parts.length > last &&
    before.parts.every((part, index) => {
      const next = after.parts[index];
      if (part === next) return true;
      const text = textOf(part);
      const more = next?.kind.case === part.kind.case ? textOf(next) : null;
      if (text === null || more === null) return next !== undefined && more === text && sameWhole(part, next);
      return index === last ? more.startsWith(text) : more === text;
    })
  );
}

/** Whether two parts that come in one piece are the same: a message that is read again has its parts anew. */
function sameWhole(before: Part, after: Part): boolean {
  const one = viewOf(before);
  return one.kind !== "image" && JSON.stringify(one) === JSON.stringify(viewOf(after));
}

/** The text of a part that grows; null for other parts. */
function textOf(part: Part | undefined): string | null {
  return part?.kind.case === "text" || part?.kind.case === "reasoning" ? part.kind.value.text : null;
}

/** Whether there is anything but what was searched: the sources come before the first word. */
function hasBegun(message: Message): boolean {
  return message.parts.some(({ kind }) => kind.case !== "search" && kind.case !== "citation");
}

/** The number of characters that a message shows. */
export function lengthOf(message: Message): number {
  return message.parts.reduce((sum, part) => sum + (textOf(part)?.length ?? 1), 0);
}

function statusOf({ message, pending }: ViewInput): MessageStatus {
  if (message.role === Role.USER) return pending ?? "done";
  if (pending === "unsent") return "unsent";
  if (message.state !== MessageState.RUNNING) return "done";
  return hasBegun(message) ? "streaming" : "waiting";
}

function activityOf({ heartbeat, pending }: ViewInput, status: MessageStatus): Activity | null {
  if (status === "waiting") return doing(heartbeat);
  if (status !== "streaming") return null;
  // A continued answer has text already while its prompt is being read.
  if (pending === "sending" && heartbeat === null) return doing(null);
  if (heartbeat === null || heartbeat.phase === Phase.WRITING) return null;
  return doing(heartbeat);
}

function doing(heartbeat: Heartbeat | null): Activity {
  return {
    phase: PHASES[heartbeat?.phase ?? Phase.UNSPECIFIED],
    queuePosition: heartbeat?.queuePosition ?? 0,
    sourceCount: heartbeat?.sourceCount ?? 0,
  };
}

function errorOf({ message, pending, error }: ViewInput): AppError | null {
  if (pending === "unsent") return error;
  return message.error === undefined ? null : modelError(message.error);
}

function abilities(input: ViewInput, status: MessageStatus, pending: ViewInput["pending"]): MessageView["can"] {
  const { message, last, busy, readOnly } = input;
  const idle = !busy && !readOnly && pending === null && status === "done";
  const answer = message.role === Role.ASSISTANT;
  const { finishReason } = message;
  const cut =
    finishReason === FinishReason.LENGTH ||
    finishReason === FinishReason.STOPPED ||
    finishReason === FinishReason.INTERRUPTED ||
    finishReason === FinishReason.FAILED;
  return {
    edit: idle && message.role === Role.USER,
    // A question that is last has lost its answer: it may have one.
    regenerate: idle && (answer || (last && message.role === Role.USER)),
    continue: idle && answer && last && cut && hasBegun(message),
    retry: pending === "unsent" || (idle && answer && finishReason === FinishReason.FAILED),
  };
}

function reasoningDone(message: Message, index: number): boolean {
  return index < message.parts.length - 1 || message.state !== MessageState.RUNNING;
}

const simpleViews = new WeakMap<Part, PartView>();

function partView(part: Part, index: number, message: Message, times: Cached["reasoning"]): PartView {
  if (part.kind.case === "reasoning") {
    const time = times.get(index);
    const durationMs = time === undefined || time.until === null ? null : time.until - time.from;
    return { kind: "reasoning", text: part.kind.value.text, done: reasoningDone(message, index), durationMs };
  }
  return viewOf(part);
}

function viewOf(part: Part): PartView {
  let view = simpleViews.get(part);
  if (view === undefined) {
    view = simpleView(part);
    simpleViews.set(part, view);
  }
  return view;
}

function simpleView({ kind }: Part): PartView {
  switch (kind.case) {
    case "image":
      return { kind: "image", mediaType: kind.value.mediaType, data: kind.value.data };
    case "file":
      return fileView(kind.value);
    case "collection":
      return { kind: "collection", collectionId: kind.value.collectionId, name: kind.value.name };
    case "toolCall":
      return { kind: "tool_call", id: kind.value.id, name: kind.value.name, arguments: kind.value.arguments };
    case "toolResult": {
      const { toolCallId, result } = kind.value;
      return { kind: "tool_result", toolCallId, json: result === undefined ? "" : toJsonString(ValueSchema, result) };
    }
    case "search": {
      const { query, sources, passageCount, unread } = kind.value;
      return { kind: "search", query, sources, passageCount, unread };
    }
    case "citation":
      return citationView(kind.value);
    default:
      return { kind: "text", text: textOf({ kind } as Part) ?? "" };
  }
}

function fileView({ fileId, name, mediaType, documentId, size }: FilePart): FileView {
  return { kind: "file", fileId, name, mediaType, documentId, size: Number(size) };
}

function citationView(part: CitationPart): CitationView {
  const { number, sourceId, fileId, title, quote, mediaType, page, headings, ordinal } = part;
  return { kind: "citation", number, documentId: sourceId, fileId, title, quote, mediaType, page, headings, ordinal };
}

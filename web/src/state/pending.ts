// What was asked of the server in one conversation and is not answered yet. Each carries ids made here, so that it can
// be shown at once and asked again without harm.

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";

import { GenerationSpecSchema, type GenerationSpec } from "../gen/fireside/v1/generation_pb.ts";
import { MessageSchema, MessageState, Role, type Message } from "../gen/fireside/v1/message_pb.ts";
import { SELF } from "./access.ts";
import { isKept, partsOf, type Kept } from "./attached.ts";
import { isRecord, readJson, type KeyStore } from "./storage.ts";
import type { AppError } from "./types.ts";

/** The ids and the content: what is sent, and what is kept across a reload. */
export interface SendOrder {
  readonly kind: "send";
  readonly conversationId: string;
  readonly generationId: string;
  readonly messageId: string;
  readonly answerId: string;
  /** The message that it follows; empty for the first one. */
  readonly parentId: string;
  /** It stands beside an earlier message: what follows the parent gives way to it. */
  readonly branches: boolean;
  readonly text: string;
  /** What goes with the text. */
  readonly attached: readonly Kept[];
  /** Collections that are to be searched for each answer of a conversation that begins with this. */
  readonly collectionIds: readonly string[];
  readonly model: string;
  readonly at: number;
}

export interface RegenerateOrder {
  readonly kind: "regenerate";
  readonly conversationId: string;
  readonly generationId: string;
  readonly targetId: string;
  readonly answerId: string;
  readonly parentId: string;
  readonly model: string;
  readonly at: number;
}

export interface ContinueOrder {
  readonly kind: "continue";
  readonly conversationId: string;
  readonly generationId: string;
  readonly answerId: string;
  readonly model: string;
  readonly at: number;
}

export type Order = SendOrder | RegenerateOrder | ContinueOrder;

/** An order and how it stands. */
export interface Pending {
  order: Order;
  state: "sending" | "unsent";
  error: AppError | null;
  /** Waits for the branch to be read, which says what it follows. */
  held: boolean;
  /** Another branch is shown in its place. */
  hidden: boolean;
  /** Stop was pressed before the server took it. */
  stopWanted: boolean;
  /** Failed since the server was away: goes again by itself once it is back. */
  again: boolean;
  /** Ends the trying, but not a call that is being made: that one may get through. */
  enough: AbortController;
  /** Ends the call too. */
  abort: AbortController;
}

export function specOf(order: Order): GenerationSpec {
  const { generationId, conversationId, model } = order;
  const common = { generationId, conversationId, model };
  if (order.kind === "continue") {
    const value = { messageId: order.answerId };
    return create(GenerationSpecSchema, { ...common, input: { case: "continue", value } });
  }
  const answerId = order.answerId;
  if (order.kind === "regenerate") {
    const value = { messageId: order.targetId };
    return create(GenerationSpecSchema, { ...common, answerId, input: { case: "regenerate", value } });
  }
  const value = {
    messageId: order.messageId,
    parentId: order.parentId,
    parts: partsOf(order.text, order.attached),
  };
  return create(GenerationSpecSchema, { ...common, answerId, input: { case: "send", value } });
}

/** The user's message of an order, as the server will have it. */
export function userMessageOf(order: SendOrder): Message {
  return create(MessageSchema, {
    id: order.messageId,
    conversationId: order.conversationId,
    parentId: order.parentId,
    role: Role.USER,
    parts: partsOf(order.text, order.attached),
    state: MessageState.DONE,
    createTime: timestampFromMs(order.at),
    authorId: SELF,
  });
}

/** The answer of an order before its first token. */
export function answerOf(order: SendOrder | RegenerateOrder): Message {
  return create(MessageSchema, {
    id: order.answerId,
    conversationId: order.conversationId,
    parentId: order.kind === "send" ? order.messageId : order.parentId,
    role: Role.ASSISTANT,
    state: MessageState.RUNNING,
    model: order.model,
    generationId: order.generationId,
    createTime: timestampFromMs(order.at),
  });
}

const PREFIX = "fireside.outbox.";

const TEXT_FIELDS = ["conversationId", "generationId", "messageId", "answerId", "parentId", "text", "model"] as const;

function isStoredOrder(value: unknown): value is SendOrder {
  return (
    isRecord(value) &&
    value["kind"] === "send" &&
    typeof value["branches"] === "boolean" &&
    typeof value["at"] === "number" &&
    TEXT_FIELDS.every((field) => typeof value[field] === "string")
  );
}

/** An order as it was put; what an earlier version put had only a text. */
function restored(order: Omit<SendOrder, "attached" | "collectionIds"> & Partial<SendOrder>): SendOrder {
  const { attached, collectionIds } = order;
  return {
    ...order,
    attached: Array.isArray(attached) ? attached.filter(isKept) : [],
    collectionIds: Array.isArray(collectionIds) ? collectionIds.filter((id) => typeof id === "string") : [],
  };
}

/** Messages that the server has not taken yet, kept so that closing the tab does not lose them. */
export class Outbox {
  constructor(private readonly store: KeyStore) {}

  put(order: SendOrder): void {
    this.store.set(PREFIX + order.generationId, JSON.stringify(order));
  }

  remove(generationId: string): void {
    this.store.remove(PREFIX + generationId);
  }

  /** All of them, or those of one conversation, oldest first. */
  orders(conversationId?: string): SendOrder[] {
    return this.store
      .keys()
      .filter((key) => key.startsWith(PREFIX))
      .flatMap((key) => readJson(this.store, key, isStoredOrder) ?? [])
      .map(restored)
      .filter((order) => conversationId === undefined || order.conversationId === conversationId)
      .sort((a, b) => a.at - b.at);
  }
}

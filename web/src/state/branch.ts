// The messages of one conversation as they are known here: the branch that the server has selected, and what is on its
// way laid over it. Pure bookkeeping: it calls nobody.

import { MessageState, type Message } from "../gen/fireside/v1/message_pb.ts";
import { answerOf, userMessageOf, type Order, type Pending } from "./pending.ts";

export class Branch {
  #ids: readonly string[] = [];
  /** Where the next older page starts; empty when all was read. */
  token = "";
  readonly pending: Pending[] = [];
  readonly #records = new Map<string, Message>();
  /** Ids of the children of a message, oldest first. */
  readonly #children = new Map<string, readonly string[]>();
  /** What was shown from a message on when its branch was left. */
  readonly #tails = new Map<string, readonly string[]>();

  /** Ids of the server's branch, oldest first, as far as it was read. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /** Shows another branch. Where it leaves the one before, that one's rest is remembered for a way back. */
  set ids(ids: readonly string[]) {
    const at = this.#ids.findIndex((id, index) => id !== ids[index]);
    const left = this.#ids[at];
    if (left !== undefined && ids[at] !== undefined) this.#tails.set(left, this.#ids.slice(at));
    this.#ids = ids;
  }

  record(id: string): Message | undefined {
    return this.#records.get(id);
  }

  put(message: Message): void {
    this.#records.set(message.id, message);
  }

  pendingOf(id: string): Pending | undefined {
    return this.pending.find(({ order }) => order.answerId === id || (order.kind === "send" && order.messageId === id));
  }

  pendingBy(generationId: string): Pending | undefined {
    return this.pending.find(({ order }) => order.generationId === generationId);
  }

  /** Takes the newest page of the server's branch. Older pages that it joins on to stay. */
  takeNewest(messages: readonly Message[], token: string): void {
    const page = messages.map((message) => message.id);
    const first = page[0];
    const at = first === undefined ? -1 : this.ids.indexOf(first);
    this.#take(messages);
    if (at > 0) {
      this.ids = [...this.ids.slice(0, at), ...page];
    } else {
      this.ids = page;
      // A page that starts where the old one did may still have been followed by older ones that were read to the end.
      if (at !== 0) this.token = token;
    }
  }

  takeOlder(messages: readonly Message[], token: string): void {
    this.#take(messages);
    const known = new Set(this.ids);
    this.ids = [...messages.map((message) => message.id).filter((id) => !known.has(id)), ...this.ids];
    this.token = token;
  }

  #take(messages: readonly Message[]): void {
    for (const message of messages) {
      this.#records.set(message.id, message);
      if (message.siblingIds.length > 0) this.#children.set(message.parentId, message.siblingIds);
    }
  }

  /** The server took an order: what it shows is the branch now. */
  commit(pending: Pending): void {
    const { order } = pending;
    if (!this.ids.includes(order.answerId)) this.ids = this.#laidOver(this.ids, pending, true);
    this.remove(pending);
    if (order.kind === "continue") {
      const record = this.#records.get(order.answerId);
      if (record !== undefined) this.#records.set(order.answerId, continued(record, order.generationId));
      return;
    }
    if (order.kind === "send") this.#adopt(userMessageOf(order));
    this.#adopt(answerOf(order));
  }

  #adopt(message: Message): void {
    if (!this.#records.has(message.id)) this.#records.set(message.id, message);
    const siblings = this.#children.get(message.parentId) ?? [];
    if (!siblings.includes(message.id)) this.#children.set(message.parentId, [...siblings, message.id]);
  }

  remove(pending: Pending): void {
    const index = this.pending.indexOf(pending);
    if (index >= 0) this.pending.splice(index, 1);
  }

  /** Ids to show: the server's branch with what is pending laid over it. */
  shown(): readonly string[] {
    let ids = this.ids;
    for (const pending of this.pending) if (!pending.hidden) ids = this.#laidOver(ids, pending, false);
    return ids;
  }

  #laidOver(ids: readonly string[], { order, state }: Pending, committed: boolean): readonly string[] {
    if (order.kind === "continue") return ids;
    const added = order.kind === "send" ? [order.messageId, order.answerId] : [order.answerId];
    // What the server did not take has no answer either.
    if (state === "unsent" && !committed) added.splice(1);
    const at = order.parentId === "" ? 0 : ids.indexOf(order.parentId) + 1;
    const found = order.parentId === "" || at > 0;
    const branches = committed || order.kind === "regenerate" || order.branches;
    if (found && branches) return [...ids.slice(0, at), ...added];
    // A plain message goes to the end, wherever that is by now: nothing that is there may be hidden by it.
    return [...ids.filter((id) => !added.includes(id)), ...added];
  }

  /** A message to show: the server's, or the one that an order will make. */
  message(id: string): Message | undefined {
    const record = this.#records.get(id);
    const pending = this.pendingOf(id);
    if (pending === undefined) return record;
    const { order, state } = pending;
    if (order.kind === "continue") {
      return record !== undefined && state === "sending" ? continued(record, order.generationId) : record;
    }
    if (record !== undefined) return record;
    return order.kind === "send" && order.messageId === id ? userMessageOf(order) : answerOf(order);
  }

  /** Ids of a message and its siblings, oldest first, those on their way at the end. */
  siblings(message: Message): readonly string[] {
    const known = this.#children.get(message.parentId) ?? [];
    // Asked for each message in each frame, and mostly nothing is pending.
    if (this.pending.length === 0) return known.includes(message.id) ? known : [...known, message.id];
    const more = this.pending
      .filter(({ state, order }) => state === "sending" || (order.kind === "send" && order.branches))
      .flatMap(({ order }) => childOf(order, message.parentId))
      .filter((id) => !known.includes(id));
    const all = more.length > 0 ? [...known, ...more] : known;
    return all.includes(message.id) ? all : [...all, message.id];
  }

  /**
   * Shows the branch through a message, as far as it is known. False if nothing is known of it: the server's branch
   * has to be read first.
   */
  select(id: string): boolean {
    const message = this.message(id);
    if (message === undefined) return false;
    const ids = this.ids;
    const at = message.parentId === "" ? 0 : ids.indexOf(message.parentId) + 1;
    if (at === 0 && message.parentId !== "") return false;
    this.ids = [...ids.slice(0, at), ...(this.#tails.get(id) ?? [id])];
    return true;
  }
}

function childOf(order: Order, parentId: string): string[] {
  if (order.kind === "continue") return [];
  if (order.kind === "send") {
    if (order.messageId === parentId) return [order.answerId];
    return order.parentId === parentId ? [order.messageId] : [];
  }
  return order.parentId === parentId ? [order.answerId] : [];
}

function continued(record: Message, generationId: string): Message {
  const message: Message = { ...record, state: MessageState.RUNNING, generationId, finishReason: 0 };
  delete message.error;
  return message;
}

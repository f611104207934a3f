// Carries out what was asked in one conversation: sends each order until the server has taken or refused it. Shows
// nothing by itself; the chat is told of every change.

import type { Generation } from "../gen/fireside/v1/generation_pb.ts";
import { calling, type RetryOptions } from "../rpc/api.ts";
import { Code, isTransient, type Failure } from "../rpc/failure.ts";
import type { Branch } from "./branch.ts";
import type { ChatServices } from "./chat-services.ts";
import { appError } from "./errors.ts";
import { specOf, type Order, type Outbox, type Pending } from "./pending.ts";

export interface OrderListener {
  /** Something about the orders is different: show it. */
  ordersChanged(): void;
  /** The server took an order; it is part of the branch now. */
  taken(order: Order, stopWanted: boolean): void;
  /** The server refused an order that can be given up without losing anything: it is gone. */
  refused(order: Order, failure: Failure): void;
  /** The server may have more than is known here. */
  doubted(): void;
  /** An order waits for the branch to be read. */
  awaited(): void;
}

/** How often an order is tried before it is shown as unsent. */
const ATTEMPTS = 5;

/** Whether it goes by itself once the stream is live again: the server was away, or the person had to sign in. */
function goesAgain(cause: Failure): boolean {
  return isTransient(cause) || cause.code === Code.Unauthenticated;
}

export class Orders {
  /** `known`: the branch is as it will be sent to; otherwise orders wait for it to be read. */
  constructor(
    private readonly services: ChatServices,
    private readonly branch: Branch,
    private readonly outbox: Outbox,
    private readonly listener: OrderListener,
    private known: boolean,
  ) {}

  /** Shows an order and sends it. */
  place(order: Order): void {
    const pending: Pending = {
      order,
      state: "sending",
      error: null,
      held: false,
      hidden: false,
      stopWanted: false,
      again: false,
      enough: new AbortController(),
      abort: new AbortController(),
    };
    this.branch.pending.push(pending);
    if (order.kind === "send") this.outbox.put(order);
    this.#send(pending);
  }

  /** Sends again what is unsent, with the same ids, to `model` if given. */
  retry(pending: Pending, model: string | null = null): void {
    const { order, state } = pending;
    if (state !== "unsent" || order.kind !== "send") return;
    // It goes where it is shown: at the end, which may be another place than when it was written.
    const parentId = order.branches ? order.parentId : (this.branch.ids.at(-1) ?? "");
    pending.order = { ...order, parentId, model: model ?? order.model };
    this.outbox.put(pending.order);
    pending.state = "sending";
    pending.error = null;
    pending.hidden = false;
    pending.stopWanted = false;
    pending.again = false;
    pending.enough = new AbortController();
    pending.abort = new AbortController();
    this.#send(pending);
  }

  /** Sends again what failed only since the server was away. */
  retryWaiting(): void {
    for (const pending of [...this.branch.pending]) if (pending.again) this.retry(pending);
  }

  /** The branch was read, or is not on the server yet: what waited for that is sent. */
  ready(): void {
    this.known = true;
    for (const pending of this.branch.pending.filter(({ held }) => held)) {
      const { order } = pending;
      pending.held = false;
      if (order.kind === "send" && !order.branches && order.parentId === "") {
        pending.order = { ...order, parentId: this.branch.ids.at(-1) ?? "" };
        this.outbox.put(pending.order);
      }
      this.#send(pending);
    }
  }

  /** The branch cannot be read: what waits for that is not sent. */
  unready(cause: Failure): void {
    for (const pending of this.branch.pending.filter(({ held }) => held)) {
      pending.held = false;
      pending.state = "unsent";
      pending.error = appError(cause);
      pending.again = goesAgain(cause);
    }
    this.listener.ordersChanged();
  }

  /** Forgets an unsent message. */
  discard(pending: Pending): void {
    this.branch.remove(pending);
    this.outbox.remove(pending.order.generationId);
    this.listener.ordersChanged();
  }

  /**
   * Stops an order that the server has not taken yet, as far as anybody knows. A call that is being made may get
   * through, and then its generation is stopped; asked a second time, the call is given up.
   */
  cancel(pending: Pending): void {
    if (pending.held) {
      pending.held = false;
      pending.state = "unsent";
      this.listener.ordersChanged();
      return;
    }
    if (pending.stopWanted) pending.abort.abort();
    pending.stopWanted = true;
    pending.enough.abort();
    this.listener.ordersChanged();
  }

  /** The server has this generation, as an answer or the live stream says. */
  accepted(generation: Pick<Generation, "id">): void {
    const pending = this.branch.pendingBy(generation.id);
    if (pending === undefined) return;
    this.branch.commit(pending);
    this.outbox.remove(generation.id);
    this.listener.taken(pending.order, pending.stopWanted);
  }

  /** Orders that the branch just read has already. */
  settle(): void {
    for (const { order } of [...this.branch.pending]) {
      const id = order.kind === "send" ? order.messageId : order.answerId;
      if (order.kind !== "continue" && this.branch.ids.includes(id)) this.accepted({ id: order.generationId });
    }
  }

  #send(pending: Pending): void {
    pending.held = !this.known;
    this.listener.ordersChanged();
    if (pending.held) this.listener.awaited();
    else void this.#run(pending);
  }

  async #run(pending: Pending): Promise<void> {
    const { api, clock, random, generations } = this.services;
    const request = { spec: specOf(pending.order) };
    const { enough, abort } = pending;
    const retry = { clock, random, attempts: ATTEMPTS, enough: enough.signal, signal: abort.signal };
    const cause = await this.#prepare(pending.order, retry);
    const outcome = cause === null ? await calling((options) => api.chat.startGeneration(request, options), retry) : { ok: false as const, failure: cause };
    if (outcome.ok && outcome.value.generation !== undefined) {
      generations.started(outcome.value.generation);
      this.accepted(outcome.value.generation);
    } else if (!outcome.ok && this.branch.pending.includes(pending)) {
      this.#failed(pending, outcome.failure);
    }
  }

  /** Makes the conversation with the collections that are to be searched from its first answer on. */
  async #prepare(order: Order, retry: RetryOptions): Promise<Failure | null> {
    if (order.kind !== "send" || order.collectionIds.length === 0) return null;
    const { api, conversations, notices } = this.services;
    const { conversationId, collectionIds, generationId: requestId } = order;
    const request = { conversationId, collectionIds: [...collectionIds], requestId };
    const outcome = await calling((options) => api.conversations.setConversationCollections(request, options), retry);
    if (outcome.ok) {
      if (outcome.value.conversation !== undefined) conversations.learn(outcome.value.conversation);
      return null;
    }
    if (outcome.failure.code !== Code.NotFound) return outcome.failure;
    // One of them is gone. The message is not held back by that.
    notices.push("notice.collections", appError(outcome.failure));
    return null;
  }

  #failed(pending: Pending, cause: Failure): void {
    const { order } = pending;
    if (order.kind !== "send") {
      this.branch.remove(pending);
      if (cause.code !== Code.Canceled) this.listener.refused(order, cause);
      this.listener.ordersChanged();
      return;
    }
    pending.state = "unsent";
    pending.error = cause.code === Code.Canceled ? null : appError(cause);
    pending.again = goesAgain(cause);
    this.listener.ordersChanged();
    // Taken earlier, with an answer that got lost: then the branch has it.
    if (cause.code === Code.AlreadyExists || cause.network) this.listener.doubted();
  }
}

// One conversation as a screen needs it: the selected branch with what is on its way, and the verbs. It puts together
// the branch (what is known), the orders (what was asked), the logs (what is being written) and the views of them.

import type { CallOptions } from "@connectrpc/connect";

import type { AccountEvent } from "../gen/fireside/v1/account_event_pb.ts";
import { calling } from "../rpc/api.ts";
import { Code, type Failure } from "../rpc/failure.ts";
import { accessOf, sharing } from "./access.ts";
import { keptOf, type Kept } from "./attached.ts";
import { BranchReader } from "./branch-reader.ts";
import { Branch } from "./branch.ts";
import { ChosenCollections } from "./chat-collections.ts";
import { ChatScreen, isRunning, START } from "./chat-screen.ts";
import type { ChatServices } from "./chat-services.ts";
import { appError } from "./errors.ts";
import { newId } from "./ids.ts";
import { LogReader } from "./log-reader.ts";
import { Orders } from "./orders.ts";
import type { Attached } from "./part-types.ts";
import { Outbox, type Order } from "./pending.ts";
import { Coalescer } from "./scheduler.ts";
import { Store } from "./store.ts";
import type { Chat, ChatState, Draft, MessageView } from "./types.ts";

export interface ChatOptions {
  readonly id: string;
  /** It is not on the server yet: nothing to load. */
  readonly isNew: boolean;
  readonly draft: Draft;
  /** The first message was sent. */
  readonly begun: (chat: Chat) => void;
}

/** How long after a generation ended its log may take to say so. Milliseconds. */
const LATE_MS = 1_000;
const TITLE_LENGTH = 60;

export class ConversationChat extends Store<ChatState> implements Chat {
  readonly id: string;
  readonly draft: Draft;
  readonly #branch = new Branch();
  readonly #reader: BranchReader;
  readonly #orders: Orders;
  readonly #logs: LogReader;
  readonly #screen: ChatScreen;
  readonly #show: Coalescer;
  readonly #collections: ChosenCollections;
  readonly #endings: (() => void)[] = [];
  #begun: boolean;
  #chosenModel: string | null = null;

  constructor(
    private readonly services: ChatServices,
    private readonly options: ChatOptions,
  ) {
    super({ ...START, conversationId: options.id, phase: options.isNew ? "new" : "loading" });
    this.id = options.id;
    this.draft = options.draft;
    this.#begun = !options.isNew;
    this.#show = new Coalescer(services.scheduler, () => {
      this.#render();
    });
    this.#logs = new LogReader(services.generations, this.#branch, {
      grew: () => { this.#show.soon(); },
      ended: () => { this.#show.now(); },
      lost: () => { this.#reader.refresh(); },
    });
    this.#screen = new ChatScreen(this.#branch, this.#logs, () => services.clock.now());
    this.#collections = new ChosenCollections(services, this.id, {
      changed: () => { this.#show.now(); },
      failed: (cause, retry) => { this.#notify("notice.collections", cause, retry); },
    });
    this.#reader = this.#makeReader();
    const outbox = new Outbox(services.storage);
    this.#orders = this.#makeOrders(outbox);
    this.#listen();
    for (const order of outbox.orders(this.id)) this.#orders.place(order);
    if (options.isNew) this.#show.now();
    else services.live.start(() => { this.reload(); });
  }

  #makeReader(): BranchReader {
    return new BranchReader({
      ...this.services,
      conversationId: this.id,
      branch: this.#branch,
      read: () => { this.#read(); },
      failed: (cause) => { this.#unread(cause); },
    });
  }

  #makeOrders(outbox: Outbox): Orders {
    const listener = {
      ordersChanged: () => { this.#show.now(); },
      taken: (order: Order, stopWanted: boolean) => { this.#taken(order, stopWanted); },
      refused: (order: Order, cause: Failure) => { this.#refused(order, cause); },
      doubted: () => { this.#reader.refresh(); },
      awaited: () => { this.#reader.want(); },
    };
    return new Orders(this.services, this.#branch, outbox, listener, this.options.isNew);
  }

  // ---- verbs ----

  send(text: string): void {
    const attached = this.draft.attached.get();
    if ((text.trim() === "" && attached.length === 0) || this.get().running) return;
    const parentId = this.#branch.ids.at(-1) ?? "";
    const collectionIds = this.#begun ? [] : this.#collections.ids();
    this.draft.clear();
    this.#begin(text.trim() === "" ? (attached[0]?.name ?? "") : text);
    this.#place({ ...this.#newSend(text, attached), parentId, branches: false, collectionIds });
  }

  edit(messageId: string, text: string, attached?: readonly Attached[]): void {
    const message = this.#branch.message(messageId);
    if (message === undefined || this.get().running) return;
    const { parentId } = message;
    const before = keptOf(message);
    const kept = attached === undefined ? before : [...attached, ...before.filter((item) => item.kind === "image")];
    if (text.trim() === "" && kept.length === 0) return;
    this.#place({ ...this.#newSend(text, kept), parentId, branches: true, collectionIds: [] });
  }

  regenerate(messageId: string, model = ""): void {
    const message = this.#branch.message(messageId);
    if (message === undefined || this.get().running) return;
    const parentId = this.#view(messageId)?.role === "user" ? messageId : message.parentId;
    const order = this.#newOrder();
    this.#place({ ...order, kind: "regenerate", targetId: messageId, parentId, model: model || order.model });
  }

  continueAnswer(messageId: string): void {
    if (this.get().running || this.#branch.record(messageId) === undefined) return;
    this.#place({ ...this.#newOrder(), kind: "continue", answerId: messageId });
  }

  retry(messageId: string): void {
    const pending = this.#branch.pendingOf(messageId);
    if (pending !== undefined) {
      if (!this.get().running) this.#orders.retry(pending, this.#chosenModel);
    } else if (this.#view(messageId)?.finish === "failed") this.regenerate(messageId);
  }

  discard(messageId: string): void {
    const pending = this.#branch.pendingOf(messageId);
    if (pending?.state !== "unsent" || pending.order.kind !== "send") return;
    if (this.draft.get() === "") this.draft.set(pending.order.text);
    this.draft.attach(pending.order.attached.filter((item) => item.kind !== "image"));
    this.#orders.discard(pending);
    if (this.#branch.shown().length === 0) this.services.conversations.abandon(this.id);
  }

  stop(): void {
    const pending = this.#branch.pending.find(({ state }) => state === "sending");
    if (pending !== undefined) {
      this.#orders.cancel(pending);
      return;
    }
    const running = this.#screen.running();
    if (running !== undefined) this.#stop(running.generationId);
  }

  selectSibling(messageId: string): void {
    if (this.#branch.pending.some(({ state }) => state === "sending")) return;
    const chosen = this.#branch.pendingOf(messageId);
    const shown = this.get().messages.find((view) => view.siblingIds.includes(messageId));
    for (const pending of this.#branch.pending) {
      const { order } = pending;
      if (pending === chosen) pending.hidden = false;
      else if (order.kind === "send" && shown?.siblingIds.includes(order.messageId) === true) pending.hidden = true;
    }
    if (chosen === undefined && !this.#branch.ids.includes(messageId)) this.#select(messageId);
    this.#show.now();
  }

  setModel(modelId: string): void {
    this.#chosenModel = modelId;
    this.services.settings.change({ model: modelId });
    this.#show.now();
  }

  setCollections(ids: readonly string[]): void {
    this.#collections.choose(ids, this.#begun);
  }

  loadOlder(): void {
    if (this.#branch.token === "" || this.#reader.readingOlder) return;
    void this.#reader.older().then((cause) => {
      if (cause !== null) this.#notify("notice.older", cause, () => { this.loadOlder(); });
      this.#show.now();
    });
    this.#show.now();
  }

  reload(): void {
    if (this.get().phase === "failed") this.update({ phase: "loading", error: null });
    this.#reader.refresh();
    this.#readConversation();
  }

  /** Nobody looks at it any more. */
  close(): void {
    for (const end of this.#endings.splice(0)) end();
    this.#logs.close();
  }

  // ---- orders ----

  #newId(): string {
    return newId(this.services.clock.now());
  }

  #newOrder() {
    const at = this.services.clock.now();
    const model = this.#model();
    return { conversationId: this.id, generationId: newId(at), answerId: newId(at), model, at };
  }

  #newSend(text: string, attached: readonly Kept[]) {
    return { ...this.#newOrder(), kind: "send" as const, messageId: this.#newId(), text, attached };
  }

  #place(order: Order): void {
    if (this.#begun) this.services.conversations.touch(this.id);
    this.#orders.place(order);
  }

  /** The first message makes the conversation. */
  #begin(text: string): void {
    if (this.#branch.ids.length === 0) {
      const title = text.trim().split("\n", 1)[0]?.slice(0, TITLE_LENGTH) ?? "";
      this.services.conversations.begin(this.id, title, this.#model());
    }
    if (this.#begun) return;
    this.#begun = true;
    this.options.begun(this);
  }

  #taken(order: Order, stopWanted: boolean): void {
    this.#reader.changed();
    if (order.kind === "send" && order.collectionIds.length > 0) this.#collections.taken();
    if (this.get().phase !== "ready") this.update({ phase: "ready", error: null });
    if (stopWanted) this.#stop(order.generationId);
    this.#show.now();
  }

  #refused(order: Order, cause: Failure): void {
    if (order.kind === "regenerate") {
      this.#notify("notice.regenerate", cause, () => { this.regenerate(order.targetId, order.model); });
    } else if (order.kind === "continue") {
      this.#notify("notice.continue", cause, () => { this.continueAnswer(order.answerId); });
    }
    // Refused for what is not known here, such as an answer that another tab goes on with.
    this.#reader.refresh();
  }

  #stop(generationId: string): void {
    this.#screen.stopping(generationId);
    this.#show.now();
    const { api } = this.services;
    void calling((options) => api.chat.stopGeneration({ generationId }, options), this.services).then((outcome) => {
      if (outcome.ok) return;
      this.#screen.notStopping(generationId);
      this.#notify("notice.stop", outcome.failure, () => { this.#stop(generationId); });
      this.#show.now();
    });
  }

  #select(messageId: string): void {
    this.#reader.changed();
    const before = this.#branch.ids;
    this.#branch.select(messageId);
    const requestId = this.#newId();
    const { api, conversations } = this.services;
    const call = (options: CallOptions) => api.conversations.selectBranch({ messageId, requestId }, options);
    void calling(call, this.services).then((outcome) => {
      if (outcome.ok) {
        if (outcome.value.conversation !== undefined) conversations.learn(outcome.value.conversation);
      } else {
        this.#branch.ids = before;
        this.#notify("notice.select", outcome.failure, () => { this.selectSibling(messageId); });
        this.#show.now();
      }
      this.#reader.changed();
      this.#reader.refresh();
    });
  }

  #notify(action: Parameters<ChatServices["notices"]["push"]>[0], cause: Failure, retry: () => void): void {
    this.services.notices.push(action, appError(cause), retry);
  }

  // ---- reading ----

  #listen(): void {
    const { live, conversations, models } = this.services;
    this.#endings.push(
      live.listen({
        fresh: () => {
          if (this.#begun) this.reload();
        },
        account: (event) => { this.#account(event); },
      }),
      live.link.subscribe((link) => {
        if (link.kind === "live") this.#orders.retryWaiting();
      }),
      conversations.subscribe(() => {
        const { title, model, access, shared, collectionIds } = this.get();
        const now = sharing(conversations.recordOf(this.id));
        const same = collectionIds.join() === this.#collections.ids().join() && title === conversations.titleOf(this.id) && access === now.access && shared === now.shared;
        if (!same || model !== this.#model()) this.#show.now();
      }),
      models.subscribe(() => {
        if (this.get().model !== this.#model()) this.#show.now();
      }),
    );
  }

  #account({ kind }: AccountEvent): void {
    if (kind.case === "conversationDeleted" && kind.value === this.id) this.update({ phase: "missing" });
    else if (kind.case === "conversationCreated" && kind.value.id === this.id) {
      if (this.get().phase === "missing") this.reload();
    } else if (kind.case === "conversationUpdated" && kind.value.id === this.id) {
      const shown = this.#branch.shown();
      if (kind.value.headMessageId !== "" && kind.value.headMessageId !== shown.at(-1)) this.#reader.refresh();
    } else if (kind.case === "generationStarted" && kind.value.conversationId === this.id) {
      this.#orders.accepted(kind.value);
      // Continued, or asked for, by another tab.
      if (this.#branch.record(kind.value.messageId)?.generationId !== kind.value.id) this.#reader.refresh();
    } else if (kind.case === "generationEnded" && kind.value.conversationId === this.id) {
      const { id, messageId } = kind.value;
      this.#orders.accepted(kind.value);
      this.services.clock.after(LATE_MS, () => {
        const record = this.#branch.record(messageId);
        if (record === undefined || (record.generationId === id && isRunning(record))) this.#reader.refresh();
      });
    }
  }

  #read(): void {
    this.#begun = true;
    this.update({ phase: "ready", error: null });
    this.#orders.settle();
    this.#orders.ready();
    this.#show.now();
  }

  #unread(cause: Failure): void {
    const waiting = this.#branch.pending.length > 0;
    if (cause.code === Code.NotFound) this.update({ phase: waiting ? "ready" : "missing" });
    else if (this.get().phase === "loading") this.update({ phase: waiting ? "ready" : "failed", error: appError(cause) });
    if (cause.code === Code.NotFound) this.#orders.ready();
    else this.#orders.unready(cause);
    this.#show.now();
  }

  /** The title and the model, where the list has not brought them. */
  #readConversation(): void {
    const { api, conversations } = this.services;
    if (conversations.recordOf(this.id) !== undefined) return;
    const call = (options: CallOptions) =>
      api.conversations.getConversation({ conversationId: this.id }, options);
    void calling(call, this.services).then((outcome) => {
      if (outcome.ok && outcome.value.conversation !== undefined) conversations.learn(outcome.value.conversation);
    });
  }

  // ---- showing ----

  #model(): string {
    const { conversations, models, settings } = this.services;
    const wanted = this.#chosenModel ?? conversations.recordOf(this.id)?.model;
    if (wanted !== undefined) return models.lost(wanted) ? "" : wanted;
    // What was chosen another day may be gone since.
    const remembered = settings.get().model;
    return models.get().phase === "ready" && models.find(remembered) === null ? "" : remembered;
  }

  #view(id: string): MessageView | undefined {
    return this.get().messages.find((view) => view.id === id);
  }

  #render(): void {
    const record = this.services.conversations.recordOf(this.id);
    const screen = this.#screen.screen(accessOf(record) === "viewer");
    this.update({
      ...screen,
      hasOlder: this.#branch.token !== "",
      loadingOlder: this.#reader.readingOlder,
      title: this.services.conversations.titleOf(this.id),
      ...sharing(record),
      model: this.#model(),
      collectionIds: this.#collections.ids(),
      ...(this.get().phase === "new" && screen.messages.length > 0 ? { phase: "ready" as const } : {}),
    });
  }
}

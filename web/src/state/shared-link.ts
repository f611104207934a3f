// What a link shows of a conversation, for whoever has the link: read as a whole, then followed. Loaded with its page.

import { createClient, type Client, type Transport } from "@connectrpc/connect";

import type { Conversation } from "../gen/fireside/v1/conversation_pb.ts";
import { MessageState, type Message } from "../gen/fireside/v1/message_pb.ts";
import { ShareService } from "../gen/fireside/v1/share_service_pb.ts";
import { calling } from "../rpc/api.ts";
import { backoff, type Clock } from "../rpc/clock.ts";
import { Code, failureOf, type Failure } from "../rpc/failure.ts";
import { appError } from "./errors.ts";
import { MessageViews } from "./message-view.ts";
import { Coalescer, type Scheduler } from "./scheduler.ts";
import type { SharedLink, SharedLinkState } from "./sharing-types.ts";
import { Store } from "./store.ts";
import type { MessageView } from "./types.ts";

export interface SharedLinkOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: () => number;
  readonly scheduler: Scheduler;
  readonly token: string;
}

const PAGE = 200;
/** The heartbeats come each few seconds; a stream that is silent for so long is dead. Milliseconds. */
const SILENT_MS = 40_000;
const BASE_MS = 1_000;
const LIMIT_MS = 30_000;

export class LinkReader extends Store<SharedLinkState> implements SharedLink {
  readonly #api: Client<typeof ShareService>;
  readonly #views: MessageViews;
  readonly #show: Coalescer;
  #messages: readonly Message[] = [];
  /** The answer that is being written, as it was heard last. */
  #running: Message | null = null;
  #watchers = 0;
  #attempt = 0;
  #abort: AbortController | null = null;
  #cancelRetry: () => void = () => undefined;
  #cancelSilence: () => void = () => undefined;
  #reading = false;
  #again = false;

  constructor(private readonly options: SharedLinkOptions) {
    super({ phase: "loading", error: null, title: "", ownerName: "", messages: [], running: false, live: false });
    this.#api = createClient(ShareService, options.transport);
    this.#views = new MessageViews(() => options.clock.now());
    this.#show = new Coalescer(options.scheduler, () => {
      this.#render();
    });
  }

  watch(): () => void {
    this.#watchers += 1;
    if (this.#watchers === 1) this.reload();
    let watching = true;
    return () => {
      if (!watching) return;
      watching = false;
      this.#watchers -= 1;
      if (this.#watchers === 0) this.#leave();
    };
  }

  reload(): void {
    if (this.get().phase !== "ready") this.update({ phase: "loading", error: null });
    this.#leave();
    this.#refresh();
    this.#follow();
  }

  // ---- reading ----

  #refresh(): void {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    void this.#read().then(() => {
      this.#reading = false;
      if (this.#again) {
        this.#again = false;
        this.#refresh();
      }
    });
  }

  async #read(): Promise<void> {
    const { token } = this.options;
    const messages: Message[] = [];
    let conversation: Conversation | undefined;
    let pageToken = "";
    do {
      const request = { token, pageSize: PAGE, pageToken };
      const outcome = await calling((options) => this.#api.getSharedConversation(request, options), this.options);
      if (!outcome.ok) {
        this.#failed(outcome.failure);
        return;
      }
      conversation ??= outcome.value.conversation;
      messages.push(...outcome.value.messages);
      pageToken = outcome.value.nextPageToken;
    } while (pageToken !== "");
    this.#messages = messages;
    const stored = messages.find(({ id }) => id === this.#running?.id);
    if (stored !== undefined && stored.state === MessageState.DONE) this.#running = null;
    this.update({ phase: "ready", error: null, title: conversation?.title ?? "", ownerName: conversation?.ownerName ?? "" });
    this.#show.now();
  }

  #failed(cause: Failure): void {
    if (cause.code === Code.NotFound) {
      this.#over("ended");
    } else if (cause.code === Code.Unauthenticated) {
      this.#over("sign_in");
    } else if (this.get().phase === "loading") {
      this.update({ phase: "failed", error: appError(cause) });
    }
  }

  /** Nothing more is to be seen, and nothing that was seen stays. */
  #over(phase: "ended" | "sign_in"): void {
    this.#leave();
    this.#messages = [];
    this.#running = null;
    this.update({ phase, title: "", ownerName: "", messages: [], running: false });
  }

  // ---- following ----

  #follow(): void {
    const abort = new AbortController();
    this.#abort = abort;
    void this.#listen(abort).then((cause) => {
      if (abort !== this.#abort) return;
      this.#cancelSilence();
      this.update({ live: false });
      if (cause.code === Code.NotFound || cause.code === Code.Unauthenticated) this.#failed(cause);
      else this.#retry(cause);
    });
  }

  async #listen(abort: AbortController): Promise<Failure> {
    const { token } = this.options;
    this.#awaitWord(abort);
    try {
      for await (const { kind } of this.#api.watchSharedConversation({ token }, { signal: abort.signal })) {
        if (abort !== this.#abort) break;
        this.#awaitWord(abort);
        if (!this.get().live) this.#opened();
        if (kind.case === "changed") this.#refresh();
        else if (kind.case === "running") this.#grew(kind.value);
      }
    } catch (caught) {
      return failureOf(caught);
    }
    return failureOf(new Error("The stream ended."));
  }

  #opened(): void {
    // What changed while nobody listened was not told.
    if (this.#attempt > 0) this.#refresh();
    this.#attempt = 0;
    this.update({ live: true });
  }

  #awaitWord(abort: AbortController): void {
    this.#cancelSilence();
    this.#cancelSilence = this.options.clock.after(SILENT_MS, () => {
      abort.abort();
    });
  }

  #retry(cause: Failure): void {
    this.#attempt += 1;
    const delay = Math.max(cause.retryAfterMs, backoff(this.#attempt, BASE_MS, LIMIT_MS, this.options.random));
    this.#cancelRetry = this.options.clock.after(delay, () => {
      this.#follow();
    });
  }

  #leave(): void {
    this.#cancelRetry();
    this.#cancelSilence();
    const abort = this.#abort;
    this.#abort = null;
    abort?.abort();
    this.update({ live: false });
  }

  #grew(message: Message): void {
    this.#running = message;
    if (!this.#messages.some(({ id }) => id === message.id)) this.#refresh();
    if (message.state === MessageState.DONE) this.#refresh();
    this.#show.soon();
  }

  // ---- showing ----

  #render(): void {
    if (this.get().phase !== "ready") return;
    const running = this.#running;
    const messages = this.#messages.map((message) => (message.id === running?.id ? running : message));
    const last = messages.at(-1)?.id;
    // It follows the last message known, or is of a branch that is about to be read.
    if (running !== null && running.parentId === last && running.id !== last) messages.push(running);
    const busy = messages.some(({ state }) => state === MessageState.RUNNING);
    this.update({ running: busy, messages: messages.map((message, index) => this.#view(message, index === messages.length - 1, busy)) });
  }

  #view(message: Message, last: boolean, busy: boolean): MessageView {
    const siblings = [message.id];
    return this.#views.view({ message, pending: null, error: null, heartbeat: null, siblings, readOnly: true, last, busy });
  }
}

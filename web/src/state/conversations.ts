// The list of conversations: pages, search, changes that show at once, and what other tabs do.

import type { CallOptions } from "@connectrpc/connect";

import type { AccountEvent } from "../gen/fireside/v1/account_event_pb.ts";
import type { Conversation } from "../gen/fireside/v1/conversation_pb.ts";
import { calling, type Api, type Outcome } from "../rpc/api.ts";
import type { Clock } from "../rpc/clock.ts";
import { Code } from "../rpc/failure.ts";
import { ConversationBook, matches, type Listing } from "./conversation-list.ts";
import { groupByDate } from "./dates.ts";
import { appError } from "./errors.ts";
import type { Generations } from "./generations.ts";
import { newId } from "./ids.ts";
import type { LiveClient } from "./live-client.ts";
import type { NoticeKey, NoticeList } from "./notices.ts";
import { Store } from "./store.ts";
import type { Conversations, ConversationsState } from "./types.ts";

export interface ConversationsOptions {
  readonly api: Api;
  readonly live: LiveClient;
  readonly generations: Generations;
  readonly notices: NoticeList;
  readonly clock: Clock;
  readonly random: () => number;
  readonly locale: string;
  readonly timeZone?: string;
}

const PAGE = 50;
const TYPING_MS = 150;
const UNDO_MS = 8_000;
const HOUR_MS = 3_600_000;

const START: ConversationsState = {
  phase: "loading",
  groups: [],
  query: "",
  searching: false,
  hasMore: false,
  loadingMore: false,
  error: null,
  undo: [],
};

export class ConversationStore extends Store<ConversationsState> implements Conversations {
  readonly #book = new ConversationBook();
  /** What is shown: all, or what was found. */
  #listing: Listing = { query: "", ids: new Set(), token: "" };
  #locale: string;
  #turn = 0;
  #cancelTyping: () => void = () => undefined;
  /** The changes of one conversation go to the server one after another. */
  readonly #queues = new Map<string, Promise<void>>();

  constructor(private readonly options: ConversationsOptions) {
    super(START);
    this.#locale = options.locale;
    options.live.listen({
      fresh: () => {
        void this.#load(this.get().query);
      },
      account: (event) => {
        this.#account(event);
      },
    });
    options.generations.running.subscribe(() => {
      this.#publish();
    });
    this.#eachHour();
  }

  // ---- reading ----

  reload(): void {
    if (this.get().phase === "failed") this.update({ phase: "loading", error: null });
    void this.#load(this.get().query);
  }

  search(query: string): void {
    const wanted = query.trim();
    if (wanted === this.get().query) return;
    this.update({ query: wanted, searching: true });
    this.#cancelTyping();
    this.#cancelTyping = this.options.clock.after(wanted === "" ? 0 : TYPING_MS, () => {
      void this.#load(wanted);
    });
  }

  loadMore(): void {
    const listing = this.#listing;
    if (listing.token === "" || this.get().loadingMore) return;
    this.update({ loadingMore: true });
    void this.#page(listing.query, listing.token).then((outcome) => {
      if (listing !== this.#listing) return;
      if (outcome.ok) this.#add(listing, outcome.value);
      else if (outcome.failure.code === Code.OutOfRange) this.reload();
      else {
        this.options.notices.push("notice.more", appError(outcome.failure), () => {
          this.loadMore();
        });
      }
      this.#publish({ loadingMore: false });
    });
  }

  setLocale(locale: string): void {
    this.#locale = locale;
    this.#publish();
  }

  async #load(query: string): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const outcome = await this.#page(query, "");
    if (turn !== this.#turn) return;
    if (!outcome.ok) {
      const error = appError(outcome.failure);
      // A list that is there stays; the connection says what is wrong.
      if (this.get().phase === "ready") this.update({ searching: false, error });
      else this.update({ phase: "failed", searching: false, error });
      return;
    }
    this.#listing = { query, ids: new Set(), token: "" };
    this.#add(this.#listing, outcome.value);
    this.#publish({ phase: "ready", searching: false, loadingMore: false, error: null });
  }

  #page(query: string, pageToken: string): Promise<Outcome<{ conversations: Conversation[]; nextPageToken: string }>> {
    const request = { pageSize: PAGE, pageToken, query };
    return calling((options) => this.options.api.conversations.listConversations(request, options), this.options);
  }

  #add(listing: Listing, page: { conversations: Conversation[]; nextPageToken: string }): void {
    for (const record of page.conversations) {
      this.#book.take(record);
      listing.ids.add(record.id);
    }
    listing.token = page.nextPageToken;
  }

  #account({ kind }: AccountEvent): void {
    if (kind.case === "conversationCreated") this.#book.back(kind.value.id);
    if (kind.case === "conversationCreated" || kind.case === "conversationUpdated") this.learn(kind.value);
    else if (kind.case === "conversationDeleted") {
      this.#book.gone(kind.value);
      this.#publish();
    }
  }

  // ---- what chats tell ----

  /** Takes a record that a call or the live stream brought. */
  learn(record: Conversation): void {
    this.#book.take(record);
    if (matches(record.title, this.#listing.query)) this.#listing.ids.add(record.id);
    this.#publish();
  }

  /** Shows a conversation that a chat begins, before the server has it. */
  begin(id: string, title: string, model: string): void {
    this.#book.begin(id, title, model, this.options.clock.now());
    this.#publish();
  }

  /** Takes back `begin`, unless the server has it. */
  abandon(id: string): void {
    this.#book.abandon(id);
    this.#publish();
  }

  /** Moves a conversation to the top: something was sent in it. */
  touch(id: string): void {
    this.#book.overlay(id).touchedAt = this.options.clock.now();
    this.#publish();
  }

  titleOf(id: string): string {
    return this.#book.title(id);
  }

  recordOf(id: string): Conversation | undefined {
    return this.#book.record(id);
  }

  // ---- changes ----

  rename(id: string, title: string): void {
    const wanted = title.trim().slice(0, 200);
    if (wanted === "" || wanted === this.#book.title(id)) return;
    const overlay = this.#book.overlay(id);
    const entry = { token: {}, title: wanted };
    overlay.titles.push(entry);
    const requestId = newId(this.options.clock.now());
    this.#change(id, {
      action: "notice.rename",
      call: (api, options) =>
        api.conversations.renameConversation({ conversationId: id, title: wanted, requestId }, options),
      settled: () => {
        overlay.titles = overlay.titles.filter((other) => other !== entry);
      },
      again: () => {
        this.rename(id, wanted);
      },
    });
  }

  delete(id: string): void {
    const title = this.#book.title(id);
    const overlay = this.#book.overlay(id);
    if (overlay.deleted === true) return;
    if (this.#book.isBegun(id)) {
      this.abandon(id);
      return;
    }
    overlay.deleted = true;
    this.update({ undo: [...this.get().undo.filter((entry) => entry.id !== id), { id, title }] });
    this.options.clock.after(UNDO_MS, () => {
      this.dismissUndo(id);
    });
    const requestId = newId(this.options.clock.now());
    this.#change(id, {
      action: "notice.delete",
      call: (api, options) => api.conversations.deleteConversation({ conversationId: id, requestId }, options),
      settled: (ok) => {
        if (ok) this.#book.gone(id);
        else this.dismissUndo(id);
        if (overlay.pending === 0) overlay.deleted = null;
      },
      again: () => {
        this.delete(id);
      },
    });
  }

  undelete(id: string): void {
    this.dismissUndo(id);
    const overlay = this.#book.overlay(id);
    overlay.deleted = false;
    const requestId = newId(this.options.clock.now());
    this.#change(id, {
      action: "notice.undelete",
      call: (api, options) => api.conversations.undeleteConversation({ conversationId: id, requestId }, options),
      settled: (ok) => {
        if (ok) this.#book.back(id);
        if (overlay.pending === 0) overlay.deleted = null;
      },
      again: () => {
        this.undelete(id);
      },
    });
  }

  leave(id: string): void {
    const overlay = this.#book.overlay(id);
    if (overlay.deleted === true) return;
    overlay.deleted = true;
    this.#change(id, {
      action: "notice.leave",
      call: async (api, options) => {
        await api.shares.leaveConversation({ conversationId: id }, options);
        return {};
      },
      settled: (ok) => {
        if (ok) this.#book.gone(id);
        if (overlay.pending === 0) overlay.deleted = null;
      },
      again: () => {
        this.leave(id);
      },
    });
  }

  dismissUndo(id: string): void {
    this.update({ undo: this.get().undo.filter((entry) => entry.id !== id) });
  }

  #change(id: string, change: Change): void {
    const overlay = this.#book.overlay(id);
    overlay.pending += 1;
    this.#publish();
    const run = async (): Promise<void> => {
      const outcome = await calling((options) => change.call(this.options.api, options), this.options);
      overlay.pending -= 1;
      change.settled(outcome.ok);
      if (outcome.ok && outcome.value.conversation !== undefined) this.learn(outcome.value.conversation);
      if (!outcome.ok) this.options.notices.push(change.action, appError(outcome.failure), change.again);
      this.#publish();
    };
    const last = (this.#queues.get(id) ?? Promise.resolve()).then(run);
    this.#queues.set(id, last);
    void last.then(() => {
      if (this.#queues.get(id) === last) this.#queues.delete(id);
    });
  }

  // ---- showing ----

  #publish(change: Partial<ConversationsState> = {}): void {
    const { clock, generations, timeZone } = this.options;
    const views = this.#book.views(this.#listing, generations.running.get());
    const groups = groupByDate(views, { now: clock.now(), locale: this.#locale, timeZone });
    this.update({ groups, hasMore: this.#listing.token !== "", ...change });
  }

  /** The headings change at midnight, wherever that is. */
  #eachHour(): void {
    this.options.clock.after(HOUR_MS, () => {
      this.#publish();
      this.#eachHour();
    });
  }
}

/** A change on its way: how it is made, and what is undone when it is through or failed. */
interface Change {
  readonly action: NoticeKey;
  readonly call: (api: Api, options: CallOptions) => Promise<{ readonly conversation?: Conversation | undefined }>;
  readonly settled: (ok: boolean) => void;
  readonly again: () => void;
}

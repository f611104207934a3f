// What there is for one person, made once it is known who that is: conversations, models, the live stream's listeners.
// Another person on the same page gets another page, so nothing here changes hands.

import type { Transport } from "@connectrpc/connect";

import { createApi } from "../rpc/api.ts";
import { watchful } from "../rpc/watchful.ts";
import { storageOf } from "./account-storage.ts";
import type { AppOptions } from "./app.ts";
import type { ChatServices } from "./chat-services.ts";
import { ConversationChat } from "./chat.ts";
import { ConfirmationDesk } from "./confirm.ts";
import { ConnectionStatus } from "./connection.ts";
import { ConversationStore } from "./conversations.ts";
import { Drafts, WrittenDraft } from "./drafts.ts";
import { Generations } from "./generations.ts";
import { newId } from "./ids.ts";
import type { LiveClient } from "./live-client.ts";
import { ModelList } from "./models.ts";
import { NoticeList } from "./notices.ts";
import { Outbox } from "./pending.ts";
import { ScreenPresence } from "./presence.ts";
import type { PathRouter } from "./router.ts";
import type { SessionKeeper } from "./session.ts";
import type { StoredSettings } from "./settings.ts";
import { OpenSource } from "./sources.ts";
import { Store } from "./store.ts";
import type { AppState, Chat, Route } from "./types.ts";

/** What outlasts who is here. */
export interface Hall {
  readonly session: SessionKeeper;
  readonly settings: StoredSettings;
  readonly router: PathRouter;
  readonly live: LiveClient;
}

/** Conversations that are kept ready, so that going back to one shows it at once. */
const KEPT = 8;
/** How long what is read at the start waits for the live stream. Milliseconds. */
const START_MS = 300;
/** How long a stream waits that was refused although its session holds. Milliseconds. */
const AGAIN_MS = 1_000;

/** Which conversation is shown, and those shown before. */
class Chats {
  readonly shown: Store<Chat>;
  readonly #open = new Map<string, ConversationChat>();
  #fresh: ConversationChat | null = null;

  constructor(
    private readonly services: ChatServices,
    private readonly drafts: Drafts,
    private readonly router: PathRouter,
  ) {
    this.shown = new Store(this.#of(router.get()));
    router.subscribe((route) => {
      if (route.name === "new" || route.name === "chat") this.shown.set(this.#of(route));
    });
  }

  #of(route: Route): Chat {
    if (route.name !== "chat") {
      this.#fresh ??= this.#make(newId(this.services.clock.now()), true);
      return this.#fresh;
    }
    const id = route.conversationId;
    const chat = this.#open.get(id) ?? this.#make(id, false);
    // The last shown is the last to go.
    this.#open.delete(id);
    this.#open.set(id, chat);
    this.#prune();
    return chat;
  }

  #make(id: string, isNew: boolean): ConversationChat {
    return new ConversationChat(this.services, {
      id,
      isNew,
      draft: this.drafts.of(isNew ? null : id),
      begun: (chat) => {
        if (this.#fresh === null || chat !== this.#fresh) return;
        this.#open.set(id, this.#fresh);
        this.#fresh = null;
        this.drafts.adopt(chat.draft, id);
        this.router.go({ name: "chat", conversationId: id }, { replace: true });
      },
    });
  }

  #prune(): void {
    for (const [id, chat] of this.#open) {
      if (this.#open.size <= KEPT) return;
      if (chat.get().running) continue;
      chat.close();
      this.#open.delete(id);
    }
  }
}

/** Makes it when it is first wanted; again when that failed. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make().catch((caught: unknown) => {
      made = null;
      throw caught;
    });
    return made;
  };
}

/** The live stream follows who is signed in, and tells when nobody is. */
function follow(hall: Hall, options: AppOptions, back: () => void): void {
  const { live, session } = hall;
  let away = false;
  session.subscribe(({ phase }) => {
    if (phase === "out") away = true;
    else if (away && phase === "in") {
      away = false;
      live.admit(session.get().account?.id ?? "");
      back();
    }
  });
  live.link.subscribe((link) => {
    const { phase } = session.get();
    // Somebody has signed in where this tab did not hear of it.
    if (link.kind === "live" && phase === "out") void session.refresh();
    if (link.kind !== "stopped" || link.failure === null) return;
    const { failure } = link;
    session.heard(failure);
    options.clock.after(AGAIN_MS, () => {
      if (live.link.get() === link && session.get().phase === "in") live.hint("retry");
    });
  });
}

export function createRoom(hall: Hall, options: AppOptions): AppState {
  const { clock, random, locale } = options;
  const { session, settings, router, live } = hall;
  const transport: Transport = watchful(options.transport, (cause) => { session.heard(cause); });
  const accountId = session.get().account?.id ?? "";
  const storage = storageOf(options.storage, accountId);
  const api = createApi(transport);
  const notices = new NoticeList();
  const confirm = new ConfirmationDesk({ clock, random });
  const generations = new Generations({ api, live, clock, random });
  const models = new ModelList(api, live, { clock, random });
  const zone = options.timeZone === undefined ? {} : { timeZone: options.timeZone };
  const conversations = new ConversationStore({ api, live, generations, notices, clock, random, locale, ...zone });
  const services: ChatServices = { ...options, storage, api, live, generations, conversations, notices, settings, models };
  const outbox = new Outbox(storage);
  for (const order of outbox.orders()) {
    if (order.parentId === "") conversations.begin(order.conversationId, order.text.slice(0, 60), order.model);
  }
  const read = (): void => {
    models.reload();
    conversations.reload();
  };
  live.start(read);
  const chat = new Chats(services, new Drafts(storage, () => clock.now()), router).shown;
  clock.after(START_MS, () => {
    live.begin();
  });
  const connection = new ConnectionStatus(live, clock);
  follow(hall, options, () => {
    read();
    if (chat.get().get().phase === "failed") chat.get().reload();
  });
  const parts = { transport, live, notices, clock, random };
  const account = once(async () => new (await import("./account.ts")).AccountDesk({ ...parts, session, confirm }));
  const runners = once(async () => new (await import("./runners.ts")).RunnerAdmin(parts));
  const admin = once(async () => (await import("./admin.ts")).createAdmin(parts));
  const sources = new OpenSource(async (source) => new (await import("./source-text.ts")).DocumentText(parts, source));
  const attachments = once(async () => {
    const [{ DraftDesk }, engine] = await Promise.all([import("./attachments.ts"), uploads()]);
    return new DraftDesk({ ...parts, uploads: engine });
  });
  const library = once(async () => new (await import("./library.ts")).CollectionLibrary({ ...parts, locale }));
  const uploads = once(async () => new (await import("./uploads.ts")).UploadEngine({ ...parts, storage, hash: options.hash, append: options.append, check: options.check }));
  const presence = new ScreenPresence({ api, live, clock, accountId: () => accountId });
  return {
    session, confirm, conversations, chat, models, settings, connection, router, notices, account, runners, admin, presence, sources,
    shares: async (id) => new (await import("./shares.ts")).ConversationShares({ api: api.shares, clock, random }, id),
    library,
    revise: (text, attached) => new WrittenDraft({ text, attached }),
    attachments,
    uploads,
    unsent: () => outbox.orders().length,
  };
}

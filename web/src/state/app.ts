// Puts the parts of the state together. What is of the browser (transport, storage, address, frames) is passed in.

import type { Transport } from "@connectrpc/connect";

import { createApi } from "../rpc/api.ts";
import type { Clock } from "../rpc/clock.ts";
import type { ChatServices } from "./chat-services.ts";
import { ConversationChat } from "./chat.ts";
import { ConnectionStatus } from "./connection.ts";
import { ConversationStore } from "./conversations.ts";
import { Drafts } from "./drafts.ts";
import { Generations } from "./generations.ts";
import { newId } from "./ids.ts";
import { LiveClient } from "./live-client.ts";
import { ModelList } from "./models.ts";
import { NoticeList } from "./notices.ts";
import { Outbox } from "./pending.ts";
import { PathRouter, type Address } from "./router.ts";
import type { Runners } from "./runner-types.ts";
import type { Scheduler } from "./scheduler.ts";
import { StoredSettings } from "./settings.ts";
import type { KeyStore } from "./storage.ts";
import { Store } from "./store.ts";
import type { AppState, Chat, Route } from "./types.ts";

export interface AppOptions {
  readonly transport: Transport;
  readonly storage: KeyStore;
  readonly address: Address;
  readonly clock: Clock;
  readonly random: () => number;
  readonly scheduler: Scheduler;
  readonly locale: string;
  readonly timeZone?: string;
}

/** Conversations that are kept ready, so that going back to one shows it at once. */
const KEPT = 8;
/** How long what is read at the start waits for the live stream. Milliseconds. */
const START_MS = 300;

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
      if (route.name !== "runners") this.shown.set(this.#of(route));
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

export interface App {
  readonly state: AppState;
  /** Attach it to a hub to make the app live. */
  readonly live: LiveClient;
}

/** Makes it when it is first wanted; again when that failed. */
function once(make: () => Promise<Runners>): () => Promise<Runners> {
  let made: Promise<Runners> | null = null;
  return () => {
    made ??= make().catch((caught: unknown) => {
      made = null;
      throw caught;
    });
    return made;
  };
}

export function createApp(options: AppOptions): App {
  const { clock, random, storage } = options;
  const api = createApi(options.transport);
  const live = new LiveClient();
  const notices = new NoticeList();
  const settings = new StoredSettings(storage);
  const generations = new Generations({ api, live, clock, random });
  const models = new ModelList(api, live, { clock, random });
  const zone = options.timeZone === undefined ? {} : { timeZone: options.timeZone };
  const conversations = new ConversationStore({
    api,
    live,
    generations,
    notices,
    clock,
    random,
    locale: options.locale,
    ...zone,
  });
  const services: ChatServices = { ...options, api, live, generations, conversations, notices, settings, models };
  const router = new PathRouter(options.address);
  for (const order of new Outbox(storage).orders()) {
    if (order.parentId === "") conversations.begin(order.conversationId, order.text.slice(0, 60), order.model);
  }
  live.start(() => {
    models.reload();
    conversations.reload();
  });
  const chat = new Chats(services, new Drafts(storage, () => clock.now()), router).shown;
  clock.after(START_MS, () => {
    live.begin();
  });
  const connection = new ConnectionStatus(live, clock);
  const runners = once(async () => {
    const { RunnerAdmin } = await import("./runners.ts");
    return new RunnerAdmin({ ...options, live, notices });
  });
  return { live, state: { conversations, chat, models, settings, connection, router, notices, runners } };
}

// A browser without a screen: tabs with their storage, address and frames, which share one hub as they do through a
// shared worker.

import { createApi } from "../../src/rpc/api.ts";
import { localLine } from "../../src/rpc/wire.ts";
import { createApp, type App } from "../../src/state/app.ts";
import { LiveHub } from "../../src/state/live-hub.ts";
import type { Address } from "../../src/state/router.ts";
import type { KeyStore } from "../../src/state/storage.ts";
import type { Chat, ChatState, MessageView } from "../../src/state/types.ts";
import type { Hash } from "../../src/state/upload-task.ts";
import type { TestServer } from "./server.ts";
import { certain, TestClock, TestFrames, settle, until } from "./time.ts";
import { digestOf } from "./upload-service.ts";

/** The storage of one browser; each tab hears of what the others change. */
export class TestStorage {
  readonly values = new Map<string, string>();
  readonly #views: { listeners: ((key: string, value: string | null) => void)[] }[] = [];

  view(): KeyStore {
    const own = { listeners: [] as ((key: string, value: string | null) => void)[] };
    this.#views.push(own);
    const tell = (key: string, value: string | null): void => {
      for (const view of this.#views) if (view !== own) for (const listener of view.listeners) listener(key, value);
    };
    return {
      get: (key) => this.values.get(key) ?? null,
      set: (key, value) => {
        this.values.set(key, value);
        tell(key, value);
      },
      remove: (key) => {
        if (this.values.delete(key)) tell(key, null);
      },
      keys: () => [...this.values.keys()],
      onChange: (listener) => own.listeners.push(listener),
    };
  }
}

export class TestAddress implements Address {
  readonly entries: string[];
  #move: () => void = () => undefined;

  constructor(path: string) {
    this.entries = [path];
  }

  path(): string {
    return new URL(this.#present, "http://test").pathname;
  }

  query(): string {
    return new URL(this.#present, "http://test").search;
  }

  hash(): string {
    return new URL(this.#present, "http://test").hash.slice(1);
  }

  get #present(): string {
    return this.entries.at(-1) ?? "/";
  }

  push(path: string): void {
    this.entries.push(path);
  }

  replace(path: string): void {
    this.entries[this.entries.length - 1] = path;
  }

  onMove(listener: () => void): void {
    this.#move = listener;
  }

  back(): void {
    this.entries.pop();
    this.#move();
  }
}

export class Tab {
  readonly frames = new TestFrames();
  readonly address: TestAddress;
  readonly app: App;
  /** Where the page was loaded anew, each time. */
  readonly renewed: string[] = [];

  constructor(browser: Browser, path: string) {
    this.address = new TestAddress(path);
    this.app = createApp({
      transport: browser.server.transport,
      storage: browser.storage.view(),
      address: this.address,
      clock: browser.clock,
      random: certain,
      scheduler: this.frames,
      locale: "en",
      timeZone: "UTC",
      renew: (path) => this.renewed.push(path ?? ""),
      hash: browser.hash,
    });
    let joined = false;
    this.app.room.subscribe((room) => {
      if (room === null || joined) return;
      joined = true;
      const line = localLine();
      browser.hub.connect(line.hub);
      this.app.live.attach(line.tab);
    });
  }

  get chat(): Chat {
    return this.app.state.chat.get();
  }

  get state(): ChatState {
    return this.chat.get();
  }

  get messages(): readonly MessageView[] {
    return this.state.messages;
  }

  /** The text of the last message. */
  get text(): string {
    return textOf(this.messages.at(-1));
  }

  get texts(): string[] {
    return this.messages.map(textOf);
  }

  get titles(): string[] {
    return this.app.state.conversations.get().groups.flatMap((group) => group.items.map((item) => item.title));
  }

  /** Waits until the tab shows this as its last text. */
  async shows(text: string): Promise<void> {
    await until(() => {
      this.frames.paint();
      return this.text === text;
    }, `"${text}" (instead of "${this.text}")`);
  }
}

export function textOf(view: MessageView | undefined): string {
  return (view?.parts ?? []).map((part) => (part.kind === "text" ? part.text : "")).join("");
}

export class Browser {
  readonly storage = new TestStorage();
  /** In this thread: what it costs is not what is tested. */
  hash: Hash = async (file) => digestOf(new Uint8Array(await file.slice(0, file.size).arrayBuffer()));
  hub: LiveHub;

  constructor(
    readonly server: TestServer,
    readonly clock = new TestClock(),
  ) {
    this.hub = this.newHub();
  }

  newHub(): LiveHub {
    const api = createApi(this.server.transport);
    return new LiveHub({
      open: (request, signal) => api.chat.watchEvents(request, { signal }),
      clock: this.clock,
      random: certain,
      deadAfterMs: 6_000,
    });
  }

  /** Opens a tab and waits until it is known who is here. */
  async door(path = "/"): Promise<Tab> {
    const tab = new Tab(this, path);
    await until(() => tab.app.session.get().phase !== "starting", "who is here");
    await settle();
    return tab;
  }

  /** Opens a tab and waits until it is live and has read what it shows. */
  async open(path = "/"): Promise<Tab> {
    const tab = await this.door(path);
    await until(() => tab.app.live.link.get().kind === "live", "the tab live");
    await until(() => tab.app.state.conversations.get().phase === "ready", "the list read");
    await until(() => tab.state.phase !== "loading", "the conversation read");
    await settle();
    return tab;
  }

  close(): void {
    this.hub.close();
  }
}

/** Sends a first message in a tab and waits until the server has it. Returns the generation's id. */
export async function ask(tab: Tab, server: TestServer, text: string): Promise<string> {
  const before = server.logs.size;
  tab.chat.send(text);
  await until(() => server.logs.size > before, "the generation");
  await until(() => tab.messages.at(-2)?.status === "done", "the message taken");
  return [...server.logs.keys()].at(-1) ?? "";
}

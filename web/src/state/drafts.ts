// The text being written in each conversation: kept across reloads and errors, shared between tabs.

import { isRecord, readJson, type KeyStore } from "./storage.ts";
import { Store } from "./store.ts";
import type { Draft } from "./types.ts";

const PREFIX = "fireside.draft.";
/** Drafts that nobody came back to for this long go. */
const KEPT_MS = 60 * 24 * 3600 * 1000;
/** The name of the draft of a conversation that is not begun yet. */
const NEW = "new";

interface Saved {
  readonly text: string;
  readonly at: number;
}

function isSaved(value: unknown): value is Saved {
  return isRecord(value) && typeof value["text"] === "string" && typeof value["at"] === "number";
}

class StoredDraft extends Store<string> implements Draft {
  constructor(
    private readonly drafts: Drafts,
    text: string,
  ) {
    super(text);
  }

  override set(text: string): void {
    if (text === this.get()) return;
    super.set(text);
    this.drafts.save(this, text);
  }

  /** Takes what another tab wrote. */
  take(text: string): void {
    super.set(text);
  }
}

export class Drafts {
  readonly #open = new Map<string, StoredDraft>();
  readonly #nameOf = new WeakMap<StoredDraft, string>();

  constructor(
    private readonly store: KeyStore,
    private readonly now: () => number,
  ) {
    store.onChange((key, value) => {
      if (!key.startsWith(PREFIX)) return;
      const text = value === null ? "" : (readJson(store, key, isSaved)?.text ?? "");
      this.#open.get(key.slice(PREFIX.length))?.take(text);
    });
    this.#prune();
  }

  /** The draft of a conversation, or of the one to be begun next. The same object for the same name. */
  of(conversationId: string | null): Draft {
    const name = conversationId ?? NEW;
    let draft = this.#open.get(name);
    if (draft === undefined) {
      draft = new StoredDraft(this, readJson(this.store, PREFIX + name, isSaved)?.text ?? "");
      this.#open.set(name, draft);
      this.#nameOf.set(draft, name);
    }
    return draft;
  }

  /** The conversation was begun: what is written in its draft from now on is its own. */
  adopt(draft: Draft, conversationId: string): void {
    if (!(draft instanceof StoredDraft) || this.#nameOf.get(draft) !== NEW) return;
    this.#open.delete(NEW);
    this.#open.set(conversationId, draft);
    this.#nameOf.set(draft, conversationId);
    if (draft.get() !== "") this.save(draft, draft.get());
    this.store.remove(PREFIX + NEW);
  }

  save(draft: StoredDraft, text: string): void {
    const key = PREFIX + (this.#nameOf.get(draft) ?? NEW);
    if (text === "") this.store.remove(key);
    else this.store.set(key, JSON.stringify({ text, at: this.now() } satisfies Saved));
  }

  #prune(): void {
    for (const key of this.store.keys()) {
      if (!key.startsWith(PREFIX)) continue;
      const saved = readJson(this.store, key, isSaved);
      if (saved === null || this.now() - saved.at > KEPT_MS) this.store.remove(key);
    }
  }
}

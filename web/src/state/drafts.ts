// What is being written in each conversation, with what goes with it: kept across reloads and errors, shared between tabs.

import { isAttached, keyOf } from "./attached.ts";
import type { Attached } from "./part-types.ts";
import { isRecord, readJson, type KeyStore } from "./storage.ts";
import { Store } from "./store.ts";
import type { Draft, Readable } from "./types.ts";

const PREFIX = "fireside.draft.";
/** Drafts that nobody came back to for this long go. */
const KEPT_MS = 60 * 24 * 3600 * 1000;
/** The name of the draft of a conversation that is not begun yet. */
const NEW = "new";

interface Saved {
  readonly text: string;
  readonly attached?: readonly Attached[];
  readonly at: number;
}

const EMPTY: Pick<Saved, "text" | "attached"> = { text: "" };

function isSaved(value: unknown): value is Saved {
  if (!isRecord(value) || typeof value["text"] !== "string" || typeof value["at"] !== "number") return false;
  const attached = value["attached"];
  return attached === undefined || (Array.isArray(attached) && attached.every(isAttached));
}

/** A message that is being written. Keeps nothing itself: `changed` is called when there is something to be kept. */
export class WrittenDraft extends Store<string> implements Draft {
  readonly #attached: Store<readonly Attached[]>;

  constructor(
    { text, attached = [] }: Pick<Saved, "text" | "attached">,
    private readonly changed: (draft: WrittenDraft) => void = () => undefined,
  ) {
    super(text);
    this.#attached = new Store<readonly Attached[]>(attached);
  }

  get attached(): Readable<readonly Attached[]> {
    return this.#attached;
  }

  override set(text: string): void {
    if (text === this.get()) return;
    super.set(text);
    this.changed(this);
  }

  attach(items: readonly Attached[]): void {
    const known = new Set(this.#attached.get().map(keyOf));
    const fresh = items.filter((item) => !known.has(keyOf(item)));
    if (fresh.length === 0) return;
    this.#attached.set([...this.#attached.get(), ...fresh]);
    this.changed(this);
  }

  detach(key: string): void {
    const left = this.#attached.get().filter((item) => keyOf(item) !== key);
    if (left.length === this.#attached.get().length) return;
    this.#attached.set(left);
    this.changed(this);
  }

  clear(): void {
    super.set("");
    if (this.#attached.get().length > 0) this.#attached.set([]);
    this.changed(this);
  }

  /** Takes what another tab wrote. */
  take({ text, attached = [] }: Pick<Saved, "text" | "attached">): void {
    super.set(text);
    const keys = this.#attached.get().map(keyOf).join();
    if (attached.map(keyOf).join() !== keys) this.#attached.set(attached);
  }
}

export class Drafts {
  readonly #open = new Map<string, WrittenDraft>();
  readonly #nameOf = new WeakMap<WrittenDraft, string>();

  constructor(
    private readonly store: KeyStore,
    private readonly now: () => number,
  ) {
    store.onChange((key, value) => {
      if (!key.startsWith(PREFIX)) return;
      const saved = value === null ? null : readJson(store, key, isSaved);
      this.#open.get(key.slice(PREFIX.length))?.take(saved ?? EMPTY);
    });
    this.#prune();
  }

  /** The draft of a conversation, or of the one to be begun next. The same object for the same name. */
  of(conversationId: string | null): Draft {
    const name = conversationId ?? NEW;
    let draft = this.#open.get(name);
    if (draft === undefined) {
      draft = new WrittenDraft(readJson(this.store, PREFIX + name, isSaved) ?? EMPTY, (changed) => {
        this.save(changed);
      });
      this.#open.set(name, draft);
      this.#nameOf.set(draft, name);
    }
    return draft;
  }

  /** The conversation was begun: what is written in its draft from now on is its own. */
  adopt(draft: Draft, conversationId: string): void {
    if (!(draft instanceof WrittenDraft) || this.#nameOf.get(draft) !== NEW) return;
    this.#open.delete(NEW);
    this.#open.set(conversationId, draft);
    this.#nameOf.set(draft, conversationId);
    this.save(draft);
    this.store.remove(PREFIX + NEW);
  }

  save(draft: WrittenDraft): void {
    const key = PREFIX + (this.#nameOf.get(draft) ?? NEW);
    const text = draft.get();
    const attached = draft.attached.get();
    if (text === "" && attached.length === 0) this.store.remove(key);
    else {
      const saved: Saved = { text, ...(attached.length > 0 ? { attached } : {}), at: this.now() };
      this.store.set(key, JSON.stringify(saved));
    }
  }

  #prune(): void {
    for (const key of this.store.keys()) {
      if (!key.startsWith(PREFIX)) continue;
      const saved = readJson(this.store, key, isSaved);
      if (saved === null || this.now() - saved.at > KEPT_MS) this.store.remove(key);
    }
  }
}

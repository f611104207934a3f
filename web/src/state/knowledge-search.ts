// Looks for passages in one collection or all: as one types, the newest answer alone counts.

import type { Clock } from "../rpc/clock.ts";
import type { Caller } from "./admin-calls.ts";
import { hitView } from "./document-view.ts";
import type { KnowledgeApi } from "./documents.ts";
import { appError } from "./errors.ts";
import type { KnowledgeSearch, SearchState } from "./library-types.ts";
import { Store } from "./store.ts";

const TYPING_MS = 250;
const MOST = 30;
const IDLE: SearchState = { phase: "idle", query: "", shown: "", error: null, hits: [], pending: 0 };

export class LibrarySearch extends Store<SearchState> implements KnowledgeSearch {
  #collectionId = "";
  #turn = 0;
  #cancelTyping: () => void = () => undefined;

  constructor(private readonly options: { readonly api: KnowledgeApi; readonly caller: Caller; readonly clock: Clock }) {
    super(IDLE);
  }

  search(query: string, collectionId: string): void {
    const other = collectionId !== this.#collectionId;
    if (query === this.get().query && !other) return;
    this.#collectionId = collectionId;
    this.#turn += 1;
    this.#cancelTyping();
    if (query.trim() === "") {
      this.set({ ...IDLE, query });
      return;
    }
    // What was found elsewhere is not what is looked for here.
    this.update({ query, phase: "searching", ...(other ? { hits: [], shown: "", pending: 0 } : {}) });
    this.#cancelTyping = this.options.clock.after(TYPING_MS, () => { this.again(); });
  }

  again(): void {
    this.#cancelTyping();
    if (this.get().query.trim() === "") return;
    this.update({ phase: "searching", error: null });
    void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const { api, caller } = this.options;
    const { query } = this.get();
    const collectionIds = this.#collectionId === "" ? [] : [this.#collectionId];
    const outcome = await caller.read((options) => api.searchKnowledge({ query: query.trim(), collectionIds, limit: MOST }, options));
    if (turn !== this.#turn) return;
    if (!outcome.ok) {
      this.update({ phase: "failed", error: appError(outcome.failure) });
      return;
    }
    const { passages, pendingDocuments } = outcome.value;
    this.update({ phase: "ready", error: null, shown: query.trim(), hits: passages.map(hitView), pending: Number(pendingDocuments) });
  }
}

// The documents of one collection: read page by page, as many as were looked at, and kept up to date by the account's
// events. Thousands are no matter: only what changed is made anew.

import type { Client } from "@connectrpc/connect";

import { DocumentState, type Document } from "../gen/fireside/v1/document_pb.ts";
import type { KnowledgeService } from "../gen/fireside/v1/knowledge_service_pb.ts";
import { Code } from "../rpc/failure.ts";
import type { Clock } from "../rpc/clock.ts";
import { refused, type Caller } from "./admin-calls.ts";
import type { Outcome } from "./admin-types.ts";
import { documentView, fits, inOrder, statesOf, versionView } from "./document-view.ts";
import { appError } from "./errors.ts";
import type { DocumentFilter, Documents, DocumentsState, DocumentView, VersionView } from "./library-types.ts";
import { Coalescer, slowly } from "./scheduler.ts";
import { Store } from "./store.ts";

export type KnowledgeApi = Client<typeof KnowledgeService>;

export interface DocumentsOptions {
  readonly api: KnowledgeApi;
  readonly caller: Caller;
  readonly clock: Clock;
}

const PAGE = 100;
const LARGEST_PAGE = 500;
const TYPING_MS = 200;
const TELL_MS = 100;

export class CollectionDocuments extends Store<DocumentsState> implements Documents {
  #records: readonly Document[] = [];
  readonly #views = new Map<string, DocumentView>();
  readonly #changing = new Set<string>();
  /** Deleted here, whatever a page that was asked for before says. */
  readonly #gone = new Set<string>();
  #token = "";
  /** Grows with each reading from the start: what was asked for before it is stale. */
  #turn = 0;
  #watching = 0;
  #cancelTyping: () => void = () => undefined;
  readonly #news: Coalescer;

  constructor(
    private readonly options: DocumentsOptions,
    private readonly collectionId: string,
  ) {
    super({ phase: "loading", error: null, documents: [], query: "", filter: "all", searching: false, hasMore: false, loadingMore: false });
    this.#news = new Coalescer(slowly(options.clock, TELL_MS), () => { this.#show(); });
  }

  override get(): DocumentsState {
    this.#news.flush();
    return super.get();
  }

  watch(): () => void {
    this.#watching += 1;
    if (this.#watching === 1) this.reload();
    return () => { this.#watching -= 1; };
  }

  get watched(): boolean {
    return this.#watching > 0;
  }

  search(query: string): void {
    if (query === super.get().query) return;
    this.update({ query, searching: true });
    this.#cancelTyping();
    this.#cancelTyping = this.options.clock.after(TYPING_MS, () => void this.#read(PAGE));
  }

  choose(filter: DocumentFilter): void {
    if (filter === super.get().filter) return;
    this.update({ filter, searching: true });
    void this.#read(PAGE);
  }

  reload(): void {
    const { phase } = super.get();
    if (phase === "failed" || phase === "missing") this.update({ phase: "loading", error: null });
    // As far as was read; where that was to the end, also what may have come after it.
    const wanted = Math.max(1, this.#records.length + (this.#token === "" ? 1 : 0));
    void this.#read(Math.ceil(wanted / PAGE) * PAGE);
  }

  loadMore(): void {
    if (this.#token === "" || super.get().loadingMore) return;
    this.update({ loadingMore: true });
    const turn = this.#turn;
    void this.#page(this.#token, PAGE).then((outcome) => {
      if (turn !== this.#turn) return;
      if (!outcome.ok) {
        // What is there stays; the button asks again.
        this.update({ loadingMore: false, error: appError(outcome.failure) });
        return;
      }
      this.#token = outcome.value.nextPageToken;
      this.update({ loadingMore: false, error: null });
      this.#take([...this.#records, ...outcome.value.documents]);
    });
  }

  retry(documentId: string): Promise<Outcome<null>> {
    const { api, caller } = this.options;
    return this.#marked(documentId, caller.change((options) => api.retryDocument({ documentId }, options), ({ document }) => {
      if (document !== undefined) this.learn(document);
      return null;
    }));
  }

  async remove(documentId: string): Promise<Outcome<null>> {
    const { api, caller } = this.options;
    const outcome = await this.#marked(documentId, caller.change((options) => api.deleteDocument({ documentId }, options), () => null));
    // One that is gone already is what was wanted.
    if (!outcome.ok && outcome.error.kind !== "missing") return outcome;
    this.#leave(documentId);
    return { ok: true, value: null };
  }

  async versions(documentId: string): Promise<Outcome<readonly VersionView[]>> {
    const { api, caller } = this.options;
    const outcome = await caller.read((options) => api.listDocumentVersions({ documentId }, options));
    return outcome.ok ? { ok: true, value: outcome.value.versions.map(versionView) } : refused(outcome.failure);
  }

  /** A document is another one now. */
  learn(record: Document): void {
    if (record.state === DocumentState.DELETED) {
      this.#leave(record.id);
      return;
    }
    if (super.get().phase !== "ready" || this.#gone.has(record.id)) return;
    const at = this.#records.findIndex(({ id }) => id === record.id);
    const known = this.#records[at];
    if (known !== undefined) {
      // Events and pages cross each other.
      if (record.changeSeq < known.changeSeq) return;
      this.#views.delete(record.id);
      this.#records = this.#records.with(at, record);
    } else if (fits(record, super.get().query, super.get().filter)) {
      const last = this.#records.at(-1);
      // What lies behind what was read comes with its page.
      if (this.#token !== "" && last !== undefined && inOrder(record, last) > 0) return;
      const place = this.#records.findIndex((other) => inOrder(other, record) > 0);
      this.#records = this.#records.toSpliced(place < 0 ? this.#records.length : place, 0, record);
    } else {
      return;
    }
    this.#news.soon();
  }

  async #read(wanted: number): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const records: Document[] = [];
    let token = "";
    do {
      const outcome = await this.#page(token, Math.min(LARGEST_PAGE, wanted - records.length));
      if (turn !== this.#turn) return;
      if (!outcome.ok) {
        this.#failed(outcome.failure);
        return;
      }
      records.push(...outcome.value.documents);
      token = outcome.value.nextPageToken;
    } while (token !== "" && records.length < wanted);
    this.#token = token;
    this.#records = [];
    this.update({ phase: "ready", error: null, searching: false, loadingMore: false });
    this.#take(records);
  }

  #failed(cause: Parameters<typeof appError>[0]): void {
    if (cause.code === Code.NotFound) this.end();
    else this.update({ phase: "failed", error: appError(cause), searching: false });
  }

  /** The collection is gone. */
  end(): void {
    this.#turn += 1;
    this.#records = [];
    this.#token = "";
    this.#views.clear();
    this.update({ phase: "missing", documents: [], searching: false, hasMore: false });
  }

  /** What was read, each once, as it is known to be now. */
  #take(records: readonly Document[]): void {
    const byId = new Map<string, Document>();
    for (const record of records) {
      if (this.#gone.has(record.id)) continue;
      const known = byId.get(record.id);
      if (known === undefined || known.changeSeq < record.changeSeq) byId.set(record.id, record);
      this.#views.delete(record.id);
    }
    this.#records = [...byId.values()];
    this.#news.now();
  }

  #leave(id: string): void {
    this.#gone.add(id);
    this.#views.delete(id);
    this.#records = this.#records.filter((record) => record.id !== id);
    this.#news.soon();
  }

  #page(pageToken: string, pageSize: number) {
    const { query, filter } = super.get();
    const { api, caller } = this.options;
    const request = { collectionId: this.collectionId, query: query.trim(), states: statesOf(filter), pageSize, pageToken };
    return caller.read((options) => api.listDocuments(request, options));
  }

  async #marked<T>(id: string, change: Promise<T>): Promise<T> {
    const touch = (): void => {
      this.#views.delete(id);
      this.#news.soon();
    };
    this.#changing.add(id);
    touch();
    const outcome = await change;
    this.#changing.delete(id);
    touch();
    return outcome;
  }

  #show(): void {
    const documents = this.#records.map((record) => {
      const known = this.#views.get(record.id);
      if (known !== undefined) return known;
      const view = documentView(record, this.#changing.has(record.id));
      this.#views.set(record.id, view);
      return view;
    });
    this.update({ documents, hasMore: this.#token !== "" });
  }
}

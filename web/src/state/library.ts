// The collections that the person may search, by name, kept up to date by the account's events. What is in one is
// documents.ts. Loaded with the screen of the library, or when a message names a collection.

import { timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";

import type { AccountEvent } from "../gen/fireside/v1/account_event_pb.ts";
import type { Collection } from "../gen/fireside/v1/collection_pb.ts";
import { CollectionService } from "../gen/fireside/v1/collection_service_pb.ts";
import { KnowledgeService } from "../gen/fireside/v1/knowledge_service_pb.ts";
import { ShareRole } from "../gen/fireside/v1/share_pb.ts";
import { calling } from "../rpc/api.ts";
import type { Clock } from "../rpc/clock.ts";
import { Code } from "../rpc/failure.ts";
import { Caller, mistake, refused } from "./admin-calls.ts";
import type { Outcome } from "./admin-types.ts";
import { SharesOfCollection, type CollectionApi } from "./collection-shares.ts";
import { CollectionDocuments, type KnowledgeApi } from "./documents.ts";
import { appError } from "./errors.ts";
import { newId } from "./ids.ts";
import { LibrarySearch } from "./knowledge-search.ts";
import type { CollectionShares, CollectionsState, CollectionView, Documents, KnowledgeSearch, Library } from "./library-types.ts";
import type { LiveClient } from "./live-client.ts";
import { Coalescer, slowly } from "./scheduler.ts";
import { Store } from "./store.ts";

export interface LibraryOptions {
  readonly transport: Transport;
  readonly live: LiveClient;
  readonly clock: Clock;
  readonly random: () => number;
  readonly locale: string;
}

const PAGE = 500;
const TELL_MS = 60;
/** How often the counts of a collection are asked for, while what is in it changes. Milliseconds. */
const COUNT_MS = 1_000;
/** Lists of documents that are kept, so that going back to one shows it at once. */
const KEPT = 4;
const LONGEST_NAME = 100;

export class CollectionLibrary extends Store<CollectionsState> implements Library {
  readonly search: KnowledgeSearch;
  readonly #collections: CollectionApi;
  readonly #knowledge: KnowledgeApi;
  readonly #caller: Caller;
  readonly #records = new Map<string, Collection>();
  readonly #changing = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #open = new Map<string, CollectionDocuments>();
  /** Those whose counts are out of date. */
  readonly #stale = new Set<string>();
  #counting = false;
  #turn = 0;
  #order: Intl.Collator;
  readonly #news: Coalescer;

  constructor(private readonly options: LibraryOptions) {
    super({ phase: "loading", error: null, collections: [] });
    const { transport, clock, live, locale } = options;
    this.#collections = createClient(CollectionService, transport);
    this.#knowledge = createClient(KnowledgeService, transport);
    this.#caller = new Caller(options);
    this.#order = new Intl.Collator(locale, { numeric: true });
    this.#news = new Coalescer(slowly(clock, TELL_MS), () => { this.#show(); });
    this.search = new LibrarySearch({ api: this.#knowledge, caller: this.#caller, clock });
    live.listen({
      account: (event) => { this.#heard(event); },
      fresh: () => { this.reload(); },
    });
    let away = false;
    live.link.subscribe(({ kind }) => {
      // How far documents are is told but not kept: what was told meanwhile nobody tells again.
      if (kind === "live" && away) this.reload();
      away = kind !== "live";
    });
    void this.#read();
  }

  override get(): CollectionsState {
    this.#news.flush();
    return super.get();
  }

  setLocale(locale: string): void {
    this.#order = new Intl.Collator(locale, { numeric: true });
    this.#news.soon();
  }

  collection(id: string): CollectionView | null {
    return this.get().collections.find((view) => view.id === id) ?? null;
  }

  reload(): void {
    if (super.get().phase === "failed") this.update({ phase: "loading", error: null });
    void this.#read();
    for (const documents of this.#open.values()) if (documents.watched) documents.reload();
  }

  async create(name: string, description: string): Promise<Outcome<string>> {
    const wrong = mistaken(name);
    if (wrong !== null) return wrong;
    const { clock, random } = this.options;
    const id = newId(clock.now());
    const request = { collectionId: id, name: name.trim(), description: description.trim() };
    // The id makes repeating it harmless.
    const outcome = await calling((options) => this.#collections.createCollection(request, options), { clock, random });
    if (!outcome.ok) return told(refused(outcome.failure));
    if (outcome.value.collection !== undefined) this.#learn(outcome.value.collection);
    return { ok: true, value: id };
  }

  change(id: string, name: string, description: string): Promise<Outcome<null>> {
    const wrong = mistaken(name);
    if (wrong !== null) return Promise.resolve(wrong);
    const request = { collectionId: id, name: name.trim(), description: description.trim(), etag: this.#records.get(id)?.etag ?? "" };
    return this.#marked(id, this.#caller.change((options) => this.#collections.updateCollection(request, options), ({ collection }) => {
      if (collection !== undefined) this.#learn(collection);
      return null;
    }));
  }

  async remove(id: string): Promise<Outcome<null>> {
    const call = this.#caller.change((options) => this.#collections.deleteCollection({ collectionId: id }, options), () => null);
    const outcome = await this.#marked(id, call);
    // One that is gone already is what was wanted.
    if (!outcome.ok && outcome.error.kind !== "missing") return outcome;
    this.#leave(id);
    return { ok: true, value: null };
  }

  documents(id: string): Documents {
    const known = this.#open.get(id) ?? new CollectionDocuments({ api: this.#knowledge, caller: this.#caller, clock: this.options.clock }, id);
    // The last shown is the last to go.
    this.#open.delete(id);
    this.#open.set(id, known);
    for (const [other, documents] of this.#open) {
      if (this.#open.size <= KEPT) break;
      if (!documents.watched) this.#open.delete(other);
    }
    return known;
  }

  shares(id: string): CollectionShares {
    return new SharesOfCollection(this.#collections, this.#caller, id);
  }

  // ---- what happens elsewhere ----

  #heard({ kind }: AccountEvent): void {
    if (kind.case === "collectionChanged") {
      this.#gone.delete(kind.value.id);
      this.#learn(kind.value);
      this.#count(kind.value.id);
    } else if (kind.case === "collectionRemoved") {
      this.#leave(kind.value);
    } else if (kind.case === "documentChanged" && kind.value.collectionId !== "") {
      this.#open.get(kind.value.collectionId)?.learn(kind.value);
      this.#count(kind.value.collectionId);
    }
  }

  /** Asks for the counts of a collection, soon, and for those of all that change at once. */
  #count(id: string): void {
    this.#stale.add(id);
    if (this.#counting) return;
    this.#counting = true;
    this.options.clock.after(COUNT_MS, () => void this.#readCounts());
  }

  async #readCounts(): Promise<void> {
    const ids = [...this.#stale];
    this.#stale.clear();
    await Promise.all(ids.map(async (collectionId) => {
      const outcome = await this.#caller.read((options) => this.#collections.getCollection({ collectionId }, options));
      if (outcome.ok && outcome.value.collection !== undefined) this.#learn(outcome.value.collection);
      else if (!outcome.ok && outcome.failure.code === Code.NotFound) this.#leave(collectionId);
    }));
    this.#counting = false;
    const next = [...this.#stale][0];
    if (next !== undefined) this.#count(next);
  }

  async #read(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const records: Collection[] = [];
    let pageToken = "";
    do {
      const request = { pageSize: PAGE, pageToken };
      const outcome = await this.#caller.read((options) => this.#collections.listCollections(request, options));
      if (turn !== this.#turn) return;
      if (!outcome.ok) {
        // What is there stays: the connection says what is wrong.
        if (super.get().phase === "loading") this.update({ phase: "failed", error: appError(outcome.failure) });
        return;
      }
      records.push(...outcome.value.collections);
      pageToken = outcome.value.nextPageToken;
    } while (pageToken !== "");
    this.#records.clear();
    for (const record of records) if (!this.#gone.has(record.id)) this.#records.set(record.id, record);
    this.update({ phase: "ready", error: null });
    this.#news.now();
  }

  #learn(record: Collection): void {
    if (this.#gone.has(record.id)) return;
    this.#records.set(record.id, record);
    this.#news.soon();
  }

  #leave(id: string): void {
    this.#gone.add(id);
    this.#records.delete(id);
    this.#open.get(id)?.end();
    this.#open.delete(id);
    this.#news.soon();
  }

  async #marked(id: string, change: Promise<Outcome<null>>): Promise<Outcome<null>> {
    this.#changing.add(id);
    this.#news.soon();
    const outcome = await change;
    this.#changing.delete(id);
    this.#news.soon();
    if (!outcome.ok && outcome.stale) this.reload();
    return told(outcome);
  }

  #show(): void {
    const collections = [...this.#records.values()].map((record) => collectionView(record, this.#changing.has(record.id)));
    collections.sort((a, b) => this.#order.compare(a.name, b.name) || (a.id < b.id ? -1 : 1));
    this.update({ collections });
  }
}

export function collectionView(record: Collection, changing: boolean): CollectionView {
  const { id, name, description, ownerName, access, shared, updateTime } = record;
  return {
    id,
    name,
    description,
    access: access === ShareRole.VIEWER ? "viewer" : access === ShareRole.EDITOR ? "editor" : "owner",
    ownerName,
    shared,
    documents: Number(record.documentCount),
    sizeBytes: Number(record.sizeBytes),
    pending: Number(record.pendingCount),
    failed: Number(record.failedCount),
    updatedAt: updateTime === undefined ? 0 : timestampMs(updateTime),
    changing,
  };
}

function mistaken(name: string): Outcome<never> | null {
  const length = [...name.trim()].length;
  if (length === 0) return mistake("name", "library.wrong.name");
  return length > LONGEST_NAME ? mistake("name", "library.wrong.name.long") : null;
}

/** A name that is taken is told at its field. */
function told<T>(outcome: Outcome<T>): Outcome<T> {
  if (outcome.ok || outcome.error.reason !== "COLLECTION_NAME_TAKEN") return outcome;
  return { ...outcome, field: "name", error: { ...outcome.error, key: "library.wrong.name.taken" } };
}

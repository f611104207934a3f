// The known conversations with what was changed here and is not confirmed yet laid over them. Pure bookkeeping: it
// calls nobody. conversations.ts does the calls.

import { timestampMs } from "@bufbuild/protobuf/wkt";

import type { Conversation } from "../gen/fireside/v1/conversation_pb.ts";
import { accessOf, sameAccess } from "./access.ts";
import type { ConversationView } from "./types.ts";

/** One listing of the server, as far as it was read. */
export interface Listing {
  readonly query: string;
  readonly ids: Set<string>;
  /** Where the next page starts; empty when all was read. */
  token: string;
}

/** A conversation that was begun here; the server may not have it yet. */
interface Begun {
  readonly title: string;
  readonly model: string;
  readonly at: number;
}

interface Overlay {
  titles: { readonly token: object; readonly title: string }[];
  deleted: boolean | null;
  touchedAt: number;
  pending: number;
}

export class ConversationBook {
  readonly #records = new Map<string, Conversation>();
  readonly #begun = new Map<string, Begun>();
  readonly #overlays = new Map<string, Overlay>();
  /** Ids that the server said are deleted, so that a late update does not bring them back. */
  readonly #gone = new Set<string>();
  #views = new Map<string, ConversationView>();

  overlay(id: string): Overlay {
    let overlay = this.#overlays.get(id);
    if (overlay === undefined) {
      overlay = { titles: [], deleted: null, touchedAt: 0, pending: 0 };
      this.#overlays.set(id, overlay);
    }
    return overlay;
  }

  record(id: string): Conversation | undefined {
    return this.#records.get(id);
  }

  title(id: string): string {
    const overlay = this.#overlays.get(id);
    return overlay?.titles.at(-1)?.title ?? this.#records.get(id)?.title ?? this.#begun.get(id)?.title ?? "";
  }

  /** Takes a record of the server, unless a later one is known. True if it is news. */
  take(record: Conversation): boolean {
    if (record.deleteTime !== undefined) this.gone(record.id);
    if (this.#gone.has(record.id)) return false;
    const known = this.#records.get(record.id);
    if (known !== undefined && updatedAt(known) > updatedAt(record)) return false;
    // Who may do what with it can change by itself.
    if (known !== undefined && known.etag === record.etag && sameAccess(known, record)) return false;
    this.#records.set(record.id, record);
    this.#begun.delete(record.id);
    return true;
  }

  begin(id: string, title: string, model: string, at: number): void {
    if (!this.#records.has(id)) this.#begun.set(id, { title, model, at });
  }

  /** Forgets one that was begun here and never reached the server. */
  abandon(id: string): void {
    this.#begun.delete(id);
  }

  isBegun(id: string): boolean {
    return this.#begun.has(id);
  }

  gone(id: string): void {
    this.#gone.add(id);
    this.#begun.delete(id);
  }

  back(id: string): void {
    this.#gone.delete(id);
  }

  /** What to show of a listing, the last used first. Views that did not change are the same objects as before. */
  views(listing: Listing, running: ReadonlySet<string>): ConversationView[] {
    const shown: ConversationView[] = [];
    const views = new Map<string, ConversationView>();
    for (const id of new Set([...this.#begun.keys(), ...listing.ids])) {
      const view = this.#view(id, running);
      if (view === null || !matches(view.title, listing.query)) continue;
      shown.push(view);
      views.set(id, view);
    }
    this.#views = views;
    return shown.sort((a, b) => b.updatedAt - a.updatedAt || (a.id < b.id ? 1 : -1));
  }

  #view(id: string, running: ReadonlySet<string>): ConversationView | null {
    const record = this.#records.get(id);
    const begun = this.#begun.get(id);
    const overlay = this.#overlays.get(id);
    if (record === undefined && begun === undefined) return null;
    if (overlay?.deleted ?? this.#gone.has(id)) return null;
    const at = record === undefined ? (begun?.at ?? 0) : updatedAt(record);
    const view: ConversationView = {
      id,
      title: this.title(id),
      model: record?.model ?? begun?.model ?? "",
      updatedAt: Math.max(at, overlay?.touchedAt ?? 0),
      running: running.has(id),
      pending: record === undefined || (overlay?.pending ?? 0) > 0,
      access: accessOf(record),
      ownerName: record?.ownerName ?? "",
    };
    const before = this.#views.get(id);
    return before !== undefined && same(before, view) ? before : view;
  }
}

export function updatedAt(record: Conversation): number {
  return record.updateTime === undefined ? 0 : timestampMs(record.updateTime);
}

/** The server folds case its own way; this one only decides what a live update does to a search that is shown. */
export function matches(title: string, query: string): boolean {
  return query === "" || title.toLowerCase().includes(query.toLowerCase());
}

function same(a: ConversationView, b: ConversationView): boolean {
  return (
    a.title === b.title &&
    a.model === b.model &&
    a.updatedAt === b.updatedAt &&
    a.running === b.running &&
    a.pending === b.pending &&
    a.access === b.access &&
    a.ownerName === b.ownerName
  );
}

// What the views of the library see: collections, their documents, what a search finds. Loaded with them.

import type { Outcome } from "./admin-types.ts";
import type { ShareRoleName, SharesState } from "./sharing-types.ts";
import type { AccessName, AppError, Readable } from "./types.ts";

export interface CollectionView {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly access: AccessName;
  /** Whose it is, when it is another's; empty for the reader's own. */
  readonly ownerName: string;
  /** Others have access. */
  readonly shared: boolean;
  readonly documents: number;
  readonly sizeBytes: number;
  /** Documents that are not ready yet. */
  readonly pending: number;
  readonly failed: number;
  readonly updatedAt: number;
  /** A change of it is on its way to the server. */
  readonly changing: boolean;
}

export interface CollectionsState {
  readonly phase: "loading" | "ready" | "failed";
  readonly error: AppError | null;
  /** By name. */
  readonly collections: readonly CollectionView[];
}

/** `embedding`: it can be found by its words already. */
export type DocumentStateName = "uploaded" | "extracting" | "embedding" | "ready" | "failed";

export interface DocumentView {
  readonly id: string;
  readonly collectionId: string;
  readonly fileId: string;
  readonly name: string;
  readonly folder: string;
  readonly mediaType: string;
  readonly size: number;
  readonly state: DocumentStateName;
  /** Why it failed: the server's word for it, and its sentence. */
  readonly reason: string;
  readonly message: string;
  readonly version: number;
  /** The version that is searched; 0 for none yet. */
  readonly readyVersion: number;
  readonly pages: number;
  readonly passages: number;
  /** Of what is going on now, how much is done, and how much there is; 0 for not known. */
  readonly done: number;
  readonly total: number;
  readonly updatedAt: number;
  /** What was left out while it was read; the server's sentences. */
  readonly warnings: readonly string[];
  /** A change of it is on its way to the server. */
  readonly changing: boolean;
}

export interface VersionView {
  readonly version: number;
  readonly fileId: string;
  readonly size: number;
  readonly createdAt: number;
  readonly authorName: string;
}

export const DOCUMENT_FILTERS = ["all", "pending", "failed"] as const;
export type DocumentFilter = (typeof DOCUMENT_FILTERS)[number];

export interface DocumentsState {
  /** `missing`: there is no such collection, or no access to it any more. */
  readonly phase: "loading" | "ready" | "failed" | "missing";
  readonly error: AppError | null;
  /** By folder and name. */
  readonly documents: readonly DocumentView[];
  readonly query: string;
  readonly filter: DocumentFilter;
  /** The list for `query` and `filter` is being fetched; what is shown is of an earlier one. */
  readonly searching: boolean;
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
}

/** The documents of one collection, kept up to date while somebody watches. Verbs never throw. */
export interface Documents extends Readable<DocumentsState> {
  /** Reads and follows them until what it returns is called. */
  watch(): () => void;
  /** Shows those whose name or folder holds the text; empty for all. Waits for a pause in typing. */
  search(query: string): void;
  choose(filter: DocumentFilter): void;
  loadMore(): void;
  reload(): void;
  /** Has it read again. */
  retry(id: string): Promise<Outcome<null>>;
  /** Deletes it with all its versions, for good. */
  remove(id: string): Promise<Outcome<null>>;
  versions(id: string): Promise<Outcome<readonly VersionView[]>>;
}

/** A piece of a passage, and whether it is a word that was looked for. */
export interface TextPiece {
  readonly text: string;
  readonly marked: boolean;
}

export interface HitView {
  /** Unique within one search. */
  readonly id: string;
  readonly documentId: string;
  readonly fileId: string;
  readonly collectionId: string;
  readonly name: string;
  readonly mediaType: string;
  /** From 1; 0 where there are no pages. */
  readonly page: number;
  readonly ordinal: number;
  /** The headings that it stands under, the outermost first. */
  readonly headings: readonly string[];
  readonly text: string;
  readonly pieces: readonly TextPiece[];
}

export interface SearchState {
  readonly phase: "idle" | "searching" | "ready" | "failed";
  readonly query: string;
  /** What `hits` were found for; of an earlier query while `searching`. */
  readonly shown: string;
  readonly error: AppError | null;
  /** The best first. */
  readonly hits: readonly HitView[];
  /** Documents that could not be searched yet. */
  readonly pending: number;
}

export interface KnowledgeSearch extends Readable<SearchState> {
  /** Looks for it in one collection, or with no id in all. Waits for a pause in typing. */
  search(query: string, collectionId: string): void;
  /** Looks again at once. */
  again(): void;
}

/** Who has access to one collection of the reader's own. There are no links. Verbs never throw. */
export interface CollectionShares extends Readable<SharesState> {
  reload(): void;
  addPerson(email: string, role: ShareRoleName): Promise<Outcome<null>>;
  addGroup(groupId: string, role: ShareRoleName): Promise<Outcome<null>>;
  setRole(id: string, role: ShareRoleName): Promise<Outcome<null>>;
  end(id: string): Promise<Outcome<null>>;
}

/** All collections that the person may search. */
export interface Library extends Readable<CollectionsState> {
  readonly search: KnowledgeSearch;
  collection(id: string): CollectionView | null;
  /** The value is its id. */
  create(name: string, description: string): Promise<Outcome<string>>;
  change(id: string, name: string, description: string): Promise<Outcome<null>>;
  /** Deletes it with all that is in it, for good. */
  remove(id: string): Promise<Outcome<null>>;
  documents(id: string): Documents;
  shares(id: string): CollectionShares;
  reload(): void;
  /** Sorts anew: call it when the language changed. */
  setLocale(locale: string): void;
}

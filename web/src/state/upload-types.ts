// What the views see of uploads: of the library's and of the attachments of messages, which are one and the same engine.

import type { AppError, Readable } from "./types.ts";

/** A part of a file, which is not read yet. A browser's Blob is one. */
export interface LocalSlice {
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** A file of the person's device, as much of it as is needed; a browser's File is one. */
export interface LocalFile {
  readonly name: string;
  readonly size: number;
  /** Media type as the device knows it; may be empty. */
  readonly type: string;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
  slice(start: number, end: number): LocalSlice;
}

export interface Incoming {
  readonly file: LocalFile;
  /** Where it goes within its collection, such as `reports/2026`; empty for no folder. */
  readonly folder: string;
}

/** Where files go: into a collection, or with no id to no collection, as the attachments of messages do. */
export interface UploadTarget {
  readonly collectionId: string;
}

/**
 * `refused`: it would be refused, so nothing was sent. `queued`: waits for others. `checking`: its hash is computed, so
 * that what the server has need not be sent. `sending`, `finishing`. `waiting`: the server is away; goes on by itself.
 * `paused` by the person. `elsewhere`: another tab or device goes on with it. `failed`: see `error`. `done`: see `file`.
 */
export type UploadPhase =
  | "refused"
  | "queued"
  | "checking"
  | "sending"
  | "finishing"
  | "waiting"
  | "paused"
  | "elsewhere"
  | "failed"
  | "done";

/** What came of an upload. */
export interface UploadedFile {
  readonly fileId: string;
  /** Empty when it is read as no document. */
  readonly documentId: string;
  /** As the server keeps it. */
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
}

export interface UploadView {
  /** Of this page; not the server's. */
  readonly id: string;
  /** Empty for an attachment. */
  readonly collectionId: string;
  readonly folder: string;
  readonly name: string;
  readonly size: number;
  /** Bytes that the server has. */
  readonly sent: number;
  readonly phase: UploadPhase;
  /** Why it was refused, failed or waits. */
  readonly error: AppError | null;
  /** Bytes per second, smoothed; 0 while nothing moves. */
  readonly rate: number;
  /** Milliseconds that are left at this rate; null when not known. */
  readonly remainingMs: number | null;
  /** The server had the bytes already. */
  readonly reused: boolean;
  /** Set when `done`. */
  readonly file: UploadedFile | null;
}

/** An upload that was begun before this page was loaded: it goes on when the same file is chosen again. */
export interface UnfinishedView {
  /** The server's. */
  readonly id: string;
  readonly collectionId: string;
  readonly folder: string;
  readonly name: string;
  readonly size: number;
  readonly sent: number;
  /** When the server gives it up; milliseconds since 1970. */
  readonly expiresAt: number | null;
  /** It was begun in this browser. */
  readonly here: boolean;
}

export interface UploadLimitsView {
  /** Bytes of the largest file; 0 for no limit. */
  readonly maxFileBytes: number;
  /** Bytes that may still be kept; -1 for no limit. */
  readonly remainingBytes: number;
  readonly usedBytes: number;
  /** Media types (`video/*`) and endings (`.exe`). */
  readonly refusedTypes: readonly string[];
}

export interface UploadsState {
  /** In the order in which they were added. */
  readonly items: readonly UploadView[];
  readonly unfinished: readonly UnfinishedView[];
  /** Null until they are known. */
  readonly limits: UploadLimitsView | null;
  /** Bytes per second of all together, smoothed. */
  readonly rate: number;
}

/** All uploads of this page. Verbs never throw. */
export interface Uploads extends Readable<UploadsState> {
  /** Queues files. Returns the id of each in order; of a file that is on its way there already the id that it has. */
  add(files: readonly Incoming[], target: UploadTarget): readonly string[];
  item(id: string): UploadView | null;
  pause(id: string): void;
  /** Goes on with what is `paused`, or takes over what goes on `elsewhere`. */
  resume(id: string): void;
  /** Tries again what `failed` or `waiting`. */
  retry(id: string): void;
  /**
   * Takes it out of the list. What is under way is given up on the server, too; of an attachment that is done the file
   * is deleted, unless `keep` (it was sent). A document of the library stays.
   */
  remove(id: string, options?: { readonly keep?: boolean }): void;
  /** Pauses all of the library that are on their way, or queues again all that are paused. */
  pauseAll(): void;
  resumeAll(): void;
  /** Takes those of the library out that are done or were refused. */
  clear(): void;
  /** Looks for uploads that were not finished. Asked again when the server was away. */
  look(): void;
  /** Goes on with an unfinished upload by the same file; false when this is another file. */
  goOn(unfinishedId: string, file: LocalFile): boolean;
  /** Gives an unfinished upload up. */
  discard(unfinishedId: string): void;
}

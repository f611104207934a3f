// The attachments of a draft as the views see them: files on their way, files that arrived, collections to search.

import type { Attached, CollectionRef } from "./part-types.ts";
import type { AppError, Draft, Readable } from "./types.ts";
import type { LocalFile } from "./upload-types.ts";

/**
 * `uploading`; `waiting`: the server is away, or another tab goes on with it. `reading`: it is there and its text is being
 * taken out; it can be sent. `ready`. `unreadable`: it is there, but has no text that could be used; see `error`.
 * `failed`: it is not there; see `error`.
 */
export type AttachmentPhase = "uploading" | "waiting" | "reading" | "ready" | "unreadable" | "failed";

export interface AttachmentView {
  /** For `remove` and `retry`. */
  readonly key: string;
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  readonly phase: AttachmentPhase;
  /** Of the uploading or the reading how much is done, 0 to 1; null when not known. */
  readonly progress: number | null;
  readonly error: AppError | null;
  /** Why it could not be read; the server's sentence. */
  readonly reason: string;
  /** Doing it again may help. */
  readonly retryable: boolean;
  /** Empty until it arrived. */
  readonly fileId: string;
  readonly documentId: string;
}

export interface AttachmentsState {
  readonly files: readonly AttachmentView[];
  readonly collections: readonly CollectionRef[];
  /** Files on their way: a message that is sent now would be without them. */
  readonly pending: number;
  /** Files that did not arrive. */
  readonly failed: number;
}

/** What goes with one draft. Verbs never throw. */
export interface Attachments extends Readable<AttachmentsState> {
  addFiles(files: readonly LocalFile[]): void;
  addCollection(collectionId: string, name: string): void;
  /** Takes it out again; the server forgets a file that no message uses. */
  remove(key: string): void;
  /** Uploads or reads it again. */
  retry(key: string): void;
  /** The draft is not needed any more. Unless it was sent, what came for it goes. */
  close(sent: boolean): void;
}

export interface AttachmentDesk {
  /** Those of a draft. The same object for the same draft. What a message has already is `kept` when it is taken out. */
  of(draft: Draft, kept?: readonly Attached[]): Attachments;
}

// The source that is open beside the conversation, as the views see it.

import type { AppError, Readable } from "./types.ts";

/** A place in a document or a file. */
export interface SourceRef {
  /** Empty where there is only a file. */
  readonly documentId: string;
  /** Empty where there is only a text. */
  readonly fileId: string;
  readonly name: string;
  readonly mediaType: string;
  /** From 1; 0 for none in particular. */
  readonly page: number;
  /** Position of the passage within the document, from 0; -1 for none in particular. */
  readonly ordinal: number;
  /** The passage to mark; empty for none. */
  readonly quote: string;
}

/** What lies beside the conversation; null for nothing. */
export interface Sources extends Readable<SourceRef | null> {
  openSource(source: SourceRef): void;
  close(): void;
  /** Fetches what reads the text of a document. Fails offline. */
  read(source: SourceRef): Promise<SourceText>;
}

export interface SourcePassage {
  readonly ordinal: number;
  /** From 1; 0 where there are no pages. */
  readonly page: number;
  /** The headings that begin with it: those that the passage before it does not stand under. */
  readonly headings: readonly { readonly level: number; readonly text: string }[];
  readonly text: string;
  /** It is what was referred to. */
  readonly cited: boolean;
}

export interface SourceTextState {
  readonly phase: "loading" | "ready" | "failed" | "missing";
  readonly passages: readonly SourcePassage[];
  /** There is more above, below. */
  readonly before: boolean;
  readonly after: boolean;
  readonly loadingMore: boolean;
  /** It is still being read by the server. */
  readonly pending: boolean;
  readonly error: AppError | null;
}

/** The text of a document around a passage. */
export interface SourceText extends Readable<SourceTextState> {
  /** Reads the passages above or below those that are there. */
  more(where: "before" | "after"): void;
  reload(): void;
}

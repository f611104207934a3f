// The pieces of a message as the views see them, in reading order. Nothing of protobuf.

export type PartView =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "reasoning";
      readonly text: string;
      /** False while the model still reasons. */
      readonly done: boolean;
      /** How long it took as seen by this tab, in milliseconds; null when this tab did not see it. */
      readonly durationMs: number | null;
    }
  | { readonly kind: "image"; readonly mediaType: string; readonly data: Uint8Array }
  | FileView
  | CollectionRef
  | { readonly kind: "tool_call"; readonly id: string; readonly name: string; readonly arguments: string }
  | { readonly kind: "tool_result"; readonly toolCallId: string; readonly json: string }
  | SearchView
  | CitationView;

/** A file that was attached to a message. */
export interface FileView {
  readonly kind: "file";
  readonly fileId: string;
  readonly name: string;
  readonly mediaType: string;
  /** The document that it is read as; empty until the server says. */
  readonly documentId: string;
  /** Bytes; 0 until the server says. */
  readonly size: number;
}

/** A collection that a message wants searched. */
export interface CollectionRef {
  readonly kind: "collection";
  readonly collectionId: string;
  /** Its name when the message was written. */
  readonly name: string;
}

/** What a person sends with a message besides its words. */
export type Attached = FileView | CollectionRef;

/** What was searched before an answer was written. */
export interface SearchView {
  readonly kind: "search";
  readonly query: string;
  /** The names of what was searched. */
  readonly sources: readonly string[];
  /** How many passages the model was given; 0 when nothing relevant was found. */
  readonly passageCount: number;
  /** The names of files that could not be searched. */
  readonly unread: readonly string[];
}

/** A passage that the model was given. */
export interface CitationView {
  readonly kind: "citation";
  /** How the answer's text refers to it, as `[1]`. */
  readonly number: number;
  readonly documentId: string;
  readonly fileId: string;
  readonly title: string;
  readonly quote: string;
  readonly mediaType: string;
  /** From 1; 0 where there are no pages. */
  readonly page: number;
  /** The outermost first. */
  readonly headings: readonly string[];
  /** Position of the passage within the document, from 0. */
  readonly ordinal: number;
}

// Which source is open beside the conversation. What reads its text is fetched when it is first wanted.

import type { CitationView, FileView } from "./part-types.ts";
import type { SourceRef, Sources, SourceText } from "./source-types.ts";
import { Store } from "./store.ts";

export class OpenSource extends Store<SourceRef | null> implements Sources {
  constructor(private readonly reader: (source: SourceRef) => Promise<SourceText>) {
    super(null);
  }

  openSource(source: SourceRef): void {
    // A new object each time: opening the same passage again goes back to it.
    this.set({ ...source });
  }

  close(): void {
    this.set(null);
  }

  read(source: SourceRef): Promise<SourceText> {
    return this.reader(source);
  }
}

/** Where the passage of a citation is. */
export function sourceOfCitation(citation: CitationView): SourceRef {
  const { documentId, fileId, title, mediaType, page, ordinal, quote } = citation;
  return { documentId, fileId, name: title, mediaType, page, ordinal, quote };
}

/** A file as a whole. */
export function sourceOfFile({ documentId, fileId, name, mediaType }: FileView): SourceRef {
  return { documentId, fileId, name, mediaType, page: 0, ordinal: -1, quote: "" };
}

/** Where the bytes of a file are. `inline`: to be shown, not saved. */
export function fileAddress(fileId: string, inline = false): string {
  return `/files/${encodeURIComponent(fileId)}${inline ? "?inline=1" : ""}`;
}

/** Pictures that every browser shows. Others are files like any other. */
const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"]);

export function isPicture(mediaType: string): boolean {
  return PICTURES.has(mediaType.split(";", 1)[0]?.trim().toLowerCase() ?? "");
}

export function isPdf(mediaType: string, name: string): boolean {
  return mediaType.startsWith("application/pdf") || (mediaType === "" && /\.pdf$/i.test(name));
}

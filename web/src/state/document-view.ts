// Records of documents and passages as the views see them. Pure.

import { timestampMs } from "@bufbuild/protobuf/wkt";

import { DocumentState, type Document, type DocumentVersion, type Passage } from "../gen/fireside/v1/document_pb.ts";
import type { DocumentFilter, DocumentStateName, DocumentView, HitView, TextPiece, VersionView } from "./library-types.ts";

const STATES: Readonly<Partial<Record<DocumentState, DocumentStateName>>> = {
  [DocumentState.UPLOADED]: "uploaded",
  [DocumentState.EXTRACTING]: "extracting",
  [DocumentState.EMBEDDING]: "embedding",
  [DocumentState.READY]: "ready",
  [DocumentState.FAILED]: "failed",
};

export const PENDING_STATES = [DocumentState.UPLOADED, DocumentState.EXTRACTING, DocumentState.EMBEDDING];

export function statesOf(filter: DocumentFilter): DocumentState[] {
  if (filter === "pending") return PENDING_STATES;
  return filter === "failed" ? [DocumentState.FAILED] : [];
}

export function documentView(record: Document, changing: boolean): DocumentView {
  return {
    id: record.id,
    collectionId: record.collectionId,
    fileId: record.fileId,
    name: record.name,
    folder: record.folder,
    mediaType: record.mediaType,
    size: Number(record.size),
    state: STATES[record.state] ?? "uploaded",
    reason: record.failure?.reason ?? "",
    message: record.failure?.message ?? "",
    version: record.version,
    readyVersion: record.readyVersion,
    pages: record.pageCount,
    passages: record.chunkCount,
    done: record.done,
    total: record.total,
    updatedAt: record.updateTime === undefined ? 0 : timestampMs(record.updateTime),
    warnings: record.warnings,
    changing,
  };
}

/** Whether a list that was asked for with this text and filter holds the document. */
export function fits(record: Document, query: string, filter: DocumentFilter): boolean {
  const states = statesOf(filter);
  if (states.length > 0 && !states.includes(record.state)) return false;
  const wanted = query.trim().toLowerCase();
  return wanted === "" || record.name.toLowerCase().includes(wanted) || record.folder.toLowerCase().includes(wanted);
}

/** By folder and name, as the server lists them. */
export function inOrder(a: Document, b: Document): number {
  const by = (x: string, y: string): number => (x < y ? -1 : x > y ? 1 : 0);
  return by(a.folder, b.folder) || by(a.name, b.name) || by(a.id, b.id);
}

export function versionView({ version, fileId, size, createTime, authorName }: DocumentVersion): VersionView {
  return { version, fileId, size: Number(size), createdAt: createTime === undefined ? 0 : timestampMs(createTime), authorName };
}

export function hitView(passage: Passage): HitView {
  const { documentId, version, fileId, collectionId, name, mediaType, page, ordinal, headings, text } = passage;
  const pieces = piecesOf(text, passage.highlights);
  return { id: `${documentId}.${version}.${ordinal}`, documentId, fileId, collectionId, name, mediaType, page, ordinal, headings, text, pieces };
}

/** A text cut where its marked words begin and end. What lies outside the text, or over another, is left out. */
export function piecesOf(text: string, marks: readonly { readonly start: number; readonly end: number }[]): readonly TextPiece[] {
  const pieces: TextPiece[] = [];
  let at = 0;
  for (const { start, end } of [...marks].sort((a, b) => a.start - b.start)) {
    if (start < at || end <= start || end > text.length) continue;
    if (start > at) pieces.push({ text: text.slice(at, start), marked: false });
    pieces.push({ text: text.slice(start, end), marked: true });
    at = end;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), marked: false });
  return pieces;
}

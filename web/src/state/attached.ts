// What goes with the words of a message: how it is kept in this browser, and the parts that are made of it. Pure.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";

import type { Message, PartSchema } from "../gen/fireside/v1/message_pb.ts";
import type { Attached } from "./part-types.ts";
import { isRecord } from "./storage.ts";

/** A picture by value, as programs send them: kept when their message is edited. */
export interface KeptPicture {
  readonly kind: "image";
  readonly mediaType: string;
  readonly base64: string;
}

export type Kept = Attached | KeptPicture;

const TEXTS = {
  file: ["fileId", "name", "mediaType", "documentId"],
  collection: ["collectionId", "name"],
  image: ["mediaType", "base64"],
} as const;

export function isKept(value: unknown): value is Kept {
  if (!isRecord(value)) return false;
  const { kind } = value;
  if (kind !== "file" && kind !== "collection" && kind !== "image") return false;
  return TEXTS[kind].every((field) => typeof value[field] === "string") && (kind !== "file" || typeof value["size"] === "number");
}

export function isAttached(value: unknown): value is Attached {
  return isKept(value) && value.kind !== "image";
}

/** What tells an attached thing from others of its message. */
export function keyOf(item: Attached): string {
  return item.kind === "file" ? item.fileId : item.collectionId;
}

/** What a message has besides its words, to be sent with them again. */
export function keptOf({ parts }: Message): readonly Kept[] {
  return parts.flatMap(({ kind }): Kept[] => {
    if (kind.case === "file") {
      const { fileId, name, mediaType, documentId, size } = kind.value;
      return [{ kind: "file", fileId, name, mediaType, documentId, size: Number(size) }];
    }
    if (kind.case === "collection") return [{ kind: "collection", collectionId: kind.value.collectionId, name: kind.value.name }];
    if (kind.case === "image") return [{ kind: "image", mediaType: kind.value.mediaType, base64: base64Encode(kind.value.data) }];
    return [];
  });
}

/** The parts of a message: what goes with it, then its words. */
export function partsOf(text: string, kept: readonly Kept[]): MessageInitShape<typeof PartSchema>[] {
  const parts = kept.map(partOf);
  return text.trim() === "" && parts.length > 0 ? parts : [...parts, { kind: { case: "text", value: { text } } }];
}

function partOf(item: Kept): MessageInitShape<typeof PartSchema> {
  if (item.kind === "image") return { kind: { case: "image", value: { mediaType: item.mediaType, data: base64Decode(item.base64) } } };
  if (item.kind === "collection") return { kind: { case: "collection", value: { collectionId: item.collectionId, name: item.name } } };
  const { fileId, name, mediaType, documentId, size } = item;
  return { kind: { case: "file", value: { fileId, name, mediaType, documentId, size: BigInt(size) } } };
}

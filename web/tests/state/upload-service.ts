// The services of uploads and files in memory: bytes at offsets, limits, what is there already. A test breaks the line.

import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";

import { DocumentSchema, type Document } from "../../src/gen/fireside/v1/document_pb.ts";
import { FileSchema, UploadLimitsSchema, UploadSchema, type File, type Upload } from "../../src/gen/fireside/v1/file_pb.ts";
import { FileService } from "../../src/gen/fireside/v1/file_service_pb.ts";
import {
  FinishedUploadSchema,
  UploadService,
  type AppendUploadRequest,
  type CreateUploadRequest,
  type FinishedUpload,
} from "../../src/gen/fireside/v1/upload_service_pb.ts";
import { crc32 } from "../../src/state/crc32.ts";
import { refusal } from "./auth-service.ts";

type Unary = <T>(method: string, context: HandlerContext, answer: () => T) => Promise<T>;

interface Held {
  readonly upload: Upload;
  bytes: Uint8Array;
}

export class TestUploads {
  readonly uploads = new Map<string, Held>();
  readonly finished = new Map<string, FinishedUpload>();
  /** By the hex of the SHA-256. */
  readonly files = new Map<string, File>();
  readonly deleted: string[] = [];
  readonly canceled: string[] = [];
  limits = create(UploadLimitsSchema, { maxFileBytes: 0n, remainingBytes: -1n, pieceBytes: 65_536, maxPieceBytes: 65_536 });
  /** Bytes that came, those that came twice included. */
  received = 0;
  /** The largest number of appends at a time, of different uploads. */
  busiest = 0;
  /** Whether the answer to an append is lost, by its number from 0: `before` or `after` the bytes were taken. */
  lose: (append: number) => "" | "before" | "after" = () => "";
  /** The collections that there are; null for any. */
  collections: readonly string[] | null = null;
  #appends = 0;

  create(request: CreateUploadRequest) {
    const { uploadId, collectionId, sha256 } = request;
    if (this.collections !== null && collectionId !== "" && !this.collections.includes(collectionId)) {
      throw refusal(Code.NotFound, "COLLECTION_NOT_FOUND");
    }
    const known = this.finished.get(uploadId);
    if (known !== undefined) return { outcome: { case: "finished" as const, value: known } };
    const same = this.files.get(hex(sha256));
    if (same !== undefined) return { outcome: { case: "finished" as const, value: this.#arrived(request, same) } };
    const held = this.uploads.get(uploadId) ?? { upload: this.#upload(request), bytes: new Uint8Array() };
    this.uploads.set(uploadId, held);
    return { outcome: { case: "upload" as const, value: this.#as(held) } };
  }

  /** Begins one as another client does. */
  put(init: { id: string; name: string; size: number; fingerprint?: string; collectionId?: string; folder?: string }, bytes: Uint8Array): void {
    const upload = create(UploadSchema, { ...init, size: BigInt(init.size), expireTime: timestampFromMs(Date.UTC(2026, 11, 24)) });
    this.uploads.set(init.id, { upload, bytes });
  }

  append({ uploadId, offset, data, segmentCrc32s: sums }: AppendUploadRequest) {
    const number = this.#appends;
    this.#appends += 1;
    this.received += data.length;
    const lost = this.lose(number);
    if (lost === "before") throw refusal(Code.Unavailable, "CUT");
    const held = this.#held(uploadId);
    if (Number(offset) !== held.bytes.length) throw refusal(Code.FailedPrecondition, "OFFSET_MISMATCH");
    if (sums.length !== 1 || sums[0] !== crc32(data)) throw refusal(Code.InvalidArgument, "CHECKSUM_MISMATCH");
    if (held.bytes.length + data.length > Number(held.upload.size)) throw refusal(Code.InvalidArgument, "PAST_END");
    const bytes = new Uint8Array(held.bytes.length + data.length);
    bytes.set(held.bytes);
    bytes.set(data, held.bytes.length);
    held.bytes = bytes;
    if (lost === "after") throw refusal(Code.Unavailable, "CUT");
    return { offset: BigInt(bytes.length) };
  }

  get(uploadId: string) {
    const finished = this.finished.get(uploadId);
    if (finished !== undefined) return { outcome: { case: "finished" as const, value: finished } };
    return { outcome: { case: "upload" as const, value: this.#as(this.#held(uploadId)) } };
  }

  list() {
    return { uploads: [...this.uploads.values()].map((held) => this.#as(held)), nextPageToken: "" };
  }

  finish(uploadId: string, sha256: Uint8Array) {
    const known = this.finished.get(uploadId);
    if (known !== undefined) return { finished: known };
    const held = this.#held(uploadId);
    if (held.bytes.length !== Number(held.upload.size)) throw refusal(Code.FailedPrecondition, "UPLOAD_INCOMPLETE");
    this.uploads.delete(uploadId);
    const digest = digestOf(held.bytes);
    if (sha256.length > 0 && hex(sha256) !== hex(digest)) throw refusal(Code.InvalidArgument, "FILE_CORRUPT");
    const { name, size, mediaType } = held.upload;
    const file = create(FileSchema, { id: uploadId, name, size, mediaType: mediaType || "text/plain", sha256: digest });
    this.files.set(hex(digest), file);
    return { finished: this.#arrived({ ...held.upload, uploadId }, file) };
  }

  cancel(uploadId: string) {
    this.canceled.push(uploadId);
    this.#held(uploadId);
    this.uploads.delete(uploadId);
    return {};
  }

  /** The bytes of an upload or of what came of it. */
  text(name: string): string {
    for (const { upload, bytes } of this.uploads.values()) if (upload.name === name) return new TextDecoder().decode(bytes);
    return "";
  }

  #arrived({ uploadId, name, collectionId, folder }: Pick<CreateUploadRequest, "uploadId" | "name" | "collectionId" | "folder">, same: File): FinishedUpload {
    const document: Document = create(DocumentSchema, { id: `d-${uploadId}`, collectionId, fileId: uploadId, name, folder });
    const file = { ...same, id: uploadId, name, documentId: document.id };
    const finished = create(FinishedUploadSchema, { file, document });
    this.finished.set(uploadId, finished);
    return finished;
  }

  #upload({ uploadId, name, size, mediaType, sha256, collectionId, folder, fingerprint }: CreateUploadRequest): Upload {
    return create(UploadSchema, { id: uploadId, name, size, mediaType, sha256, collectionId, folder, fingerprint });
  }

  #as({ upload, bytes }: Held): Upload {
    return { ...upload, offset: BigInt(bytes.length) };
  }

  #held(id: string): Held {
    const held = this.uploads.get(id);
    if (held === undefined) throw refusal(Code.NotFound, "UPLOAD_NOT_FOUND");
    return held;
  }
}

export function digestOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function serveUploads(router: ConnectRouter, book: TestUploads, unary: Unary): void {
  let appending = 0;
  router.service(UploadService, {
    getUploadLimits: (_, c) => unary("getUploadLimits", c, () => ({ limits: book.limits })),
    createUpload: (r, c) => unary("createUpload", c, () => book.create(r)),
    appendUpload: async (r, c) => {
      appending += 1;
      book.busiest = Math.max(book.busiest, appending);
      try {
        return await unary("appendUpload", c, () => book.append(r));
      } finally {
        appending -= 1;
      }
    },
    getUpload: (r, c) => unary("getUpload", c, () => book.get(r.uploadId)),
    listUploads: (_, c) => unary("listUploads", c, () => book.list()),
    finishUpload: (r, c) => unary("finishUpload", c, () => book.finish(r.uploadId, r.sha256)),
    cancelUpload: (r, c) => unary("cancelUpload", c, () => book.cancel(r.uploadId)),
  });
  router.service(FileService, {
    getFile: (r, c) => unary("getFile", c, () => ({ file: book.finished.get(r.fileId)?.file })),
    deleteFile: (r, c) =>
      unary("deleteFile", c, () => {
        book.deleted.push(r.fileId);
        return {};
      }),
  });
}

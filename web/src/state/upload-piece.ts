// A piece of a file on its way, with the checksum that tells whether it arrived as it is here.

import type { CallOptions } from "@connectrpc/connect";

import { crc32 } from "./crc32.ts";
import type { LocalFile, LocalSlice } from "./upload-types.ts";

export interface Piece {
  readonly uploadId: string;
  readonly offset: bigint;
  readonly slice: LocalSlice;
  /** Bytes. */
  readonly size: number;
  readonly crc32: number;
}

/** Calls AppendUpload. A browser hands the slice on as it is, which is many times faster than its bytes. */
export type Append = (piece: Piece, options: CallOptions) => Promise<{ readonly offset: bigint }>;

/** The file cannot be read any more: it was moved, changed or deleted. */
export class Unreadable extends Error {}

/** So little of it lies in memory at a time. */
const READ_BYTES = 512 * 1024;

/** Computes the CRC-32 of a part of a file. */
export type Check = (file: LocalFile, offset: number, size: number) => Promise<number>;

/** The checksum of a part, read here. */
export async function crcOf(file: LocalFile, offset: number, size: number): Promise<number> {
  const end = offset + size;
  let sum = 0;
  for (let at = offset; at < end; at += READ_BYTES) {
    const buffer = await file.slice(at, Math.min(end, at + READ_BYTES)).arrayBuffer();
    if (buffer.byteLength === 0) throw new Unreadable();
    sum = crc32(new Uint8Array(buffer), sum);
  }
  return sum;
}

export async function readPiece(check: Check, file: LocalFile, uploadId: string, offset: number, size: number): Promise<Piece> {
  const sum = await check(file, offset, size).catch(() => { throw new Unreadable(); });
  return { uploadId, offset: BigInt(offset), slice: file.slice(offset, offset + size), size, crc32: sum };
}

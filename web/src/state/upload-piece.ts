// A piece of a file on its way, with the checksums that tell whether it arrived as it is here.

import type { CallOptions } from "@connectrpc/connect";

import { crc32 } from "./crc32.ts";
import type { LocalFile, LocalSlice } from "./upload-types.ts";

export interface Piece {
  readonly uploadId: string;
  readonly offset: bigint;
  readonly slice: LocalSlice;
  /** Bytes. */
  readonly size: number;
  /** CRC-32 of each segment of it. */
  readonly sums: readonly number[];
}

/** Calls AppendUpload. A browser hands the slice on as it is, which is many times faster than its bytes. */
export type Append = (piece: Piece, options: CallOptions) => Promise<{ readonly offset: bigint }>;

/** The file cannot be read any more: it was moved, changed or deleted. */
export class Unreadable extends Error {}

/** What has a checksum of its own within a piece, as AppendUpload has it. Bytes. */
const SEGMENT = 1024 * 1024;

/** Computes the checksums of a part of a file. */
export type Check = (file: LocalFile, offset: number, size: number) => Promise<readonly number[]>;

/** The CRC-32 of each segment of what comes by in parts of any size. */
export class Sums {
  readonly #done: number[] = [];
  #sum = 0;
  #size = 0;

  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + SEGMENT - this.#size);
      this.#sum = crc32(part, this.#sum);
      this.#size += part.length;
      at += part.length;
      if (this.#size === SEGMENT) this.#end();
    }
  }

  /** All of them; nothing may come after. */
  get(): readonly number[] {
    if (this.#size > 0) this.#end();
    return this.#done;
  }

  #end(): void {
    this.#done.push(this.#sum);
    this.#sum = 0;
    this.#size = 0;
  }
}

/** The checksums of a part, read here. */
export async function sumsOf(file: LocalFile, offset: number, size: number): Promise<readonly number[]> {
  const end = offset + size;
  const sums = new Sums();
  for (let at = offset; at < end; at += SEGMENT) {
    const buffer = await file.slice(at, Math.min(end, at + SEGMENT)).arrayBuffer();
    if (buffer.byteLength === 0) throw new Unreadable();
    sums.add(new Uint8Array(buffer));
  }
  return sums.get();
}

export async function readPiece(check: Check, file: LocalFile, uploadId: string, offset: number, size: number): Promise<Piece> {
  const sums = await check(file, offset, size).catch(() => { throw new Unreadable(); });
  return { uploadId, offset: BigInt(offset), slice: file.slice(offset, offset + size), size, sums };
}

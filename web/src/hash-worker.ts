// The composition root of the worker that computes checksums of pieces and hashes of files: it reads a slice at a time by
// itself, each once for both, so that neither the page nor its memory is held up.

import { createSHA256, type IHasher } from "hash-wasm";
import { Sums } from "./state/upload-piece.ts";

/** As much of DedicatedWorkerGlobalScope as is needed: its library clashes with the one of the page. */
interface WorkerScope {
  onmessage: ((event: { readonly data: HashOrder }) => void) | null;
  postMessage(message: HashAnswer): void;
}

/**
 * `piece`: the checksums of a part. Those of a file that come one after the other are hashed on the way; `job` 0 is for a file
 * whose hash is known. `whole`: the hash, of which what came by in pieces is not read again. `drop`: it is not wanted.
 */
export type HashOrder =
  | { readonly kind: "piece"; readonly call: number; readonly job: number; readonly file: Blob; readonly offset: number; readonly size: number }
  | { readonly kind: "whole"; readonly call: number; readonly job: number; readonly file: Blob }
  | { readonly kind: "drop"; readonly job: number };

export interface HashAnswer {
  readonly call: number;
  /** Checksums or a hash, which is empty where hashes cannot be computed; null when the file cannot be read. */
  readonly value: readonly number[] | Uint8Array<ArrayBuffer> | null;
}

interface Job {
  /** Null where what is compiled must not run: a proxy may have put its own policy in the place of the server's. */
  readonly hash: Promise<IHasher | null>;
  /** Bytes from the beginning that are hashed. */
  upTo: number;
  /** Somebody takes bytes in now. */
  busy: boolean;
}

const SLICE = 1024 * 1024;
const scope = globalThis as unknown as WorkerScope;
const jobs = new Map<number, Job>();

function jobOf(id: number): Job {
  const job = jobs.get(id) ?? { hash: createSHA256().then((hash) => hash.init(), () => null), upTo: 0, busy: false };
  jobs.set(id, job);
  return job;
}

/** Buffers that are read into again and again: new ones for each slice would be a hundred megabytes before they are freed. */
const spare: ArrayBuffer[] = [];

/** After so long without a byte, a stream is taken for one that never ends. Milliseconds. */
const STALL_MS = 2_000;

/** Reads a part, from its beginning until `look` has seen enough. */
async function read(file: Blob, from: number, to: number, look: (bytes: Uint8Array) => boolean): Promise<void> {
  const reader = byteReader(file.slice(from, to));
  let at = from;
  if (reader !== null) {
    let buffer = spare.pop() ?? new ArrayBuffer(SLICE);
    while (at < to) {
      const got = await unlessStalled(reader.read(new Uint8Array(buffer)));
      // What did not come that way is read otherwise; a stream that stalls takes the buffer with it.
      if (got === null || got.value === undefined) break;
      // The buffer was taken away and comes back with what was read.
      buffer = got.value.buffer;
      at += got.value.length;
      if (!look(got.value)) to = at;
      else if (at === to) spare.push(buffer);
    }
    // Its end is not waited for: in Chromium that of one stream in some thousands never comes.
    reader.cancel().catch(() => undefined);
  }
  await readSlices(file, at, to, look);
}

function unlessStalled<T>(promise: Promise<T>): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { resolve(null); }, STALL_MS);
    promise.then(resolve, reject).finally(() => { clearTimeout(timer); });
  });
}

/** Reads into buffers that it is given; null where the browser cannot. */
function byteReader(part: Blob): ReadableStreamBYOBReader | null {
  try {
    return part.stream().getReader({ mode: "byob" });
  } catch {
    return null;
  }
}

async function readSlices(file: Blob, from: number, to: number, look: (bytes: Uint8Array) => boolean): Promise<void> {
  for (let at = from; at < to; at += SLICE) {
    const bytes = new Uint8Array(await file.slice(at, Math.min(to, at + SLICE)).arrayBuffer());
    if (bytes.length === 0) throw new Error("It has become shorter.");
    if (!look(bytes)) return;
  }
}

/** Takes bytes into a hash, if they are the next ones and nobody else does. */
async function taking<T>(job: Job | null, offset: number, run: (take: (bytes: Uint8Array) => void) => Promise<T>): Promise<T> {
  if (job === null || job.busy || job.upTo !== offset) return run(() => undefined);
  job.busy = true;
  try {
    const hash = await job.hash;
    return await run((bytes) => {
      hash?.update(bytes);
      job.upTo += bytes.length;
    });
  } finally {
    job.busy = false;
  }
}

async function pieceSums(id: number, file: Blob, offset: number, size: number): Promise<readonly number[]> {
  const sums = new Sums();
  await taking(id === 0 ? null : jobOf(id), offset, (take) =>
    read(file, offset, offset + size, (bytes) => {
      sums.add(bytes);
      take(bytes);
      return true;
    }));
  return sums.get();
}

async function wholeHash(id: number, file: Blob): Promise<Uint8Array<ArrayBuffer> | null> {
  const job = jobOf(id);
  // A piece that nobody waits for any more may still be on its way into the hash.
  while (job.busy) await new Promise((resolve) => { setTimeout(resolve, 5); });
  const hash = await job.hash;
  if (hash === null) return new Uint8Array();
  await taking(job, job.upTo, (take) =>
    read(file, job.upTo, file.size, (bytes) => {
      take(bytes);
      return jobs.get(id) === job;
    }));
  if (jobs.get(id) !== job || job.upTo !== file.size) return null;
  jobs.delete(id);
  return new Uint8Array(hash.digest("binary"));
}

scope.onmessage = ({ data }) => {
  if (data.kind === "drop") {
    jobs.delete(data.job);
    return;
  }
  const { kind, call, job, file } = data;
  const value: Promise<HashAnswer["value"]> = kind === "piece" ? pieceSums(job, file, data.offset, data.size) : wholeHash(job, file);
  value.then((found) => { scope.postMessage({ call, value: found }); }, () => { scope.postMessage({ call, value: null }); });
};

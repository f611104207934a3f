// Hands files to the worker that computes their hashes, and small ones to the browser, which is faster still. One worker
// for all: hashing two files at once takes as long as one after the other. Fetched with the first upload.

import type { HashAnswer, HashOrder } from "./hash-worker.ts";
import type { LocalFile } from "./state/upload-types.ts";

/** What may lie in memory as a whole. */
const SMALL = 4 * 1024 * 1024;

interface Waiting {
  readonly done: (digest: Uint8Array<ArrayBuffer>) => void;
  readonly failed: (why: Error) => void;
}

const waiting = new Map<number, Waiting>();
let worker: Worker | null = null;
let last = 0;

function failAll(): void {
  worker?.terminate();
  worker = null;
  for (const { failed } of waiting.values()) failed(new Error("The worker ended."));
  waiting.clear();
}

function start(): Worker {
  const made = new Worker(new URL("./hash-worker.ts", import.meta.url), { type: "module", name: "fireside-hash" });
  made.onmessage = ({ data: { id, digest } }: MessageEvent<HashAnswer>) => {
    const one = waiting.get(id);
    waiting.delete(id);
    if (digest === null) one?.failed(new Error("The file cannot be read."));
    else one?.done(digest);
  };
  made.onerror = failAll;
  return made;
}

function send(order: HashOrder): void {
  worker ??= start();
  worker.postMessage(order);
}

/** The SHA-256 of a file. */
export async function hashFile(file: LocalFile, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  // Missing on plain HTTP, whatever the types say.
  const subtle = crypto.subtle as SubtleCrypto | undefined;
  if (file.size <= SMALL && subtle !== undefined) {
    return new Uint8Array(await subtle.digest("SHA-256", await file.slice(0, file.size).arrayBuffer()));
  }
  last += 1;
  const id = last;
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      if (!waiting.delete(id)) return;
      send({ id, file: null });
      reject(new Error("Not wanted any more."));
    };
    const end = <T>(then: (value: T) => void) => (value: T): void => {
      signal.removeEventListener("abort", stop);
      then(value);
    };
    waiting.set(id, { done: end(resolve), failed: end(reject) });
    signal.addEventListener("abort", stop, { once: true });
    send({ id, file: file as File });
  });
}

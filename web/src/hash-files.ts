// Hands files to the worker that computes their checksums and hashes, and small ones to the browser, which is faster
// still. One worker for all: two files at once take as long as one after the other. Fetched with the first upload.

import type { HashAnswer, HashOrder } from "./hash-worker.ts";
import { sumsOf } from "./state/upload-piece.ts";
import type { LocalFile } from "./state/upload-types.ts";

/** What may lie in memory as a whole. */
const SMALL = 4 * 1024 * 1024;

interface Waiting {
  readonly done: (value: readonly number[] | Uint8Array<ArrayBuffer>) => void;
  readonly failed: (why: Error) => void;
}

const waiting = new Map<number, Waiting>();
/** The files that are being hashed; 0 when the hash is known. */
const jobs = new WeakMap<LocalFile, number>();
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
  made.onmessage = ({ data: { call, value } }: MessageEvent<HashAnswer>) => {
    const one = waiting.get(call);
    waiting.delete(call);
    if (value === null) one?.failed(new Error("The file cannot be read."));
    else one?.done(value);
  };
  made.onerror = failAll;
  return made;
}

function send(order: HashOrder): void {
  worker ??= start();
  worker.postMessage(order);
}

function next(): number {
  last += 1;
  return last;
}

function jobOf(file: LocalFile): number {
  const job = jobs.get(file) ?? next();
  jobs.set(file, job);
  return job;
}

function ask<T extends readonly number[] | Uint8Array<ArrayBuffer>>(order: (call: number) => HashOrder): Promise<T> {
  const call = next();
  return new Promise<T>((resolve, reject) => {
    waiting.set(call, { done: (value) => { resolve(value as T); }, failed: reject });
    send(order(call));
  });
}

/** The checksums of a part of a file. */
export function checkPiece(file: LocalFile, offset: number, size: number): Promise<readonly number[]> {
  if (file.size <= SMALL) return sumsOf(file, offset, size);
  const job = jobOf(file);
  return ask((call) => ({ kind: "piece", call, job, file: file as File, offset, size }));
}

/** The SHA-256 of a file; empty where it cannot be computed. */
export async function hashFile(file: LocalFile, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  // Missing on plain HTTP, whatever the types say.
  const subtle = crypto.subtle as SubtleCrypto | undefined;
  if (file.size <= SMALL && subtle !== undefined) {
    return new Uint8Array(await subtle.digest("SHA-256", await file.slice(0, file.size).arrayBuffer()));
  }
  const job = jobOf(file) || next();
  const drop = (): void => {
    jobs.delete(file);
    send({ kind: "drop", job });
  };
  signal.addEventListener("abort", drop, { once: true });
  try {
    const digest = await ask<Uint8Array<ArrayBuffer>>((call) => ({ kind: "whole", call, job, file: file as File }));
    jobs.set(file, 0);
    return digest;
  } finally {
    signal.removeEventListener("abort", drop);
  }
}

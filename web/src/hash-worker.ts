// The composition root of the worker that computes hashes of files: reads each by itself, a slice at a time, so that
// neither the page nor its memory is held up.

import { Sha256 } from "./state/sha256.ts";

/** As much of DedicatedWorkerGlobalScope as is needed: its library clashes with the one of the page. */
interface WorkerScope {
  onmessage: ((event: { readonly data: HashOrder }) => void) | null;
  postMessage(message: HashAnswer): void;
}

/** Compute the hash of `file`, or with null stop computing it. */
export interface HashOrder {
  readonly id: number;
  readonly file: Blob | null;
}

export interface HashAnswer {
  readonly id: number;
  /** Null when the file cannot be read. */
  readonly digest: Uint8Array<ArrayBuffer> | null;
}

const SLICE = 2 * 1024 * 1024;
const scope = globalThis as unknown as WorkerScope;
const wanted = new Set<number>();

async function digestOf(id: number, file: Blob): Promise<Uint8Array<ArrayBuffer> | null> {
  const hash = new Sha256();
  let next = file.slice(0, SLICE).arrayBuffer();
  for (let at = 0; at < file.size; at += SLICE) {
    const bytes = new Uint8Array(await next);
    if (!wanted.has(id)) return null;
    // The next one is read meanwhile.
    next = file.slice(at + SLICE, at + 2 * SLICE).arrayBuffer();
    hash.update(bytes);
  }
  await next;
  return hash.digest();
}

scope.onmessage = ({ data: { id, file } }) => {
  if (file === null) {
    wanted.delete(id);
    return;
  }
  wanted.add(id);
  const answer = (digest: HashAnswer["digest"]): void => {
    if (wanted.delete(id)) scope.postMessage({ id, digest });
  };
  digestOf(id, file).then(answer, () => { answer(null); });
};

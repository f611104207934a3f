// Which uploads this browser has begun, so that the same file goes on where it was, after a reload too, and so that two
// tabs do not go on with the same one. Where an upload is, only the server knows.

import { wait, type Clock } from "../rpc/clock.ts";
import { isRecord, readJson, type KeyStore } from "./storage.ts";
import type { LocalFile } from "./upload-types.ts";

export const UPLOAD_PREFIX = "fireside.upload.";
/** Whoever changes it asks the other tabs to say what they have. */
const ROLL = "fireside.uploads.roll";
/** Another tab hears of a change of the storage, and answers, well within this time. Milliseconds. */
const ANSWER_MS = 400;
/** The server gives uploads up long before. Milliseconds. */
const KEPT_MS = 30 * 24 * 3600 * 1000;

export interface Begun {
  readonly uploadId: string;
  /** Tells the same file again: see `markOf`. */
  readonly mark: string;
  readonly collectionId: string;
  readonly folder: string;
  /** The tab that has it, and when it last said so. */
  readonly tab: string;
  readonly at: number;
  /** The question that it was said in answer to. */
  readonly roll: string;
}

function isBegun(value: unknown): value is Begun {
  return (
    isRecord(value) &&
    ["uploadId", "mark", "collectionId", "folder", "tab", "roll"].every((name) => typeof value[name] === "string") &&
    typeof value["at"] === "number"
  );
}

/** The same for the same file of the same device. At most 256 characters, as the server takes it. */
export function markOf({ name, size, lastModified }: Pick<LocalFile, "name" | "size" | "lastModified">): string {
  return `${size}.${lastModified}.${name}`.slice(0, 256);
}

export class UploadRegistry {
  readonly #own = new Map<string, Begun>();
  #asked = 0;

  constructor(
    private readonly store: KeyStore,
    private readonly clock: Clock,
    private readonly tab: string,
  ) {
    for (const begun of this.#all()) if (clock.now() - begun.at > KEPT_MS) this.#forget(begun.uploadId);
    store.onChange((key) => {
      if (key === ROLL) this.#answer(store.get(ROLL) ?? "");
    });
  }

  /** This tab has the upload from now on. */
  hold(begun: Omit<Begun, "tab" | "at" | "roll">): void {
    const entry = { ...begun, tab: this.tab, at: this.clock.now(), roll: "" };
    this.#own.set(begun.uploadId, entry);
    this.#write(entry);
  }

  /** It is finished, or was given up. */
  end(uploadId: string): void {
    this.#own.delete(uploadId);
    this.#forget(uploadId);
  }

  /** Another has it now. */
  yield(uploadId: string): void {
    this.#own.delete(uploadId);
  }

  /** All of this tab's may be gone on with by others. */
  leave(): void {
    for (const entry of this.#own.values()) this.#write({ ...entry, tab: "" });
    this.#own.clear();
  }

  get(uploadId: string): Begun | null {
    return readJson(this.store, UPLOAD_PREFIX + uploadId, isBegun);
  }

  /** What was begun for this file, and is not this tab's; null for nothing. */
  find(mark: string, collectionId: string, folder: string): Begun | null {
    return this.#all().find((begun) => begun.mark === mark && begun.collectionId === collectionId && begun.folder === folder && !this.#own.has(begun.uploadId)) ?? null;
  }

  /** Asks the other tabs. Resolves with the ids of uploads that one of them has. */
  async heldByOthers(): Promise<ReadonlySet<string>> {
    const others = (): Begun[] => this.#all().filter(({ tab }) => tab !== this.tab && tab !== "");
    if (others().length === 0) return new Set();
    this.#asked += 1;
    // Each time another value, or the others would not hear of it.
    const asked = `${this.tab} ${this.#asked}`;
    this.store.set(ROLL, asked);
    await wait(this.clock, ANSWER_MS);
    return new Set(others().filter(({ roll }) => roll === asked).map(({ uploadId }) => uploadId));
  }

  #answer(roll: string): void {
    for (const entry of this.#own.values()) this.#write({ ...entry, at: this.clock.now(), roll });
  }

  #write(entry: Begun): void {
    this.store.set(UPLOAD_PREFIX + entry.uploadId, JSON.stringify(entry));
  }

  #forget(uploadId: string): void {
    this.store.remove(UPLOAD_PREFIX + uploadId);
  }

  #all(): Begun[] {
    const keys = this.store.keys().filter((key) => key.startsWith(UPLOAD_PREFIX));
    return keys.flatMap((key) => readJson(this.store, key, isBegun) ?? []);
  }
}

// Uploads that were begun and that nobody goes on with: by this browser before the page was loaded, or by another device.
// They lack the file, which only the person can choose again.

import { timestampMs } from "@bufbuild/protobuf/wkt";

import type { Upload } from "../gen/fireside/v1/file_pb.ts";
import { calling } from "../rpc/api.ts";
import { wait } from "../rpc/clock.ts";
import type { TaskServices } from "./upload-task.ts";
import type { UnfinishedView } from "./upload-types.ts";

const PAGE = 500;
/** Time within which the next piece of a running upload arrives, on all but the slowest lines. Milliseconds. */
const MOVING_MS = 5_000;

export class UnfinishedUploads {
  #records: readonly Upload[] = [];
  #turn = 0;
  #looked = false;

  constructor(private readonly services: TaskServices) {}

  get looked(): boolean {
    return this.#looked;
  }

  /** Asks the server, and the other tabs which of them they go on with. */
  async read(): Promise<void> {
    const { registry, clock, changed } = this.services;
    this.#looked = true;
    this.#turn += 1;
    const turn = this.#turn;
    const records = await this.#list();
    const held = await registry.heldByOthers();
    if (turn !== this.#turn || records === null) return;
    const here = (record: Upload): boolean => registry.get(record.id) !== null && !held.has(record.id);
    this.#records = records.filter(here);
    changed();
    // What another device sends now is not unfinished: it has moved on when one looks again.
    const others = new Map(records.filter(({ id }) => registry.get(id) === null).map(({ id, offset }) => [id, offset]));
    if (others.size === 0 || !(await wait(clock, MOVING_MS))) return;
    const again = await this.#list();
    if (turn !== this.#turn || again === null) return;
    this.#records = again.filter((record) => here(record) || others.get(record.id) === record.offset);
    changed();
  }

  /** All of them; null when they cannot be read. */
  async #list(): Promise<Upload[] | null> {
    const { api, clock, random } = this.services;
    const records: Upload[] = [];
    let pageToken = "";
    do {
      const request = { pageSize: PAGE, pageToken };
      const outcome = await calling((options) => api.listUploads(request, options), { clock, random });
      if (!outcome.ok) return null;
      records.push(...outcome.value.uploads);
      pageToken = outcome.value.nextPageToken;
    } while (pageToken !== "");
    return records;
  }

  /** What there is, without those that this page goes on with. */
  views(own: ReadonlySet<string>): readonly UnfinishedView[] {
    return this.#records.filter(({ id }) => !own.has(id)).map((record) => ({
      id: record.id,
      collectionId: record.collectionId,
      folder: record.folder,
      name: record.name,
      size: Number(record.size),
      sent: Number(record.offset),
      expiresAt: record.expireTime === undefined ? null : timestampMs(record.expireTime),
      here: this.services.registry.get(record.id) !== null,
    }));
  }

  get(id: string): Upload | null {
    return this.#records.find((record) => record.id === id) ?? null;
  }

  /** The one that was begun for this file; null for none. */
  find(mark: string, collectionId: string, folder: string): Upload | null {
    return this.#records.find((record) => record.fingerprint === mark && record.collectionId === collectionId && record.folder === folder) ?? null;
  }

  /** It is not unfinished any more. */
  drop(id: string): void {
    if (this.get(id) !== null) this.#records = this.#records.filter((record) => record.id !== id);
  }
}

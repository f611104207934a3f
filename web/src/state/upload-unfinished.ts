// Uploads that were begun and that nobody goes on with: by this browser before the page was loaded, or by another device.
// They lack the file, which only the person can choose again.

import { timestampMs } from "@bufbuild/protobuf/wkt";

import type { Upload } from "../gen/fireside/v1/file_pb.ts";
import { calling } from "../rpc/api.ts";
import type { TaskServices } from "./upload-task.ts";
import type { UnfinishedView } from "./upload-types.ts";

const PAGE = 500;

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
    const { api, registry, clock, random, changed } = this.services;
    this.#looked = true;
    this.#turn += 1;
    const turn = this.#turn;
    const records: Upload[] = [];
    let pageToken = "";
    do {
      const request = { pageSize: PAGE, pageToken };
      const outcome = await calling((options) => api.listUploads(request, options), { clock, random });
      if (turn !== this.#turn || !outcome.ok) return;
      records.push(...outcome.value.uploads);
      pageToken = outcome.value.nextPageToken;
    } while (pageToken !== "");
    const held = await registry.heldByOthers();
    if (turn !== this.#turn) return;
    this.#records = records.filter(({ id }) => !held.has(id));
    changed();
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

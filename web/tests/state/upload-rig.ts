// A tab whose uploads go to the server in memory, files to upload, and short ways to say what becomes of them.
import { LEAST_PIECE } from "../../src/state/upload-pace.ts";
import type { LocalFile, Uploads, UploadView } from "../../src/state/upload-types.ts";
import { Browser, type Tab } from "./browser.ts";
import { TestServer } from "./server.ts";
import { until } from "./time.ts";

export const PIECE = LEAST_PIECE;
export const LIBRARY = { collectionId: "0199aaaa-0000-7000-8000-000000000001" };
export const ATTACHED = { collectionId: "" };

export interface UploadRig {
  readonly server: TestServer;
  readonly browser: Browser;
  readonly tab: Tab;
  readonly uploads: Uploads;
}

/** Ann is signed in. */
export async function openUploads(): Promise<UploadRig> {
  const server = new TestServer();
  server.auth.add("ann", "Ann");
  server.auth.signedIn = "ann";
  const browser = new Browser(server);
  const tab = await browser.open();
  return { server, browser, tab, uploads: await tab.app.state.uploads() };
}

/** Bytes that are other at each place. */
export function bytesOf(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, at) => ((at + seed) * 2_654_435_761) >>> 13);
}

export function fileOf(name: string, size: number, seed = 1, type = "text/plain"): LocalFile & { readonly bytes: Uint8Array } {
  const bytes = bytesOf(size, seed);
  return {
    name, size, type, bytes, lastModified: 1_700_000_000_000,
    slice: (start, end) => ({ arrayBuffer: () => Promise.resolve(bytes.slice(start, end).buffer) }),
  };
}

/** Adds a file. Returns the upload's id. */
export function added(uploads: Uploads, file: LocalFile, target: { readonly collectionId: string }, folder: string): string {
  return uploads.add([{ file, folder }], target)[0] ?? "";
}

export function viewOf(uploads: Uploads, id: string): UploadView {
  const found = uploads.item(id);
  if (found === null) throw new Error("no such upload");
  return found;
}

export async function reached(uploads: Uploads, id: string, phase: UploadView["phase"]): Promise<UploadView> {
  await until(() => viewOf(uploads, id).phase === phase, `${phase} (instead of ${viewOf(uploads, id).phase})`);
  return viewOf(uploads, id);
}

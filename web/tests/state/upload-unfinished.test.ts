// Uploads that another page began: which of them go on, and by what.
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { newId } from "../../src/state/ids.ts";
import { markOf } from "../../src/state/upload-registry.ts";
import type { LocalFile, Uploads, UploadView } from "../../src/state/upload-types.ts";
import { refusal } from "./auth-service.ts";
import type { Browser, Tab } from "./browser.ts";
import type { TestServer } from "./server.ts";
import { settle, until } from "./time.ts";
import { added, fileOf, LIBRARY, openUploads, PIECE, reached, viewOf } from "./upload-rig.ts";
import { digestOf } from "./upload-service.ts";

let server: TestServer;
let browser: Browser;
let tab: Tab;
let uploads: Uploads;

beforeEach(async () => {
  ({ server, browser, tab, uploads } = await openUploads());
});

afterEach(() => {
  browser.close();
});

const add = (file: LocalFile, target = LIBRARY, folder = ""): string => added(uploads, file, target, folder);
const view = (id: string): UploadView => viewOf(uploads, id);
const reaches = (id: string, phase: UploadView["phase"]): Promise<UploadView> => reached(uploads, id, phase);

describe("another page", () => {
  const begun = async (file: LocalFile): Promise<void> => {
    server.uploads.lose = (append) => {
      if (append === 1) server.down = true;
      return "";
    };
    await reaches(add(file), "waiting");
  };

  const reload = async (): Promise<void> => {
    tab.app.live.leave();
    server.uploads.lose = () => "";
    server.down = false;
    tab = await browser.open();
    uploads = await tab.app.state.uploads();
  };

  test("finds what was not finished and goes on by the same file", async () => {
    const file = fileOf("a.txt", 5 * PIECE);
    await begun(file);
    await reload();
    uploads.look();
    await until(() => uploads.get().unfinished.length === 1, "the unfinished");
    expect(uploads.get().unfinished).toMatchObject([{ name: "a.txt", size: file.size, sent: 2 * PIECE, here: true, collectionId: LIBRARY.collectionId }]);
    const id = uploads.get().unfinished[0]?.id ?? "";
    expect(uploads.goOn(id, fileOf("other.txt", 5 * PIECE))).toBe(false);
    expect(uploads.goOn(id, fileOf("a.txt", 4 * PIECE))).toBe(false);
    expect(uploads.goOn(id, file)).toBe(true);
    expect(uploads.get().unfinished).toEqual([]);
    await until(() => uploads.get().items[0]?.phase === "done", "the end");
    expect(server.uploads.received).toBe(file.size);
  });

  test("goes on without being asked when the same file is added", async () => {
    const file = fileOf("a.txt", 5 * PIECE);
    await begun(file);
    await reload();
    await reaches(add(file), "done");
    expect(server.uploads.received).toBe(file.size);
    expect(server.uploads.finished.size).toBe(1);
  });

  test("does not fight with one that goes on with it", async () => {
    const file = fileOf("a.txt", 5 * PIECE);
    const release = server.hold("appendUpload");
    const first = add(file);
    await reaches(first, "sending");
    const other = await browser.open();
    const theirs = await other.app.state.uploads();
    theirs.look();
    await browser.clock.pass(1_000);
    expect(theirs.get().unfinished).toEqual([]);
    const [id = ""] = theirs.add([{ file, folder: "" }], LIBRARY);
    await browser.clock.pass(1_000);
    expect(theirs.item(id)?.phase).toBe("elsewhere");
    release();
    await reaches(first, "done");
  });

  test("takes over when asked, and the one before lets go", async () => {
    const file = fileOf("a.txt", 5 * PIECE);
    const release = server.hold("appendUpload");
    const first = add(file);
    await reaches(first, "sending");
    const theirs = await (await browser.open()).app.state.uploads();
    const [id = ""] = theirs.add([{ file, folder: "" }], LIBRARY);
    await browser.clock.pass(1_000);
    server.refuse("appendUpload", Code.Aborted, "taken", (error) => Object.assign(error, { details: refusal(Code.Aborted, "UPLOAD_TAKEN_OVER").details }));
    release();
    await reaches(first, "elsewhere");
    theirs.resume(id);
    await until(() => theirs.item(id)?.phase === "done", "the end");
    expect(view(first).phase).toBe("elsewhere");
  });

  test("does not show what another device sends now", async () => {
    const there = { id: newId(), name: "there.txt", size: 10, collectionId: LIBRARY.collectionId };
    server.uploads.put(there, new Uint8Array(4));
    uploads.look();
    await settle();
    server.uploads.put(there, new Uint8Array(6));
    await browser.clock.pass(6_000);
    expect(uploads.get().unfinished).toEqual([]);
    uploads.look();
    await browser.clock.pass(6_000);
    expect(uploads.get().unfinished).toMatchObject([{ sent: 6 }]);
  });

  test("gives up what it does not want", async () => {
    server.uploads.put({ id: newId(), name: "old.txt", size: 10, collectionId: LIBRARY.collectionId }, new Uint8Array(4));
    uploads.look();
    await browser.clock.pass(6_000);
    await until(() => uploads.get().unfinished.length === 1, "the unfinished");
    expect(uploads.get().unfinished[0]).toMatchObject({ here: false, sent: 4 });
    uploads.discard(uploads.get().unfinished[0]?.id ?? "");
    expect(uploads.get().unfinished).toEqual([]);
    await until(() => server.uploads.uploads.size === 0, "the call");
  });

  test("begins anew when what was there is of another file", async () => {
    const file = fileOf("a.txt", 2 * PIECE);
    server.uploads.put({ id: newId(), name: "a.txt", size: file.size, collectionId: LIBRARY.collectionId, fingerprint: markOf(file) }, new Uint8Array(PIECE));
    uploads.look();
    await browser.clock.pass(6_000);
    await until(() => uploads.get().unfinished.length === 1, "the unfinished");
    const done = await reaches(add(file), "done");
    expect(server.uploads.finished.get(done.file?.fileId ?? "")?.file?.sha256).toEqual(digestOf(file.bytes));
    expect(server.uploads.received).toBe(3 * PIECE);
  });

  test("begins anew when the server has forgotten it", async () => {
    const file = fileOf("a.txt", 4 * PIECE);
    await begun(file);
    server.uploads.uploads.clear();
    await reload();
    await reaches(add(file), "done");
  });

  test("keeps nothing of who signed out", async () => {
    await begun(fileOf("a.txt", 4 * PIECE));
    server.down = false;
    await tab.app.session.signOut();
    expect([...browser.storage.values.keys()].filter((key) => key.includes("fireside.upload."))).toEqual([]);
  });
});

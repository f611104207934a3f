// Uploads over the server in memory: what is sent, what is not, and what breaks nothing.
import { crc32 as zlibCrc32 } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { crc32 } from "../../src/state/crc32.ts";
import { newId } from "../../src/state/ids.ts";
import { LEAST_PIECE, Pace, Rate, timeLeft } from "../../src/state/upload-pace.ts";
import { markOf } from "../../src/state/upload-registry.ts";
import type { LocalFile, Uploads, UploadView } from "../../src/state/upload-types.ts";
import { refusal } from "./auth-service.ts";
import { Browser, type Tab } from "./browser.ts";
import { TestServer } from "./server.ts";
import { settle, until } from "./time.ts";
import { digestOf } from "./upload-service.ts";

const PIECE = LEAST_PIECE;
const LIBRARY = { collectionId: "0199aaaa-0000-7000-8000-000000000001" };
const ATTACHED = { collectionId: "" };

let server: TestServer;
let browser: Browser;
let tab: Tab;
let uploads: Uploads;

beforeEach(async () => {
  server = new TestServer();
  server.auth.add("ann", "Ann");
  server.auth.signedIn = "ann";
  browser = new Browser(server);
  tab = await browser.open();
  uploads = await tab.app.state.uploads();
});

afterEach(() => {
  browser.close();
});

/** Bytes that are other at each place. */
function bytesOf(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, at) => ((at + seed) * 2_654_435_761) >>> 13);
}

function fileOf(name: string, size: number, seed = 1, type = "text/plain"): LocalFile & { readonly bytes: Uint8Array } {
  const bytes = bytesOf(size, seed);
  return {
    name, size, type, bytes, lastModified: 1_700_000_000_000,
    slice: (start, end) => ({ arrayBuffer: () => Promise.resolve(bytes.slice(start, end).buffer) }),
  };
}

function add(file: LocalFile, target = LIBRARY, folder = ""): string {
  return uploads.add([{ file, folder }], target)[0] ?? "";
}

const view = (id: string): UploadView => {
  const found = uploads.item(id);
  if (found === null) throw new Error("no such upload");
  return found;
};

async function reaches(id: string, phase: UploadView["phase"]): Promise<UploadView> {
  await until(() => view(id).phase === phase, `${phase} (instead of ${view(id).phase})`);
  return view(id);
}

const calls = (method: string): number => server.calls.filter((call) => call === method).length;

describe("a file", () => {
  test("arrives whole, with its hash, and is a document then", async () => {
    const file = fileOf("plan.txt", 3 * PIECE + 17);
    const done = await reaches(add(file, LIBRARY, "reports"), "done");
    expect(done).toMatchObject({ sent: file.size, reused: false, folder: "reports", error: null, file: { name: "plan.txt", size: file.size } });
    expect(server.uploads.received).toBe(file.size);
    expect(calls("appendUpload")).toBe(4);
    const finished = server.uploads.finished.get(done.file?.fileId ?? "");
    expect(finished?.file?.sha256).toEqual(digestOf(file.bytes));
    expect(done.file?.documentId).toBe(finished?.document?.id);
    expect(finished?.document).toMatchObject({ folder: "reports", collectionId: LIBRARY.collectionId });
  });

  test("of nothing is a file, too", async () => {
    await reaches(add(fileOf("empty.txt", 0)), "done");
    expect(calls("appendUpload")).toBe(0);
  });

  test("that the server has is not sent", async () => {
    await reaches(add(fileOf("a.txt", 2 * PIECE)), "done");
    const again = await reaches(add(fileOf("b.txt", 2 * PIECE)), "done");
    expect(again).toMatchObject({ reused: true, file: { name: "b.txt" } });
    expect(server.uploads.received).toBe(2 * PIECE);
  });

  test("that is on its way there already is not queued twice", () => {
    const release = server.hold("createUpload");
    const file = fileOf("a.txt", 100);
    expect(add(file)).toBe(add(file));
    expect(add(file, LIBRARY, "elsewhere")).not.toBe(add(file));
    release();
  });

  test("that cannot be read says so", async () => {
    const file = { ...fileOf("gone.txt", 100), slice: () => ({ arrayBuffer: () => Promise.reject(new Error("NotReadableError")) }) };
    expect((await reaches(add(file), "failed")).error?.key).toBe("upload.error.unreadable");
  });
});

describe("the line", () => {
  test("that loses pieces, or only the answers to them, costs nothing but those", async () => {
    const file = fileOf("long.txt", 20 * PIECE);
    // One in four never arrives, one in four arrives and is not acknowledged.
    server.uploads.lose = (append) => (append % 4 === 1 ? "before" : append % 4 === 3 ? "after" : "");
    const id = add(file);
    for (let i = 0; i < 200 && view(id).phase !== "done"; i += 1) await browser.clock.pass(200);
    const done = await reaches(id, "done");
    expect(server.uploads.finished.get(done.file?.fileId ?? "")?.file?.sha256).toEqual(digestOf(file.bytes));
    const lost = server.uploads.received - file.size;
    expect(lost).toBe(7 * PIECE);
  });

  test("that is away is waited for, and gone on with at once when it is back", async () => {
    const file = fileOf("a.txt", 4 * PIECE);
    server.uploads.lose = (append) => {
      if (append === 2) server.down = true;
      return "";
    };
    const id = add(file);
    await reaches(id, "waiting");
    expect(view(id)).toMatchObject({ sent: 3 * PIECE, error: { kind: "unavailable" } });
    await browser.clock.pass(120_000);
    expect(view(id).phase).toBe("waiting");
    server.down = false;
    // As the button beside the connection does, and the browser's word that it has a network.
    tab.app.live.hint("retry");
    await reaches(id, "done");
    expect(server.uploads.received).toBe(file.size);
  });

  test("that flips bits is told by the checksum", async () => {
    server.refuse("appendUpload", Code.InvalidArgument, "bits", (error) => Object.assign(error, { details: refusal(Code.InvalidArgument, "CHECKSUM_MISMATCH").details }));
    await reaches(add(fileOf("a.txt", 100)), "done");
    expect(calls("appendUpload")).toBe(2);
  });

  test("that contradicts itself for ever is given up", async () => {
    server.uploads.lose = () => { throw refusal(Code.FailedPrecondition, "OFFSET_MISMATCH"); };
    const failed = await reaches(add(fileOf("a.txt", 100)), "failed");
    expect(failed.error?.kind).toBe("state");
    expect(calls("appendUpload")).toBeLessThan(10);
  });

  test("goes on after somebody has signed in again", async () => {
    server.uploads.lose = (append) => {
      if (append === 0) server.auth.signedIn = "";
      return "";
    };
    const id = add(fileOf("a.txt", 2 * PIECE));
    await reaches(id, "waiting");
    server.auth.signedIn = "ann";
    await browser.clock.pass(10_000);
    await reaches(id, "done");
  });
});

describe("before anything is sent", () => {
  test("it is told what is too large, of a refused type, or too much", async () => {
    Object.assign(server.uploads.limits, { maxFileBytes: 1_000n, remainingBytes: 1_500n, refusedTypes: [".exe", "video/*"] });
    const ids = uploads.add(
      [fileOf("large.txt", 1_001), fileOf("Run.EXE", 5), fileOf("film", 5, 1, "video/mp4"), fileOf("a.txt", 900, 2), fileOf("b.txt", 900, 3), fileOf("c.txt", 600, 4)].map((file) => ({ file, folder: "" })),
      LIBRARY,
    );
    await until(() => ids.every((id) => ["refused", "done"].includes(view(id).phase)), "all judged");
    expect(ids.map((id) => view(id).error?.key ?? view(id).phase)).toEqual([
      "upload.error.size", "upload.error.type", "upload.error.type", "done", "upload.error.full", "done",
    ]);
    expect(view(ids[0] ?? "").error?.params["limit"]).toBe(1_000);
    expect(view(ids[2] ?? "").error?.params["type"]).toBe("video/*");
    expect(view(ids[4] ?? "").error?.params["left"]).toBe(600);
    expect(server.uploads.received).toBe(1_500);
    expect(uploads.get().limits).toMatchObject({ maxFileBytes: 1_000, refusedTypes: [".exe", "video/*"] });
  });

  test("what was refused is judged again when asked for", async () => {
    Object.assign(server.uploads.limits, { remainingBytes: 1n });
    const id = add(fileOf("a.txt", 100));
    await reaches(id, "refused");
    Object.assign(server.uploads.limits, { remainingBytes: -1n });
    uploads.retry(id);
    await reaches(id, "done");
  });

  test("the server's own refusals have words", async () => {
    server.refuse("createUpload", Code.ResourceExhausted, "full", (error) => Object.assign(error, { details: refusal(Code.ResourceExhausted, "STORAGE_FULL").details }));
    const id = add(fileOf("a.txt", 100));
    expect((await reaches(id, "failed")).error?.key).toBe("upload.error.full.server");
    uploads.retry(id);
    await reaches(id, "done");
    server.uploads.collections = [];
    expect((await reaches(add(fileOf("b.txt", 9, 2)), "failed")).error?.key).toBe("upload.error.collection");
  });
});

describe("many files", () => {
  test("go three at a time, and attachments do not wait for them", async () => {
    const release = server.hold("appendUpload");
    const ids = uploads.add(Array.from({ length: 8 }, (_, at) => ({ file: fileOf(`${at}.txt`, 100, at + 1), folder: "" })), LIBRARY);
    await until(() => ids.filter((id) => view(id).phase === "sending").length === 3, "three sending");
    const attached = add(fileOf("now.txt", 50, 99), ATTACHED);
    await reaches(attached, "sending");
    await settle();
    expect(calls("appendUpload")).toBe(4);
    release();
    await until(() => [...ids, attached].every((id) => view(id).phase === "done"), "all done");
    expect(server.uploads.busiest).toBe(4);
  });

  test("are told of no more often than sixteen times a second", async () => {
    let told = 0;
    const end = uploads.subscribe(() => (told += 1));
    const ids = uploads.add(Array.from({ length: 200 }, (_, at) => ({ file: fileOf(`${at}.txt`, 10, at + 1), folder: "" })), LIBRARY);
    await until(() => ids.every((id) => view(id).phase === "done"), "all done");
    expect(told).toBeLessThan(5);
    end();
    expect(uploads.get().items).toHaveLength(200);
    uploads.clear();
    expect(uploads.get().items).toHaveLength(0);
  });
});

describe("the person", () => {
  test("pauses and goes on, and nothing is sent twice", async () => {
    const release = server.hold("appendUpload");
    const id = add(fileOf("a.txt", 3 * PIECE));
    await reaches(id, "sending");
    await until(() => calls("appendUpload") === 1, "a piece");
    uploads.pause(id);
    expect(view(id).phase).toBe("paused");
    release();
    await settle();
    expect(calls("appendUpload")).toBe(1);
    uploads.resume(id);
    await reaches(id, "done");
    expect(server.uploads.received).toBe(3 * PIECE);
  });

  test("cancels, and the server frees what it held", async () => {
    const release = server.hold("appendUpload");
    const id = add(fileOf("a.txt", 3 * PIECE));
    await until(() => calls("appendUpload") === 1, "a piece");
    uploads.remove(id);
    release();
    expect(uploads.get().items).toEqual([]);
    await until(() => server.uploads.canceled.length === 1, "the call");
    expect(server.uploads.uploads.size).toBe(0);
    expect([...browser.storage.values.keys()].filter((key) => key.includes("fireside.upload."))).toEqual([]);
  });

  test("removes an attachment with its file, unless it was sent", async () => {
    const [one, two] = [add(fileOf("a.txt", 5), ATTACHED), add(fileOf("b.txt", 6, 2), ATTACHED)];
    await reaches(one, "done");
    const { file } = await reaches(two, "done");
    uploads.remove(one, { keep: true });
    uploads.remove(two);
    await until(() => server.uploads.deleted.length > 0, "the call");
    expect(server.uploads.deleted).toEqual([file?.fileId]);
  });

  test("pauses all and goes on with all", async () => {
    const release = server.hold("appendUpload");
    const ids = uploads.add(Array.from({ length: 5 }, (_, at) => ({ file: fileOf(`${at}.txt`, 100, at + 1), folder: "" })), LIBRARY);
    await until(() => calls("appendUpload") === 3, "three");
    uploads.pauseAll();
    expect(new Set(ids.map((id) => view(id).phase))).toEqual(new Set(["paused"]));
    release();
    await settle();
    uploads.resumeAll();
    await until(() => ids.every((id) => view(id).phase === "done"), "all done");
  });
});

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

describe("the pace", () => {
  test("grows while all is well, and shrinks by a cut, once for all that were hit", () => {
    const pace = new Pace(1 << 20, 4 << 20);
    for (let i = 0; i < 6; i += 1) pace.arrived(pace.size, 50);
    expect(pace.size).toBe(4 << 20);
    pace.cut(10_000);
    pace.cut(10_100);
    expect(pace.size).toBe(2 << 20);
    for (let i = 0; i < 6; i += 1) pace.arrived(pace.size, 50);
    expect(pace.size).toBe(2 << 20);
    for (let i = 0; i < 12; i += 1) pace.arrived(pace.size, 50);
    expect(pace.size).toBe(4 << 20);
    for (let i = 0; i < 20; i += 1) pace.cut(20_000 + i * 2_000);
    expect(pace.size).toBe(LEAST_PIECE);
  });

  test("shrinks on a slow line, and takes no small rest for a fast one", () => {
    const pace = new Pace(1 << 20, 4 << 20);
    pace.arrived(1 << 20, 3_000);
    expect(pace.size).toBe(1 << 19);
    for (let i = 0; i < 9; i += 1) pace.arrived(100, 5);
    expect(pace.size).toBe(1 << 19);
  });

  test("is told as bytes a second and time left", () => {
    const rate = new Rate();
    rate.begin(0);
    for (let ms = 100; ms <= 5_000; ms += 100) rate.arrived(1_000, ms);
    expect(rate.of(5_000)).toBeCloseTo(10_000, 0);
    for (let ms = 5_100; ms <= 20_000; ms += 100) rate.arrived(2_000, ms);
    expect(rate.of(20_000)).toBeGreaterThan(19_000);
    expect(rate.of(40_000)).toBe(0);
    expect(timeLeft(20_000, 10_000)).toBe(2_000);
    expect(timeLeft(1, 0)).toBeNull();
  });
});

describe("sums", () => {
  test("are those of everybody else, whatever the pieces", () => {
    for (const size of [0, 1, 15, 16, 55, 56, 63, 64, 65, 119, 128, 1_000, 70_001]) {
      const bytes = bytesOf(size, size + 3);
      expect(crc32(bytes), String(size)).toBe(zlibCrc32 === undefined ? crc32(bytes) : zlibCrc32(bytes));
    }
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  });
});

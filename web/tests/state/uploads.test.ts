// Uploads over the server in memory: what is sent, what is not, and what breaks nothing.
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { LocalFile, Uploads, UploadView } from "../../src/state/upload-types.ts";
import { refusal } from "./auth-service.ts";
import type { Browser, Tab } from "./browser.ts";
import type { TestServer } from "./server.ts";
import { settle, until } from "./time.ts";
import { added, ATTACHED, fileOf, LIBRARY, openUploads, PIECE, reached, viewOf } from "./upload-rig.ts";
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

// The library over the server in memory: collections, their documents as they change, what a search finds.
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { DocumentState, PassageSchema } from "../../src/gen/fireside/v1/document_pb.ts";
import { ShareRole } from "../../src/gen/fireside/v1/share_pb.ts";
import { piecesOf } from "../../src/state/document-view.ts";
import { newId } from "../../src/state/ids.ts";
import type { Documents, Library } from "../../src/state/library-types.ts";
import { pathOf, routeOf } from "../../src/state/router.ts";
import { Browser, type Tab } from "./browser.ts";
import { TestServer } from "./server.ts";
import { settle, until } from "./time.ts";

let server: TestServer;
let browser: Browser;
let tab: Tab;
let library: Library;

beforeEach(() => {
  server = new TestServer();
  server.auth.add("ann", "Ann");
  server.auth.signedIn = "ann";
  browser = new Browser(server);
});

afterEach(() => {
  browser.close();
});

async function open(): Promise<void> {
  tab = await browser.open();
  library = await tab.app.state.library();
  await until(() => library.get().phase !== "loading", "the collections");
}

const names = (): string[] => library.get().collections.map(({ name }) => name);
const calls = (method: string): number => server.calls.filter((call) => call === method).length;

describe("collections", () => {
  test("are listed by name, with what they are to the reader", async () => {
    server.knowledge.collection({ id: newId(), name: "Zebras", documentCount: 3n, sizeBytes: 7n, pendingCount: 1n, failedCount: 2n });
    server.knowledge.collection({ id: newId(), name: "apples 10", access: ShareRole.VIEWER, ownerName: "Bob", shared: true });
    server.knowledge.collection({ id: newId(), name: "apples 9", access: ShareRole.EDITOR });
    await open();
    expect(names()).toEqual(["apples 9", "apples 10", "Zebras"]);
    expect(library.get().collections).toMatchObject([
      { access: "editor" }, { access: "viewer", ownerName: "Bob", shared: true },
      { access: "owner", documents: 3, sizeBytes: 7, pending: 1, failed: 2 },
    ]);
  });

  test("that cannot be read say so, and are read again", async () => {
    for (let i = 0; i < 4; i += 1) server.refuse("listCollections", Code.Internal);
    await open();
    expect(library.get()).toMatchObject({ phase: "failed", error: { kind: "unknown" } });
    server.refusals.splice(0);
    library.reload();
    await until(() => library.get().phase === "ready", "the collections");
  });

  test("are made, renamed and deleted, and what is wrong is told at the field", async () => {
    await open();
    expect(await library.create("  ", "")).toMatchObject({ ok: false, field: "name", error: { key: "library.wrong.name" } });
    expect(await library.create("x".repeat(101), "")).toMatchObject({ ok: false, error: { key: "library.wrong.name.long" } });
    const made = await library.create(" Plans ", "For spring");
    expect(made).toMatchObject({ ok: true });
    expect(await library.create("Plans", "")).toMatchObject({ ok: false, field: "name", error: { key: "library.wrong.name.taken" } });
    const id = made.ok ? made.value : "";
    expect(library.collection(id)).toMatchObject({ name: "Plans", description: "For spring" });
    expect(await library.change(id, "Seeds", "")).toEqual({ ok: true, value: null });
    expect(names()).toEqual(["Seeds"]);
    Object.assign(server.knowledge.collections.get(id) ?? {}, { etag: "other" });
    expect(await library.change(id, "Roots", "")).toMatchObject({ ok: false, stale: true });
    await settle();
    expect(await library.change(id, "Roots", "")).toMatchObject({ ok: true });
    expect(await library.remove(id)).toEqual({ ok: true, value: null });
    expect(names()).toEqual([]);
    expect(await library.remove(id)).toEqual({ ok: true, value: null });
  });

  test("change as others change them", async () => {
    const one = server.knowledge.collection({ id: newId(), name: "One" });
    await open();
    const two = server.knowledge.collection({ id: newId(), name: "Two", access: ShareRole.VIEWER });
    server.announce({ case: "collectionChanged", value: two });
    await until(() => names().length === 2, "the second");
    server.announce({ case: "collectionRemoved", value: one.id });
    await until(() => names().length === 1, "the first gone");
    expect(names()).toEqual(["Two"]);
  });

  test("count what is in them soon after it changed, once for all that did", async () => {
    const { id } = server.knowledge.collection({ id: newId(), name: "One" });
    await open();
    for (let i = 0; i < 20; i += 1) {
      server.announce({ case: "documentChanged", value: server.knowledge.document({ id: newId(), collectionId: id, name: `${i}` }) });
    }
    Object.assign(server.knowledge.collections.get(id) ?? {}, { documentCount: 20n });
    await settle();
    await browser.clock.pass(1_100);
    expect(calls("getCollection")).toBe(1);
    expect(library.collection(id)?.documents).toBe(20);
  });
});

describe("documents", () => {
  let collectionId: string;
  let documents: Documents;

  const shown = (): string[] => documents.get().documents.map(({ name }) => name);

  async function look(count: number, change: (at: number) => object = () => ({})): Promise<void> {
    collectionId = newId();
    server.knowledge.collection({ id: collectionId, name: "All" });
    for (let at = 0; at < count; at += 1) {
      const name = `${String(at).padStart(4, "0")}.txt`;
      server.knowledge.document({ id: `d${at}`, collectionId, name, fileId: `f${at}`, ...change(at) });
    }
    await open();
    documents = library.documents(collectionId);
    documents.watch();
    await until(() => documents.get().phase !== "loading", "the documents");
  }

  test("are read page by page, each once", async () => {
    await look(250);
    expect(shown()).toHaveLength(100);
    // One more at the beginning moves all pages on.
    server.knowledge.document({ id: "new", collectionId, name: "0000.aaa" });
    documents.loadMore();
    documents.loadMore();
    await until(() => shown().length > 100, "the second page");
    documents.loadMore();
    await until(() => !documents.get().hasMore, "the last page");
    expect(new Set(shown()).size).toBe(shown().length);
    expect(shown()).toHaveLength(250);
    documents.reload();
    await until(() => shown().length === 251, "all of them again");
  });

  test("are read anew as far as they were read, and no further", async () => {
    await look(250);
    library.reload();
    await until(() => calls("listDocuments") === 2, "the second reading");
    await settle();
    expect(shown()).toHaveLength(100);
    expect(documents.get().hasMore).toBe(true);
  });

  test("say how far they are", async () => {
    const state = [DocumentState.UPLOADED, DocumentState.EXTRACTING, DocumentState.EMBEDDING, DocumentState.READY, DocumentState.FAILED];
    await look(5, (at) => ({ state: state[at], done: at, total: 9, ...(at === 4 ? { failure: { reason: "DOCUMENT_DAMAGED", message: "No." } } : {}) }));
    expect(documents.get().documents.map((view) => view.state)).toEqual(["uploaded", "extracting", "embedding", "ready", "failed"]);
    expect(documents.get().documents[4]).toMatchObject({ reason: "DOCUMENT_DAMAGED", message: "No." });
    documents.choose("pending");
    await until(() => shown().length === 3, "those that are not ready");
    documents.choose("failed");
    await until(() => shown().length === 1, "those that failed");
  });

  test("change, come and go as the account's events tell", async () => {
    await look(3);
    const before = documents.get().documents;
    server.announce({ case: "documentChanged", value: server.knowledge.document({ id: "d1", collectionId, name: "0001.txt", state: DocumentState.EXTRACTING, done: 3, total: 8 }) });
    await until(() => documents.get().documents[1]?.state === "extracting", "the progress");
    // What did not change is the same object, so that nothing of it is drawn again.
    expect(documents.get().documents[0]).toBe(before[0]);
    server.announce({ case: "documentChanged", value: server.knowledge.document({ id: "x", collectionId, name: "0001.a" }) });
    await until(() => shown().length === 4, "the new one");
    expect(shown()).toEqual(["0000.txt", "0001.a", "0001.txt", "0002.txt"]);
    server.announce({ case: "documentChanged", value: server.knowledge.document({ id: "d0", collectionId, name: "0000.txt", state: DocumentState.DELETED }) });
    await until(() => shown().length === 3, "one gone");
    expect(shown()[0]).toBe("0001.a");
  });

  test("do not go back in time", async () => {
    await look(1);
    const old = server.knowledge.document({ id: "d0", collectionId, name: "0000.txt", state: DocumentState.EMBEDDING });
    const next = server.knowledge.document({ id: "d0", collectionId, name: "0000.txt", state: DocumentState.READY });
    server.announce({ case: "documentChanged", value: next });
    server.announce({ case: "documentChanged", value: old });
    await settle();
    expect(documents.get().documents[0]?.state).toBe("ready");
  });

  test("of other collections or other words are not shown", async () => {
    await look(2);
    documents.search("0001");
    await browser.clock.pass(250);
    await until(() => shown().length === 1, "the one");
    server.announce({ case: "documentChanged", value: server.knowledge.document({ id: "y", collectionId, name: "other.txt" }) });
    server.announce({ case: "documentChanged", value: server.knowledge.document({ id: "z", collectionId: newId(), name: "0001.b" }) });
    server.announce({ case: "documentChanged", value: server.knowledge.document({ id: "w", collectionId, name: "0001.c" }) });
    await until(() => shown().length === 2, "the fitting one");
    expect(shown()).toEqual(["0001.c", "0001.txt"]);
  });

  test("are deleted and read again", async () => {
    await look(2, () => ({ state: DocumentState.FAILED }));
    expect(await documents.retry("d0")).toMatchObject({ ok: true });
    expect(documents.get().documents[0]?.state).toBe("uploaded");
    expect(await documents.retry("d0")).toMatchObject({ ok: false, error: { kind: "state" } });
    expect(await documents.remove("d1")).toEqual({ ok: true, value: null });
    expect(await documents.remove("d1")).toEqual({ ok: true, value: null });
    expect(shown()).toEqual(["0000.txt"]);
    expect(await documents.versions("d0")).toMatchObject({ ok: true, value: [{ version: 1, authorName: "Ann" }] });
  });

  test("of a collection that is gone are missing", async () => {
    await look(1);
    server.knowledge.collections.delete(collectionId);
    server.announce({ case: "collectionRemoved", value: collectionId });
    await until(() => documents.get().phase === "missing", "the end");
    expect(documents.get().documents).toEqual([]);
  });

  test("are read anew after the line was cut", async () => {
    await look(1);
    server.down = true;
    server.cut();
    await settle();
    server.knowledge.document({ id: "meanwhile", collectionId, name: "0009.txt" });
    // Nobody tells of it again: such events are not kept.
    server.down = false;
    await browser.clock.pass(5_000);
    await until(() => shown().length === 2, "what came meanwhile");
  });
});

describe("a search", () => {
  test("asks for the last thing typed, in one collection or in all", async () => {
    await open();
    const { search } = library;
    server.knowledge.found = [create(PassageSchema, { documentId: "d", ordinal: 4, name: "a.pdf", page: 3, headings: ["One", "Two"], text: "the oak tree", highlights: [{ start: 4, end: 7 }] })];
    search.search("o", "");
    search.search("oak", "");
    await browser.clock.pass(300);
    await until(() => search.get().phase === "ready", "the hits");
    expect(server.knowledge.searches.map(({ query, collectionIds }) => [query, collectionIds])).toEqual([["oak", []]]);
    expect(search.get()).toMatchObject({ shown: "oak", pending: 2, hits: [{ page: 3, headings: ["One", "Two"], ordinal: 4 }] });
    expect(search.get().hits[0]?.pieces).toEqual([{ text: "the ", marked: false }, { text: "oak", marked: true }, { text: " tree", marked: false }]);
    const id = newId();
    search.search("oak", id);
    expect(search.get()).toMatchObject({ phase: "searching", hits: [] });
    search.again();
    await until(() => search.get().phase === "ready", "the hits there");
    expect(server.knowledge.searches.at(-1)?.collectionIds).toEqual([id]);
    search.search("", id);
    expect(search.get().phase).toBe("idle");
  });

  test("that fails says so, and looks again", async () => {
    await open();
    server.refuse("searchKnowledge", Code.InvalidArgument);
    library.search.search("oak", "");
    await browser.clock.pass(300);
    await until(() => library.search.get().phase === "failed", "the failure");
    library.search.again();
    await until(() => library.search.get().phase === "ready", "the hits");
  });

  test("marks words where they stand, and nothing that cannot be", () => {
    expect(piecesOf("一棵树", [{ start: 2, end: 3 }])).toEqual([{ text: "一棵", marked: false }, { text: "树", marked: true }]);
    expect(piecesOf("ab", [{ start: 0, end: 1 }, { start: 0, end: 2 }, { start: 1, end: 9 }, { start: 1, end: 1 }])).toEqual([
      { text: "a", marked: true }, { text: "b", marked: false },
    ]);
    expect(piecesOf("", [])).toEqual([]);
  });
});

describe("who has access", () => {
  test("is given, changed and ended", async () => {
    await open();
    const shares = library.shares(newId());
    shares.reload();
    await until(() => shares.get().phase === "ready", "the shares");
    expect(shares.get().groups).toEqual([{ id: "g", name: "Lab" }]);
    expect(await shares.addPerson("bob", "viewer")).toMatchObject({ ok: false, field: "email" });
    expect(await shares.addPerson("eve@example.org", "viewer")).toMatchObject({ ok: false, error: { kind: "missing" } });
    expect(await shares.addPerson("bob@example.org", "viewer")).toEqual({ ok: true, value: null });
    await shares.addGroup("g", "editor");
    expect(shares.get().shares).toMatchObject([{ kind: "person", role: "viewer" }, { kind: "group", role: "editor" }]);
    await shares.setRole("s-bob", "editor");
    expect(server.knowledge.shares[0]?.role).toBe(ShareRole.EDITOR);
    await shares.end("s-bob");
    expect(shares.get().shares).toMatchObject([{ kind: "group" }]);
  });
});

describe("the address", () => {
  test("names the library and a collection of it", () => {
    const id = newId();
    for (const path of ["/library", `/library/${id}`]) expect(pathOf(routeOf(path))).toBe(path);
    expect(routeOf("/library/else")).toEqual({ name: "new" });
  });
});

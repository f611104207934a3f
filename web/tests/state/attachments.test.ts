// What goes with a message: files that arrive while it is written, collections, and what is kept of them.
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { DocumentSchema, DocumentState, PassageSchema } from "../../src/gen/fireside/v1/document_pb.ts";
import { Phase } from "../../src/gen/fireside/v1/generation_pb.ts";
import type { Part } from "../../src/gen/fireside/v1/message_pb.ts";
import type { Attachments } from "../../src/state/attachment-types.ts";
import type { Attached } from "../../src/state/part-types.ts";
import type { SourceRef } from "../../src/state/source-types.ts";
import type { LocalFile } from "../../src/state/upload-types.ts";
import { Browser, type Tab } from "./browser.ts";
import { TestServer } from "./server.ts";
import { settle, until } from "./time.ts";

let server: TestServer;
let browser: Browser;
let tab: Tab;
let tray: Attachments;

const trayOf = async (of: Tab): Promise<Attachments> => (await of.app.state.attachments()).of(of.chat.draft);

beforeEach(async () => {
  server = new TestServer();
  server.auth.add("ann", "Ann");
  server.auth.signedIn = "ann";
  browser = new Browser(server);
  tab = await browser.open();
  tray = await trayOf(tab);
});

afterEach(() => {
  browser.close();
});

function fileOf(name: string, text = name, type = "text/plain"): LocalFile {
  const bytes = new TextEncoder().encode(text);
  return {
    name, type, size: bytes.length, lastModified: 1_700_000_000_000,
    slice: (start, end) => ({ arrayBuffer: () => Promise.resolve(bytes.slice(start, end).buffer) }),
  };
}

/** Waits, with the clock going on, since the uploads tell by it. */
async function comes(holds: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 200 && !holds(); turn += 1) await browser.clock.pass(100);
  expect(holds(), `${what}: ${JSON.stringify(tray.get())}`).toBe(true);
}

async function attached(...files: LocalFile[]): Promise<readonly string[]> {
  const before = tray.get().files.length;
  tray.addFiles(files);
  await comes(() => tray.get().pending === 0 && tray.get().files.length === before + files.length, "the files arrived");
  return tray.get().files.map(({ fileId }) => fileId);
}

/** The parts of the last question that the server was sent, each in a few words. */
function asked(): string[] {
  const input = [...server.logs.values()].at(-1)?.spec.input;
  const parts: readonly Part[] = input?.case === "send" ? input.value.parts : [];
  return parts.map(({ kind }) => {
    if (kind.case === "file") return `file ${kind.value.name} ${kind.value.mediaType}`;
    if (kind.case === "collection") return `collection ${kind.value.name}`;
    if (kind.case === "image") return `image ${kind.value.mediaType} ${kind.value.data.join()}`;
    return kind.case === "text" ? `text ${kind.value.text}` : (kind.case ?? "");
  });
}

describe("files", () => {
  test("are uploaded at once, belong to no collection, and go with the message", async () => {
    tray.addFiles([fileOf("notes.txt")]);
    expect(tray.get()).toMatchObject({ pending: 1, files: [{ name: "notes.txt", phase: "uploading", fileId: "" }] });
    await comes(() => tray.get().pending === 0, "the file arrived");
    expect([...server.uploads.finished.values()].map(({ document }) => document?.collectionId)).toEqual([""]);
    tab.chat.send("Read it");
    await until(() => server.logs.size === 1);
    expect(asked()).toEqual(["file notes.txt text/plain", "text Read it"]);
    expect(tab.messages[0]?.parts).toMatchObject([{ kind: "file", name: "notes.txt", size: 9 }, { kind: "text", text: "Read it" }]);
    expect(tray.get()).toMatchObject({ files: [], pending: 0 });
    expect(server.uploads.deleted).toEqual([]);
  });

  test("may go alone", async () => {
    tab.chat.send("");
    expect(tab.messages).toEqual([]);
    await attached(fileOf("a.txt"));
    tab.chat.send(" ");
    await until(() => server.logs.size === 1);
    expect(asked()).toEqual(["file a.txt text/plain"]);
  });

  test("outlive a reload, are shared between tabs, and go when they are removed", async () => {
    const [first = "", second = ""] = await attached(fileOf("a.txt"), fileOf("b.txt"));
    const other = await browser.open();
    const others = await trayOf(other);
    expect(others.get().files.map(({ name, phase }) => [name, phase])).toEqual([["a.txt", "ready"], ["b.txt", "ready"]]);
    tray.remove(first);
    expect(others.get().files.map(({ name }) => name)).toEqual(["b.txt"]);
    await until(() => server.uploads.deleted.length === 1);
    expect(server.uploads.deleted).toEqual([first]);
    tray.remove(second);
    expect([...browser.storage.values.keys()].filter((key) => key.includes("draft"))).toEqual([]);
  });

  test("of a draft that is broken are no reason to lose the others", async () => {
    browser.storage.values.set("account.ann.fireside.draft.new", JSON.stringify({ text: "Hi", attached: [{ kind: "file" }], at: browser.clock.now() }));
    expect((await browser.open()).chat.draft.get()).toBe("");
    browser.storage.values.set("account.ann.fireside.draft.new", JSON.stringify({ text: "Hi", at: browser.clock.now() }));
    expect((await browser.open()).chat.draft.get()).toBe("Hi");
  });

  test("say how far they are read, and why they cannot be", async () => {
    await attached(fileOf("a.txt"));
    const documentId = tray.get().files[0]?.documentId ?? "";
    const tell = (state: DocumentState, more = {}): void => {
      server.announce({ case: "documentChanged", value: create(DocumentSchema, { id: documentId, state, ...more }) });
    };
    tell(DocumentState.EXTRACTING, { done: 1, total: 4 });
    await until(() => tray.get().files[0]?.phase === "reading");
    expect(tray.get().files[0]).toMatchObject({ progress: 0.25 });
    tell(DocumentState.FAILED, { failure: { reason: "DAMAGED", message: "The file is damaged.", retryable: true } });
    await until(() => tray.get().files[0]?.phase === "unreadable");
    expect(tray.get()).toMatchObject({ failed: 0, pending: 0, files: [{ reason: "The file is damaged.", retryable: true }] });
    server.knowledge.document({ id: documentId, state: DocumentState.FAILED });
    tray.retry(tray.get().files[0]?.key ?? "");
    await until(() => tray.get().files[0]?.phase === "reading");
    tell(DocumentState.EMBEDDING);
    await until(() => tray.get().files[0]?.phase === "ready");
  });

  test("that were read before anybody knew whose they are, are ready", async () => {
    server.knowledge.document({ id: "d-early", state: DocumentState.UPLOADED });
    server.announce({ case: "documentChanged", value: create(DocumentSchema, { id: "d-early", state: DocumentState.READY }) });
    await settle();
    tab.chat.draft.attach([{ kind: "file", fileId: "f", documentId: "d-early", name: "e.txt", mediaType: "text/plain", size: 1 }]);
    await settle();
    expect(tray.get().files[0]?.phase).toBe("ready");
  });

  test("of pictures need no text", async () => {
    await attached(fileOf("a.png", "png", "image/png"));
    const documentId = tray.get().files[0]?.documentId ?? "";
    server.announce({ case: "documentChanged", value: create(DocumentSchema, { id: documentId, state: DocumentState.FAILED }) });
    await settle();
    expect(tray.get().files[0]).toMatchObject({ phase: "ready", mediaType: "image/png" });
  });

  test("that do not arrive hold the message back until they are tried again or removed", async () => {
    server.refuse("createUpload", Code.InvalidArgument, "no such type");
    tray.addFiles([fileOf("a.exe"), fileOf("b.txt")]);
    await comes(() => tray.get().failed === 1 && tray.get().pending === 0, "one failed");
    const failed = tray.get().files.find(({ phase }) => phase === "failed");
    expect(failed?.error).not.toBeNull();
    tray.retry(failed?.key ?? "");
    await comes(() => tray.get().failed === 0 && tray.get().files.length === 2, "both arrived");
  });
});

test("a message that waits in this browser keeps what goes with it", async () => {
  await attached(fileOf("a.txt"));
  server.down = true;
  tab.chat.send("Later");
  await settle();
  server.down = false;
  const other = await browser.open(`/c/${tab.chat.id}`);
  await until(() => server.logs.size === 1);
  expect(asked()).toEqual(["file a.txt text/plain", "text Later"]);
  expect(other.messages[0]?.parts).toMatchObject([{ kind: "file", name: "a.txt" }, { kind: "text", text: "Later" }]);
});

describe("a message that is changed", () => {
  /** A tab with a message that was answered, of a file, a collection, and a picture by value. */
  async function answered(): Promise<{ other: Tab; id: string; parts: readonly Attached[] }> {
    await attached(fileOf("a.txt"));
    tray.addCollection("0199aaaa-0000-7000-8000-000000000001", "Manuals");
    tab.chat.send("First");
    await until(() => server.logs.size === 1);
    server.end(server.running());
    await until(() => tab.messages.at(-1)?.status === "done");
    const question = [...server.messages.values()].find(({ role }) => role === 2);
    question?.parts.push({ $typeName: "fireside.v1.Part", kind: { case: "image", value: { $typeName: "fireside.v1.ImagePart", mediaType: "image/png", data: new Uint8Array([1, 2]) } } });
    const other = await browser.open(`/c/${tab.chat.id}`);
    const parts = other.messages[0]?.parts.filter((part) => part.kind === "file" || part.kind === "collection") ?? [];
    return { other, id: question?.id ?? "", parts };
  }

  test("keeps its files, its collections and its pictures", async () => {
    const { other, id } = await answered();
    other.chat.edit(id, "Second");
    await until(() => server.logs.size === 2);
    expect(asked()).toEqual(["file a.txt text/plain", "collection Manuals", "image image/png 1,2", "text Second"]);
  });

  test("goes without what was taken out, and with what came besides", async () => {
    const { other, id, parts } = await answered();
    const draft = other.app.state.revise("First", parts);
    const edited = (await other.app.state.attachments()).of(draft, parts);
    expect(edited.get()).toMatchObject({ files: [{ name: "a.txt", phase: "ready" }], collections: [{ name: "Manuals" }] });
    edited.remove(edited.get().files[0]?.key ?? "");
    edited.addFiles([fileOf("b.txt")]);
    await comes(() => edited.get().pending === 0 && edited.get().files.length === 1, "the other file arrived");
    other.chat.edit(id, "Second", draft.attached.get());
    edited.close(true);
    await until(() => server.logs.size === 2);
    expect(asked()).toEqual(["collection Manuals", "file b.txt text/plain", "image image/png 1,2", "text Second"]);
    expect(other.messages[0]?.siblingIds).toHaveLength(2);
    expect(server.uploads.deleted).toEqual([]);
    expect(other.chat.draft.attached.get()).toEqual([]);
  });

  test("leaves nothing behind of what came for it when it is left as it was", async () => {
    const { other, parts } = await answered();
    const draft = other.app.state.revise("First", parts);
    const edited = (await other.app.state.attachments()).of(draft, parts);
    edited.addFiles([fileOf("b.txt")]);
    await comes(() => edited.get().pending === 0 && edited.get().files.length === 2, "one arrived");
    const arrived = edited.get().files[1]?.fileId;
    server.down = true;
    edited.addFiles([fileOf("c.txt")]);
    await settle();
    server.down = false;
    edited.close(false);
    await until(() => server.uploads.deleted.length === 1);
    expect(server.uploads.deleted).toEqual([arrived]);
    expect((await other.app.state.uploads()).get()).toMatchObject({ items: [] });
  });

  test("that was not sent gives back what went with it", async () => {
    await attached(fileOf("a.txt"));
    server.refuse("startGeneration", Code.InvalidArgument, "no");
    tab.chat.send("Lost");
    await until(() => tab.messages[0]?.status === "unsent");
    expect(tab.messages[0]?.parts).toMatchObject([{ kind: "file", name: "a.txt" }, { kind: "text", text: "Lost" }]);
    tab.chat.discard(tab.messages[0]?.id ?? "");
    expect(tab.chat.draft.get()).toBe("Lost");
    expect(tab.chat.draft.attached.get()).toMatchObject([{ kind: "file", name: "a.txt" }]);
  });
});

describe("collections of a conversation", () => {
  const MANUALS = "0199aaaa-0000-7000-8000-000000000001";
  const NOTES = "0199aaaa-0000-7000-8000-000000000002";

  test("are set before the first answer of a new one begins", async () => {
    tab.chat.setCollections([MANUALS]);
    expect(tab.state.collectionIds).toEqual([MANUALS]);
    await settle();
    expect(server.calls).not.toContain("setConversationCollections");
    tab.chat.send("Hello");
    await until(() => server.logs.size === 1);
    expect(server.calls.filter((name) => name === "startGeneration" || name === "setConversationCollections")).toEqual([
      "setConversationCollections",
      "startGeneration",
    ]);
    expect(server.conversations.get(tab.chat.id)?.collectionIds).toEqual([MANUALS]);
    expect(tab.state.collectionIds).toEqual([MANUALS]);
  });

  test("that are gone do not hold the message back", async () => {
    server.refuse("setConversationCollections", Code.NotFound);
    tab.chat.setCollections([MANUALS]);
    tab.chat.send("Hello");
    await until(() => server.logs.size === 1);
    expect(tab.app.state.notices.get()).toMatchObject([{ action: "notice.collections" }]);
  });

  test("wait with their message while the server is away", async () => {
    tab.chat.setCollections([MANUALS]);
    server.refuse("setConversationCollections", Code.Unavailable);
    tab.chat.send("Hello");
    await settle();
    expect(tab.messages[0]?.status).toBe("sending");
    await browser.clock.pass(1_000);
    await until(() => server.logs.size === 1);
    expect(server.conversations.get(tab.chat.id)?.collectionIds).toEqual([MANUALS]);
  });

  test("change at once, in all tabs, and back when the server refuses", async () => {
    tab.chat.send("Hello");
    await until(() => server.logs.size === 1);
    server.end(server.running());
    const other = await browser.open(`/c/${tab.chat.id}`);
    tab.chat.setCollections([MANUALS, NOTES]);
    expect(tab.state.collectionIds).toEqual([MANUALS, NOTES]);
    await until(() => other.state.collectionIds.length === 2);
    server.refuse("setConversationCollections", Code.PermissionDenied);
    tab.chat.setCollections([]);
    expect(tab.state.collectionIds).toEqual([]);
    await until(() => tab.state.collectionIds.length === 2);
    expect(tab.app.state.notices.get()).toMatchObject([{ action: "notice.collections" }]);
  });
});

describe("an answer that draws on sources", () => {
  test("waits until its first word, says how many it reads, and is not made anew when it is read again", async () => {
    tab.chat.send("Hello");
    await until(() => server.logs.size === 1);
    const id = server.running();
    server.beat(id, { phase: Phase.SEARCHING, sourceCount: 2 });
    await until(() => { tab.frames.paint(); return tab.messages.at(-1)?.activity?.phase === "searching"; });
    expect(tab.messages.at(-1)).toMatchObject({ status: "waiting", activity: { sourceCount: 2 } });
    server.put(id, 0, { kind: { case: "search", value: { query: "Hello", sources: ["Manuals"], passageCount: 1 } } });
    server.put(id, 1, { kind: { case: "citation", value: { number: 1, title: "a.pdf", sourceId: "d", page: 3, quote: "q", ordinal: 4 } } });
    await until(() => { tab.frames.paint(); return tab.messages.at(-1)?.parts.length === 2; });
    expect(tab.messages.at(-1)?.status).toBe("waiting");
    server.say(id, "Two [1]", 2);
    await tab.shows("Two [1]");
    expect(tab.messages.at(-1)).toMatchObject({ status: "streaming", parts: [{ kind: "search", passageCount: 1 }, { kind: "citation", number: 1, page: 3, documentId: "d" }, {}] });
    server.end(id);
    await until(() => tab.messages.at(-1)?.status === "done");
    const before = tab.messages.at(-1)?.epoch;
    tab.chat.reload();
    await settle();
    expect(tab.messages.at(-1)?.epoch).toBe(before);
  });
});

describe("the text of a source", () => {
  const SOURCE: SourceRef = { documentId: "d", fileId: "f", name: "a.md", mediaType: "text/markdown", page: 0, ordinal: 30, quote: "Passage 30" };

  function fill(count: number): void {
    server.knowledge.document({ id: "d" });
    server.knowledge.found = Array.from({ length: count }, (_, ordinal) =>
      create(PassageSchema, { documentId: "d", ordinal, text: ordinal === 31 ? "Care\nPassage 31" : `Passage ${ordinal}`, headings: ordinal < 31 ? ["Fire", "Wood"] : ordinal < 40 ? ["Fire", "Care"] : ["Ash"] }));
  }

  test("is read around the passage, which is marked, and goes on in both directions", async () => {
    fill(80);
    const text = await tab.app.state.sources.read(SOURCE);
    await until(() => text.get().phase === "ready");
    const ordinals = (): number[] => text.get().passages.map(({ ordinal }) => ordinal);
    expect(ordinals()).toEqual(Array.from({ length: 24 }, (_, at) => 24 + at));
    expect(text.get().passages.filter(({ cited }) => cited).map(({ ordinal }) => ordinal)).toEqual([30]);
    expect(text.get()).toMatchObject({ before: true, after: true });
    text.more("before");
    await until(() => ordinals()[0] === 0);
    text.more("after");
    await until(() => ordinals().at(-1) === 71);
    text.more("after");
    await until(() => ordinals().at(-1) === 79);
    expect(text.get()).toMatchObject({ before: false, after: false });
    expect(ordinals()).toEqual(Array.from({ length: 80 }, (_, at) => at));
  });

  test("has the headings where they begin, but not those that the text says itself", async () => {
    fill(45);
    const text = await tab.app.state.sources.read(SOURCE);
    await until(() => text.get().phase === "ready");
    const headed = text.get().passages.filter(({ headings }) => headings.length > 0);
    expect(headed.map(({ ordinal, headings }) => [ordinal, headings.map(({ level, text: words }) => `${level} ${words}`)])).toEqual([
      [24, ["0 Fire", "1 Wood"]],
      [40, ["0 Ash"]],
    ]);
  });

  test("says a sentence once that two passages have, and all of the one that is cited", async () => {
    const texts = ["One is here. Two is there.", "Two is there. Three is far. Four is near.", "Four is near. Five is gone."];
    server.knowledge.document({ id: "d" });
    server.knowledge.found = texts.map((text, ordinal) => create(PassageSchema, { documentId: "d", ordinal, text }));
    const told = async (ordinal: number): Promise<string[]> => {
      const text = await tab.app.state.sources.read({ ...SOURCE, ordinal });
      await until(() => text.get().phase === "ready");
      return text.get().passages.map((passage) => passage.text);
    };
    expect(await told(-1)).toEqual(["One is here. Two is there.", "Three is far. Four is near.", "Five is gone."]);
    expect(await told(1)).toEqual(["One is here.", texts[1], "Five is gone."]);
  });

  test("says what is missing, and comes when it is tried again", async () => {
    const gone = await tab.app.state.sources.read(SOURCE);
    await until(() => gone.get().phase === "missing");
    server.refuse("readDocument", Code.Internal);
    fill(3);
    const text = await tab.app.state.sources.read({ ...SOURCE, ordinal: 1 });
    await until(() => text.get().phase === "failed");
    text.reload();
    await until(() => text.get().phase === "ready");
    expect(text.get().passages.map(({ cited }) => cited)).toEqual([false, true, false]);
  });
});

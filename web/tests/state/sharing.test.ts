// Conversations of several people, over the server in memory: who may do what, who is there, and what a link shows.
import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { ConversationSchema } from "../../src/gen/fireside/v1/conversation_pb.ts";
import { MessageSchema, MessageState, Role, type Message } from "../../src/gen/fireside/v1/message_pb.ts";
import { PresenceSchema, ShareRole, ViewerSchema } from "../../src/gen/fireside/v1/share_pb.ts";
import { newId } from "../../src/state/ids.ts";
import type { SharedLink, Shares } from "../../src/state/sharing-types.ts";
import { ask, Browser, Tab, textOf } from "./browser.ts";
import { TestServer } from "./server.ts";
import { settle, until } from "./time.ts";

let server: TestServer;
let browser: Browser;
let tab: Tab;

beforeEach(() => {
  server = new TestServer();
  server.auth.add("ann", "Ann");
  server.auth.signedIn = "ann";
  browser = new Browser(server);
});

afterEach(() => {
  browser.close();
});

const items = () => tab.app.state.conversations.get().groups.flatMap((group) => group.items);
const presence = () => tab.app.state.presence;

/** Puts a conversation of Bob's on the server, which Ann may do this much with. */
function bobs(access: ShareRole, id = newId()): string {
  const times = { createTime: server.now(), updateTime: server.now() };
  server.conversations.set(id, create(ConversationSchema, { id, title: "Of Bob", etag: "e", shared: true, access, ownerName: "Bob", ...times }));
  const question = create(MessageSchema, {
    id: newId(), conversationId: id, role: Role.USER, state: MessageState.DONE, parts: [{ kind: { case: "text", value: { text: "Hi" } } }],
  });
  server.messages.set(question.id, question);
  const record = server.conversations.get(id);
  if (record !== undefined) record.headMessageId = question.id;
  return id;
}

describe("a conversation of another's", () => {
  test("says whose it is, in the list and on the screen", async () => {
    const id = bobs(ShareRole.VIEWER);
    tab = await browser.open(`/c/${id}`);
    expect(items()).toMatchObject([{ title: "Of Bob", access: "viewer", ownerName: "Bob" }]);
    await until(() => tab.state.access === "viewer", "the access");
    expect(tab.state).toMatchObject({ shared: true, ownerName: "Bob" });
  });

  test("that can only be read offers nothing else", async () => {
    const id = bobs(ShareRole.VIEWER);
    tab = await browser.open(`/c/${id}`);
    await until(() => tab.state.access === "viewer" && tab.messages.length === 1, "the message");
    expect(Object.values(tab.messages[0]?.can ?? {})).not.toContain(true);
    server.change(id, { access: ShareRole.EDITOR });
    await until(() => tab.state.access === "editor", "more access");
    expect(tab.messages[0]?.can.edit).toBe(true);
  });

  test("names the authors, but not before the server for what was sent here", async () => {
    const id = bobs(ShareRole.EDITOR);
    tab = await browser.open(`/c/${id}`);
    await until(() => tab.messages.length === 1, "the message");
    await ask(tab, server, "Hello");
    const mine = tab.messages.find((message) => textOf(message) === "Hello");
    expect(mine?.authorId).toBe("self");
    expect(tab.messages[0]?.authorId).toBe("");
  });

  test("is left, and comes back if that is refused", async () => {
    const id = bobs(ShareRole.VIEWER);
    tab = await browser.open();
    tab.app.state.conversations.leave(id);
    expect(items()).toEqual([]);
    await until(() => server.shares.left.length === 1, "the call");
    expect(server.shares.left).toEqual([id]);
    await settle();
    expect(items()).toEqual([]);
  });

  test("that is taken away is gone at once", async () => {
    const id = bobs(ShareRole.EDITOR);
    tab = await browser.open(`/c/${id}`);
    await until(() => items().length === 1, "the list");
    server.announce({ case: "conversationDeleted", value: id });
    await until(() => tab.state.phase === "missing", "the end");
    expect(items()).toEqual([]);
  });

  test("changes its access without another etag", async () => {
    const id = bobs(ShareRole.VIEWER);
    tab = await browser.open();
    const record = server.conversations.get(id);
    if (record === undefined) throw new Error("no record");
    server.announce({ case: "conversationUpdated", value: { ...record, access: ShareRole.EDITOR } });
    await until(() => items()[0]?.access === "editor", "the access");
  });
});

describe("who has access", () => {
  let shares: Shares;

  beforeEach(async () => {
    tab = await browser.open();
    shares = await tab.app.state.shares(newId());
    shares.reload();
    await until(() => shares.get().phase === "ready", "the shares");
  });

  test("is given by name, changed and ended", async () => {
    expect(await shares.addPerson(" bob@example.org ", "viewer", "week")).toEqual({ ok: true, value: null });
    expect(shares.get().shares).toMatchObject([{ kind: "person", email: "bob@example.org", role: "viewer" }]);
    const expiry = server.shares.shares[0]?.expireTime;
    expect(expiry === undefined ? 0 : timestampMs(expiry)).toBe(browser.clock.now() + 7 * 86_400_000);
    const id = shares.get().shares[0]?.id ?? "";
    await shares.setRole(id, "editor");
    expect(shares.get().shares).toMatchObject([{ role: "editor", expiresAt: expiry === undefined ? 0 : timestampMs(expiry) }]);
    await shares.end(id);
    expect(shares.get().shares).toEqual([]);
  });

  test("is not given to what is no address, or nobody's", async () => {
    expect(await shares.addPerson("bob", "viewer", "never")).toMatchObject({ ok: false, field: "email" });
    expect(await shares.addPerson("eve@example.org", "viewer", "never")).toMatchObject({ ok: false, error: { kind: "missing" } });
  });

  test("is given to groups", async () => {
    expect(shares.get().groups).toEqual([{ id: "g", name: "Lab" }]);
    await shares.addGroup("g", "editor", "never");
    expect(shares.get().shares).toMatchObject([{ kind: "group", role: "editor", expiresAt: null }]);
  });

  test("is a link that is shown once", async () => {
    await shares.makeLink("never");
    expect(shares.get()).toMatchObject({ shares: [], link: { path: "/s/token" } });
    const again = await tab.app.state.shares("another look");
    again.reload();
    await until(() => again.get().phase === "ready", "the shares");
    expect(again.get().link).toMatchObject({ path: "" });
    await shares.end(shares.get().link?.id ?? "");
    expect(shares.get().link).toBeNull();
  });
});

describe("presence", () => {
  const told = () => server.shares.presence.map(({ writing, left }) => (left ? "left" : writing ? "writing" : "here"));

  beforeEach(async () => {
    tab = await browser.open();
  });

  test("is repeated while the conversation is looked at, and ends with it", async () => {
    presence().show("c1");
    await browser.clock.pass(31_000);
    expect(told()).toEqual(["here", "here", "here"]);
    presence().hide("c1");
    await browser.clock.pass(60_000);
    expect(told().slice(3)).toEqual(["left"]);
    expect(new Set(server.shares.presence.map(({ viewId }) => viewId)).size).toBe(1);
  });

  test("is not of a tab that cannot be seen", async () => {
    presence().visible(false);
    presence().show("c1");
    await browser.clock.pass(20_000);
    expect(told()).toEqual([]);
    presence().visible(true);
    await settle();
    presence().visible(false);
    await settle();
    expect(told()).toEqual(["here", "left"]);
  });

  test("tells of writing until three seconds after the last key", async () => {
    presence().show("c1");
    presence().typed();
    await browser.clock.pass(2_000);
    presence().typed();
    await browser.clock.pass(2_000);
    expect(told()).toEqual(["here", "writing"]);
    await browser.clock.pass(1_100);
    expect(told()).toEqual(["here", "writing", "here"]);
    presence().typed();
    presence().stopped();
    await settle();
    expect(told().slice(3)).toEqual(["writing", "here"]);
  });

  test("shows the others, not the reader", async () => {
    const viewers = [create(ViewerSchema, { accountId: "ann", name: "Ann" }), create(ViewerSchema, { accountId: "bob", name: "Bob", writing: true })];
    presence().show("c1");
    server.announce({ case: "presence", value: create(PresenceSchema, { conversationId: "c1", viewers }) });
    await until(() => presence().get().viewers.length === 1, "Bob");
    expect(presence().get().viewers).toEqual([{ id: "bob", name: "Bob", writing: true }]);
    server.announce({ case: "presence", value: create(PresenceSchema, { conversationId: "c2", viewers: [] }) });
    await settle();
    expect(presence().get().viewers).toHaveLength(1);
    presence().show("c2");
    expect(presence().get()).toEqual({ conversationId: "c2", viewers: [] });
  });
});

describe("a link", () => {
  let link: SharedLink;
  let leave: () => void = () => undefined;

  function message(id: string, role: Role, text: string, init: Partial<Omit<Message, "$typeName">> = {}): Message {
    const parts = [{ kind: { case: "text" as const, value: { text } } }];
    return create(MessageSchema, { ...init, id, role, state: init.state ?? MessageState.DONE, parts });
  }

  beforeEach(async () => {
    // Nobody has to be signed in.
    server.auth.signedIn = "";
    const conversation = create(ConversationSchema, { id: newId(), title: "Shown", ownerName: "Bob" });
    const messages = ["q1", "a1", "q2"].map((id) => message(id, id.startsWith("q") ? Role.USER : Role.ASSISTANT, id));
    server.shares.shown = { conversation, messages };
    tab = new Tab(browser, "/s/token");
    link = await tab.app.sharedLink("token");
  });

  afterEach(() => {
    leave();
  });

  async function open(): Promise<void> {
    leave = link.watch();
    await until(() => link.get().phase === "ready" && link.get().live, "the link");
    tab.frames.paint();
  }

  const texts = (): string[] => {
    tab.frames.paint();
    return link.get().messages.map(textOf);
  };

  test("shows all pages, to be read only", async () => {
    await open();
    expect(link.get()).toMatchObject({ title: "Shown", ownerName: "Bob", running: false });
    expect(texts()).toEqual(["q1", "a1", "q2"]);
    expect(link.get().messages.flatMap(({ can }) => Object.values(can))).not.toContain(true);
  });

  test("shows an answer as it grows, and what changed", async () => {
    await open();
    const grows = (text: string) => message("a2", Role.ASSISTANT, text, { parentId: "q2", state: MessageState.RUNNING });
    server.shares.tell({ kind: { case: "running", value: grows("One") } });
    await until(() => texts().at(-1) === "One", "the first word");
    expect(link.get().running).toBe(true);
    server.shares.tell({ kind: { case: "running", value: grows("One two") } });
    await until(() => texts().at(-1) === "One two", "the second word");
    server.shares.shown?.messages.push(message("a2", Role.ASSISTANT, "One two three", { parentId: "q2" }));
    server.shares.tell({ kind: { case: "changed", value: true } });
    await until(() => texts().at(-1) === "One two three", "the whole");
    expect(link.get().running).toBe(false);
  });

  test("is followed again after a cut, and misses nothing", async () => {
    await open();
    server.shares.cut();
    await until(() => !link.get().live, "the cut");
    server.shares.shown?.messages.push(message("q3", Role.USER, "q3"));
    await browser.clock.pass(1_500);
    await until(() => link.get().live && texts().at(-1) === "q3", "what came meanwhile");
  });

  test("that has ended shows nothing any more", async () => {
    await open();
    server.shares.shown = null;
    server.shares.tell({ kind: { case: "changed", value: true } });
    await until(() => link.get().phase === "ended", "the end");
    expect(link.get()).toMatchObject({ title: "", messages: [] });
    await until(() => server.shares.watching === 0, "the stream closed");
  });

  test("for people with an account says so", async () => {
    server.shares.signInToRead = true;
    leave = link.watch();
    await until(() => link.get().phase === "sign_in", "the request");
  });

  test("that nobody looks at is not followed", async () => {
    await open();
    leave();
    await until(() => server.shares.watching === 0, "the stream closed");
    await browser.clock.pass(120_000);
    expect(server.shares.watching).toBe(0);
  });
});

import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { FinishReason } from "../../src/gen/fireside/v1/message_pb.ts";
import { ask, Browser, Tab } from "./browser.ts";
import { TestServer } from "./server.ts";
import { settle, until } from "./time.ts";

let server: TestServer;
let browser: Browser;
let tab: Tab;

beforeEach(async () => {
  server = new TestServer();
  browser = new Browser(server);
  tab = await browser.open();
});

afterEach(() => {
  browser.close();
});

/** A conversation with one question and its answer. */
async function answered(text = "Hi"): Promise<string> {
  const id = await ask(tab, server, "Hello?");
  server.say(id, text);
  server.end(id);
  await until(() => tab.messages.at(-1)?.status === "done");
  return id;
}

describe("sending", () => {
  test("shows the message before the server answers, and takes the address of the conversation", async () => {
    const release = server.hold("startGeneration");
    tab.chat.draft.set("Hello?");
    tab.chat.send("Hello?");
    expect(tab.texts).toEqual(["Hello?", ""]);
    expect(tab.messages.map((view) => view.status)).toEqual(["sending", "waiting"]);
    expect(tab.chat.draft.get()).toBe("");
    expect(tab.address.path()).toBe(`/c/${tab.chat.id}`);
    expect(tab.titles).toEqual(["Hello?"]);
    expect(tab.state).toMatchObject({ phase: "ready", running: true });
    release();
    await until(() => tab.messages[0]?.status === "done");
    expect(tab.titles).toEqual(["Hello?"]);
  });

  test("takes what arrives before the answer to the call", async () => {
    const release = server.hold("startGeneration");
    tab.chat.send("Hello?");
    await until(() => server.logs.size === 1);
    server.say(server.running(), "Early");
    await tab.shows("Early");
    server.say(server.running(), " bird");
    release();
    await tab.shows("Early bird");
    server.end(server.running());
    await until(() => tab.messages.at(-1)?.status === "done");
    expect(tab.state.running).toBe(false);
  });

  test("is one message however often the call is repeated", async () => {
    server.refuse("startGeneration", Code.Unavailable);
    server.refuse("startGeneration", Code.Unavailable);
    tab.chat.send("Hello?");
    await settle();
    expect(tab.messages[0]?.status).toBe("sending");
    await browser.clock.pass(400);
    await browser.clock.pass(800);
    await until(() => tab.messages[0]?.status === "done");
    expect(server.calls.filter((name) => name === "startGeneration")).toHaveLength(3);
    expect(server.logs.size).toBe(1);
  });

  test("keeps what was refused, with a retry that has the same ids", async () => {
    server.refuse("startGeneration", Code.ResourceExhausted, "full");
    tab.chat.send("Hello?");
    await until(() => tab.messages[0]?.status === "unsent");
    expect(tab.texts).toEqual(["Hello?"]);
    expect(tab.messages[0]).toMatchObject({ error: { kind: "busy", key: "error.busy" }, can: { retry: true } });
    const { id } = tab.messages[0] ?? { id: "" };
    tab.chat.retry(id);
    await until(() => tab.messages[0]?.status === "done");
    expect([...server.messages.keys()]).toContain(id);
  });

  test("an answer that got lost does not send twice", async () => {
    const release = server.hold("startGeneration");
    server.refuse("startGeneration", Code.AlreadyExists);
    tab.chat.send("Hello?");
    await settle();
    release();
    await until(() => tab.messages[0]?.status === "unsent");
    const { id } = tab.messages[0] ?? { id: "" };
    tab.chat.retry(id);
    await until(() => tab.messages[0]?.status === "done");
    expect(tab.texts).toEqual(["Hello?", ""]);
  });

  test("goes by itself when the server is back", async () => {
    server.down = true;
    server.cut();
    tab.chat.send("Hello?");
    for (let i = 0; i < 8; i += 1) await browser.clock.pass(2_000);
    expect(tab.messages[0]).toMatchObject({ status: "unsent", error: { kind: "unavailable" } });
    server.down = false;
    await browser.clock.pass(15_000);
    await until(() => tab.messages[0]?.status === "done");
  });

  test("an unsent message survives a reload", async () => {
    server.refuse("startGeneration", Code.ResourceExhausted, "full");
    tab.chat.send("Hello?");
    await until(() => tab.messages[0]?.status === "unsent");
    const path = tab.address.path();
    server.refuse("startGeneration", Code.ResourceExhausted, "full");
    const again = await browser.open(path);
    await until(() => again.messages[0]?.status === "unsent");
    expect(again.texts).toEqual(["Hello?"]);
    expect(again.titles).toEqual(["Hello?"]);
    again.chat.discard(again.messages[0]?.id ?? "");
    expect(again.texts).toEqual([]);
    expect(again.chat.draft.get()).toBe("Hello?");
    expect([...browser.storage.values.keys()].filter((key) => key.includes("outbox"))).toEqual([]);
  });

  test("a later message does not hide an unsent one, and that goes to the end", async () => {
    await answered();
    server.refuse("startGeneration", Code.ResourceExhausted, "full");
    tab.chat.send("First");
    await until(() => tab.messages.at(-1)?.status === "unsent");
    const id = await ask(tab, server, "Second").catch(() => server.running());
    server.say(id, "To the second");
    server.end(id);
    await until(() => !tab.state.running);
    expect(tab.texts).toEqual(["Hello?", "Hi", "Second", "To the second", "First"]);
    tab.chat.retry(tab.messages.at(-1)?.id ?? "");
    await until(() => tab.messages.at(-2)?.status === "done");
    expect(tab.texts).toEqual(["Hello?", "Hi", "Second", "To the second", "First", ""]);
  });

  test("ignores blank text, and a second one while an answer runs", async () => {
    tab.chat.send("  \n ");
    expect(tab.messages).toHaveLength(0);
    await ask(tab, server, "One");
    tab.chat.send("Two");
    await settle();
    expect(server.logs.size).toBe(1);
  });
});

describe("an answer", () => {
  test("is painted at most once a frame", async () => {
    const id = await ask(tab, server, "Hello?");
    await settle();
    let told = 0;
    const stop = tab.chat.subscribe(() => (told += 1));
    told = 0;
    for (let i = 0; i < 50; i += 1) {
      server.say(id, `${i} `);
      await settle(2);
    }
    await settle();
    expect(told).toBe(0);
    expect(tab.frames.wanted).toBe(1);
    tab.frames.paint();
    expect(told).toBe(1);
    expect(tab.text).toBe(Array.from({ length: 50 }, (_, i) => `${i} `).join(""));
    stop();
  });

  test("changes no view but its own", async () => {
    await answered();
    const id = await ask(tab, server, "More");
    server.say(id, "a");
    await tab.shows("a");
    const before = tab.messages;
    server.say(id, "b");
    await tab.shows("ab");
    expect(tab.messages.slice(0, -1).every((view, index) => view === before[index])).toBe(true);
    expect(tab.messages.at(-1)?.epoch).toBe(before.at(-1)?.epoch);
  });

  test("has reasoning with the time that it took", async () => {
    const id = await ask(tab, server, "Why?");
    server.reason(id, "Let me think");
    await until(() => (tab.frames.paint(), tab.messages.at(-1)?.parts.length === 1));
    expect(tab.messages.at(-1)?.parts[0]).toMatchObject({ kind: "reasoning", done: false, durationMs: null });
    await browser.clock.pass(1_400);
    server.say(id, "Because", 1);
    await tab.shows("Because");
    expect(tab.messages.at(-1)?.parts[0]).toMatchObject({ done: true, durationMs: 1_400 });
  });

  test("that failed says why and can be had again", async () => {
    const id = await ask(tab, server, "Hello?");
    server.say(id, "Half");
    server.end(id, FinishReason.FAILED, "RUNNER_UNAVAILABLE");
    await until(() => tab.messages.at(-1)?.status === "done");
    expect(tab.messages.at(-1)).toMatchObject({
      finish: "failed",
      error: { kind: "model", reason: "RUNNER_UNAVAILABLE" },
      can: { retry: true, continue: true, regenerate: true },
    });
    tab.chat.retry(tab.messages.at(-1)?.id ?? "");
    await until(() => server.logs.size === 2);
    await until(() => tab.messages.at(-1)?.siblingIds.length === 2);
    expect(tab.messages.at(-1)).toMatchObject({ siblingIndex: 1, status: "waiting" });
  });

  test("is stopped, also when stop comes before the server took it", async () => {
    const release = server.hold("startGeneration");
    tab.chat.send("Hello?");
    await until(() => server.logs.size === 1);
    tab.chat.stop();
    expect(tab.state.stopping).toBe(true);
    release();
    await until(() => tab.messages.at(-1)?.finish === "stopped");
    expect(tab.state).toMatchObject({ stopping: false, running: false });
  });

  test("is continued where it was cut", async () => {
    const id = await ask(tab, server, "Count");
    server.say(id, "One, two");
    server.end(id, FinishReason.LENGTH);
    await until(() => tab.messages.at(-1)?.can.continue === true);
    const { epoch } = tab.messages.at(-1) ?? { epoch: -1 };
    tab.chat.continueAnswer(tab.messages.at(-1)?.id ?? "");
    expect(tab.messages.at(-1)).toMatchObject({ status: "streaming", activity: { phase: "starting" } });
    await until(() => server.logs.size === 2);
    server.say(server.running(), ", three");
    await tab.shows("One, two, three");
    server.end(server.running());
    await until(() => tab.messages.at(-1)?.finish === "complete");
    expect(tab.text).toBe("One, two, three");
    expect(tab.messages.at(-1)?.epoch).toBe(epoch);
  });

  test("what cannot be continued is told and nothing is lost", async () => {
    const id = await ask(tab, server, "Count");
    server.say(id, "One");
    server.end(id, FinishReason.STOPPED);
    await until(() => tab.messages.at(-1)?.can.continue === true);
    server.refuse("startGeneration", Code.FailedPrecondition, "changed");
    tab.chat.continueAnswer(tab.messages.at(-1)?.id ?? "");
    await until(() => tab.app.state.notices.get().length === 1);
    expect(tab.app.state.notices.get()[0]).toMatchObject({ action: "notice.continue", error: { kind: "state" } });
    expect(tab.messages.at(-1)).toMatchObject({ status: "done", finish: "stopped" });
    expect(tab.text).toBe("One");
  });
});

describe("branches", () => {
  test("an edit stands beside the first, and both can be shown", async () => {
    await answered("First answer");
    const first = tab.messages[0]?.id ?? "";
    tab.chat.edit(first, "Hello!");
    expect(tab.texts).toEqual(["Hello!", ""]);
    expect(tab.messages[0]).toMatchObject({ siblingIndex: 1, siblingIds: [first, tab.messages[0]?.id] });
    await until(() => server.logs.size === 2);
    server.say(server.running(), "Second answer");
    server.end(server.running());
    await until(() => !tab.state.running && tab.text === "Second answer");
    tab.chat.selectSibling(first);
    expect(tab.texts).toEqual(["Hello?", "First answer"]);
    await until(() => server.calls.includes("selectBranch"));
    await settle();
    expect(tab.texts).toEqual(["Hello?", "First answer"]);
    expect(tab.messages[0]).toMatchObject({ siblingIndex: 0 });
  });

  test("a choice that fails is taken back", async () => {
    await answered("First answer");
    tab.chat.regenerate(tab.messages[1]?.id ?? "");
    await until(() => server.logs.size === 2);
    server.say(server.running(), "Second answer");
    server.end(server.running());
    await until(() => !tab.state.running);
    server.refuse("selectBranch", Code.Internal);
    tab.chat.selectSibling(tab.messages[1]?.siblingIds[0] ?? "");
    expect(tab.text).toBe("First answer");
    await until(() => tab.app.state.notices.get().length === 1);
    expect(tab.text).toBe("Second answer");
  });

  test("an edit that was refused can be looked past", async () => {
    await answered();
    const first = tab.messages[0]?.id ?? "";
    server.refuse("startGeneration", Code.ResourceExhausted);
    tab.chat.edit(first, "Hello!");
    await until(() => tab.messages[0]?.status === "unsent");
    const edited = tab.messages[0]?.id ?? "";
    expect(tab.texts).toEqual(["Hello!"]);
    tab.chat.selectSibling(first);
    expect(tab.texts).toEqual(["Hello?", "Hi"]);
    tab.chat.selectSibling(edited);
    expect(tab.texts).toEqual(["Hello!"]);
    tab.chat.discard(edited);
    expect(tab.texts).toEqual(["Hello?", "Hi"]);
  });

  test("another answer that is refused leaves the first one", async () => {
    await answered();
    server.refuse("startGeneration", Code.ResourceExhausted);
    tab.chat.regenerate(tab.messages[1]?.id ?? "");
    expect(tab.text).toBe("");
    await until(() => tab.app.state.notices.get().length === 1);
    expect(tab.text).toBe("Hi");
    tab.app.state.notices.get()[0]?.retry?.();
    await until(() => server.logs.size === 2);
    expect(tab.app.state.notices.get()).toEqual([]);
  });
});

test("older messages come on demand", async () => {
  await answered();
  for (let i = 0; i < 60; i += 1) {
    const id = await ask(tab, server, `Question ${i}`);
    server.say(id, `Answer ${i}`);
    server.end(id);
    await until(() => !tab.state.running);
  }
  const other = await browser.open(tab.address.path());
  expect(other.messages).toHaveLength(100);
  expect(other.state.hasOlder).toBe(true);
  other.chat.loadOlder();
  expect(other.state.loadingOlder).toBe(true);
  await until(() => other.messages.length === 122);
  expect(other.state).toMatchObject({ hasOlder: false, loadingOlder: false });
  expect(other.texts).toEqual(tab.texts);
});

describe("a message that is sent before its conversation has been read", () => {
  /** What the last generation follows. */
  function parentOfLast(): string {
    const { input } = [...server.logs.values()].at(-1)?.spec ?? {};
    return input?.case === "send" ? input.value.parentId : "";
  }

  test("follows what is there", async () => {
    await answered();
    const open = server.hold("listMessages");
    const again = await browser.door(tab.address.path());
    again.chat.send("Two");
    expect(again.messages[0]).toMatchObject({ status: "sending" });
    await settle();
    expect(server.logs.size).toBe(1);
    open();
    await until(() => server.logs.size === 2, "the generation");
    expect(parentOfLast()).toBe(tab.messages[1]?.id);
    await until(() => again.messages.length === 4, "all messages");
    expect(again.texts.slice(0, 3)).toEqual(["Hello?", "Hi", "Two"]);
  });

  test("is kept while the server is away, and sent to its place once it is back", async () => {
    await answered();
    server.down = true;
    server.cut();
    const again = await browser.door(tab.address.path());
    again.chat.send("Two");
    await browser.clock.pass(20_000);
    expect(again.state.phase).toBe("ready");
    expect(again.messages[0]).toMatchObject({ status: "unsent", can: { retry: true } });
    server.down = false;
    await browser.clock.pass(30_000);
    await until(() => server.logs.size === 2, "the generation");
    expect(parentOfLast()).toBe(tab.messages[1]?.id);
  });

  test("can be stopped and discarded", async () => {
    await answered();
    const open = server.hold("listMessages");
    const again = await browser.door(tab.address.path());
    again.chat.send("Two");
    again.chat.stop();
    expect(again.messages[0]).toMatchObject({ status: "unsent" });
    again.chat.discard(again.messages[0]?.id ?? "");
    open();
    await until(() => again.messages.length === 2, "the messages");
    expect(again.chat.draft.get()).toBe("Two");
    expect(server.logs.size).toBe(1);
  });
});

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";

import { ConversationSchema } from "../../src/gen/fireside/v1/conversation_pb.ts";
import { ModelSchema, ModelState, ModelTask } from "../../src/gen/fireside/v1/model_pb.ts";
import type { Conversations, ConversationView } from "../../src/state/types.ts";
import { ask, Browser, Tab } from "./browser.ts";
import { TestServer } from "./server.ts";
import { settle, until } from "./time.ts";

let server: TestServer;
let browser: Browser;
let tab: Tab;

const HOUR = 3_600_000;

/** Puts conversations on the server, each an hour older than the one before. */
function fill(count: number): void {
  for (let i = 0; i < count; i += 1) {
    const id = `00000000-0000-7000-8000-${String(count - i).padStart(12, "0")}`;
    const updateTime = timestampFromMs(browser.clock.now() - i * HOUR);
    server.conversations.set(id, create(ConversationSchema, { id, title: `Talk ${i}`, etag: `e${i}`, updateTime }));
  }
}

beforeEach(() => {
  server = new TestServer();
  browser = new Browser(server);
});

afterEach(() => {
  browser.close();
});

function list(): Conversations {
  return tab.app.state.conversations;
}

function items(): readonly ConversationView[] {
  return list()
    .get()
    .groups.flatMap((group) => group.items);
}

test("pages come on demand, in order and each once", async () => {
  fill(120);
  tab = await browser.open();
  expect(tab.titles).toHaveLength(50);
  expect(list().get().hasMore).toBe(true);
  list().loadMore();
  list().loadMore();
  await until(() => tab.titles.length === 100);
  list().loadMore();
  await until(() => tab.titles.length === 120);
  expect(list().get()).toMatchObject({ hasMore: false, loadingMore: false });
  expect(tab.titles).toEqual(Array.from({ length: 120 }, (_, i) => `Talk ${i}`));
});

test("a rename shows at once, and is taken back when it fails", async () => {
  fill(2);
  tab = await browser.open();
  const id = items()[1]?.id ?? "";
  server.refuse("renameConversation", Code.Internal);
  list().rename(id, "  New name ");
  expect(items().find((item) => item.id === id)).toMatchObject({ title: "New name", pending: true });
  await until(() => tab.app.state.notices.get().length === 1);
  expect(items()[1]).toMatchObject({ title: "Talk 1", pending: false });
  tab.app.state.notices.get()[0]?.retry?.();
  await until(() => server.conversations.get(id)?.title === "New name");
  await until(() => items().find((item) => item.id === id)?.pending === false);
  expect(tab.titles).toContain("New name");
});

test("a deletion can be undone for a while, also while it is under way", async () => {
  fill(3);
  tab = await browser.open();
  const id = items()[0]?.id ?? "";
  const release = server.hold("deleteConversation");
  list().delete(id);
  expect(tab.titles).toEqual(["Talk 1", "Talk 2"]);
  expect(list().get().undo).toEqual([{ id, title: "Talk 0" }]);
  await settle();
  list().undelete(id);
  expect(tab.titles).toContain("Talk 0");
  expect(list().get().undo).toEqual([]);
  release();
  await until(() => server.calls.includes("undeleteConversation"));
  await settle();
  expect(server.conversations.get(id)?.deleteTime).toBeUndefined();
  expect(tab.titles).toContain("Talk 0");
  list().delete(id);
  await browser.clock.pass(8_000);
  expect(list().get().undo).toEqual([]);
  expect(tab.titles).not.toContain("Talk 0");
});

test("a deletion that fails brings it back", async () => {
  fill(1);
  tab = await browser.open();
  server.refuse("deleteConversation", Code.Internal);
  list().delete(items()[0]?.id ?? "");
  expect(tab.titles).toEqual([]);
  await until(() => tab.app.state.notices.get().length === 1);
  expect(tab.titles).toEqual(["Talk 0"]);
  expect(list().get().undo).toEqual([]);
});

test("another tab's changes show", async () => {
  fill(2);
  tab = await browser.open();
  const other = await browser.open();
  const id = items()[1]?.id ?? "";
  list().rename(id, "Elsewhere");
  await until(() => other.titles.includes("Elsewhere"));
  list().delete(id);
  await until(() => !other.titles.includes("Elsewhere"));
  list().undelete(id);
  await until(() => other.titles.includes("Elsewhere"));
  await ask(tab, server, "Brand new");
  await until(() => other.titles.includes("Brand new"));
});

test("an open conversation that is deleted elsewhere says so, and comes back", async () => {
  tab = await browser.open();
  const id = await ask(tab, server, "Hello?");
  server.end(id);
  const other = await browser.open(tab.address.path());
  list().delete(tab.chat.id);
  await until(() => other.state.phase === "missing");
  list().undelete(tab.chat.id);
  await until(() => other.state.phase === "ready");
});

test("search waits for a pause and shows the last question's answer", async () => {
  fill(12);
  tab = await browser.open();
  list().search("Talk");
  list().search("Talk 1");
  expect(list().get()).toMatchObject({ query: "Talk 1", searching: true });
  await browser.clock.pass(150);
  await until(() => !list().get().searching);
  expect(tab.titles).toEqual(["Talk 1", "Talk 10", "Talk 11"]);
  expect(server.calls.filter((name) => name === "listConversations").length).toBeLessThanOrEqual(3);
  list().search("");
  await browser.clock.pass(0);
  await until(() => tab.titles.length === 12);
});

test("a list that cannot be read says so and can be read again", async () => {
  fill(1);
  server.down = true;
  tab = await browser.door("/c/00000000-0000-7000-8000-000000000001");
  await browser.clock.pass(10_000);
  expect(list().get()).toMatchObject({ phase: "failed", error: { kind: "unavailable" } });
  expect(tab.state).toMatchObject({ phase: "failed", error: { kind: "unavailable" } });
  server.down = false;
  list().reload();
  tab.chat.reload();
  expect(list().get().phase).toBe("loading");
  await until(() => list().get().phase === "ready" && tab.state.phase === "ready");
  expect(tab.titles).toEqual(["Talk 0"]);
});

test("a conversation that does not exist is missing", async () => {
  tab = await browser.open("/c/00000000-0000-7000-8000-00000000dead");
  expect(tab.state.phase).toBe("missing");
});

test("models: the picker leaves out those made for tests, and a lost one falls back", async () => {
  server.models.push(
    create(ModelSchema, { id: "test/b", displayName: "B", state: ModelState.UNAVAILABLE, stateMessage: "No weights." }),
    create(ModelSchema, { id: "test/hidden", hidden: true, state: ModelState.READY }),
  );
  tab = await browser.open();
  const { models } = tab.app.state;
  expect(models.get().models.map((model) => model.id)).toEqual(["test/a", "test/b"]);
  expect(models.get().models[1]).toMatchObject({ available: false, reason: "No weights." });
  expect(models.find("")?.id).toBe("test/a");
  expect(models.find("test/hidden")?.name).toBe("test/hidden");
  tab.chat.setModel("test/b");
  expect(tab.state.model).toBe("test/b");
  server.models.splice(1, 1);
  server.announce({ case: "modelsChanged", value: { $typeName: "fireside.v1.ModelsChanged" } });
  await until(() => tab.state.model === "");
});

test("what is there at the start is read once", async () => {
  tab = await browser.open();
  await browser.clock.pass(1_000);
  expect(server.calls.filter((call) => call.startsWith("list"))).toEqual(["listModels", "listConversations"]);
  const other = await browser.open();
  await browser.clock.pass(1_000);
  expect(server.calls.filter((call) => call === "listModels")).toHaveLength(2);
  expect(other.titles).toEqual(tab.titles);
});

test("a conversation that is opened by its address is read once", async () => {
  tab = await browser.open();
  server.end(await ask(tab, server, "Hello"));
  server.calls.length = 0;
  const reloaded = await browser.open(tab.address.path());
  await browser.clock.pass(1_000);
  expect(reloaded.messages).toHaveLength(2);
  expect(server.calls.filter((call) => call === "listMessages")).toHaveLength(1);
});

test("models that only make vectors are not offered", async () => {
  server.models.push(
    create(ModelSchema, { id: "test/vectors", tasks: [ModelTask.EMBED] }),
    create(ModelSchema, { id: "test/both", tasks: [ModelTask.EMBED, ModelTask.CHAT], loaded: true }),
    create(ModelSchema, { id: "fast", aliasOf: ["test/both"] }),
  );
  tab = await browser.open();
  const { models } = tab.app.state.models.get();
  expect(models.map(({ id, loaded, aliasOf }) => [id, loaded, aliasOf])).toEqual([
    ["test/a", false, []],
    ["test/both", true, []],
    ["fast", false, ["test/both"]],
  ]);
  expect(tab.app.state.models.find("test/vectors")).not.toBeNull();
});

import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { WatchEventsResponseSchema, type WatchEventsRequest } from "../../src/gen/fireside/v1/chat_service_pb.ts";
import type { EventSchema } from "../../src/gen/fireside/v1/generation_pb.ts";
import { MessageSchema, MessageState, Role } from "../../src/gen/fireside/v1/message_pb.ts";
import { createApi } from "../../src/rpc/api.ts";
import { localLine, type ToHub } from "../../src/rpc/wire.ts";
import { Branch } from "../../src/state/branch.ts";
import { Generations } from "../../src/state/generations.ts";
import { LiveClient } from "../../src/state/live-client.ts";
import { LiveHub } from "../../src/state/live-hub.ts";
import { LogReader } from "../../src/state/log-reader.ts";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ask, Browser } from "./browser.ts";
import { TestServer } from "./server.ts";
import { certain, TestClock, until } from "./time.ts";

const ID = "0199f0a0-0000-7000-8000-000000000001";
const GENERATION = "0199f0a0-0000-7000-8000-000000000002";

type Piece = MessageInitShape<typeof EventSchema>;

function message(text: string) {
  const parts = text === "" ? [] : [{ kind: { case: "text" as const, value: { text } } }];
  const state = MessageState.RUNNING;
  return create(MessageSchema, { id: ID, role: Role.ASSISTANT, state, generationId: GENERATION, parts });
}

const started: Piece = { seq: 1n, kind: { case: "started", value: { message: message("") } } };

function delta(seq: number, text: string): Piece {
  return { seq: BigInt(seq), kind: { case: "delta", value: { change: { case: "text", value: text } } } };
}

/** A reader whose live stream the test writes. */
function setUp(listed: string) {
  const server = new TestServer();
  const clock = new TestClock();
  const live = new LiveClient();
  const line = localLine();
  const asked: ToHub[] = [];
  live.attach(line.tab);
  line.hub.listen((sent) => asked.push(sent));
  line.hub.send({ kind: "link", state: { kind: "live" } });
  const generations = new Generations({ api: createApi(server.transport), live, clock, random: certain });
  const branch = new Branch();
  branch.takeNewest([message(listed)], "");
  const reader = new LogReader(generations, branch, { grew: () => undefined, ended: () => undefined, lost: () => undefined });
  const say = (...events: Piece[]): void => {
    const response = create(WatchEventsResponseSchema, { generationEvents: [{ generationId: GENERATION, events }] });
    line.hub.send({ kind: "batch", bytes: toBinary(WatchEventsResponseSchema, response) });
  };
  const text = (): string => {
    const part = reader.follow([ID])[0]?.parts[0]?.kind;
    return part?.case === "text" ? part.value.text : "";
  };
  return { server, clock, say, text, asked, line };
}

test("a listing that is ahead of the log is shown until the log has caught up", () => {
  const { say, text } = setUp("One, two");
  expect(text()).toBe("One, two");
  say(started, delta(2, "One"));
  expect(text()).toBe("One, two");
  say(delta(3, ", two"), delta(4, ", three"));
  expect(text()).toBe("One, two, three");
});

test("a reset counts at once, though it is shorter", () => {
  const { say, text } = setUp("One, two");
  text();
  say(started, delta(2, "One, two, three"));
  say({ seq: 99n, kind: { case: "reset", value: { message: message("One") } } });
  expect(text()).toBe("One");
});

test("events that do not follow are asked for from the beginning", () => {
  const { say, text, asked } = setUp("");
  text();
  say(started, delta(2, "a"));
  asked.length = 0;
  say(delta(4, "c"));
  expect(asked).toEqual([{ kind: "want", generationId: GENERATION }]);
  say({ seq: 4n, kind: { case: "reset", value: { message: message("abc") } } });
  say(delta(5, "d"));
  expect(text()).toBe("abcd");
});

test("a log that the hub does not know is read from the server", async () => {
  const { server, text, asked, line } = setUp("");
  text();
  expect(asked).toContainEqual({ kind: "want", generationId: GENERATION });
  line.hub.send({ kind: "unknown", generationId: GENERATION });
  await until(() => server.calls.includes("watchGeneration"));
});

test("a log that does not come is read from the server after a while", async () => {
  const { server, clock, text } = setUp("");
  text();
  await clock.pass(1_400);
  expect(server.calls).toEqual([]);
  await clock.pass(200);
  expect(server.calls).toEqual(["watchGeneration"]);
});

test("a stream that was cut asks for no more than what is missing", async () => {
  const server = new TestServer();
  const browser = new Browser(server);
  const tab = await browser.open();
  const id = await ask(tab, server, "Hello?");
  server.say(id, "One");
  await tab.shows("One");
  server.cut();
  await browser.clock.pass(1_000);
  server.say(id, ", two");
  await tab.shows("One, two");
  expect(server.watchRequests.at(-1)).toMatchObject({ resume: [{ generationId: id, afterSeq: 2n }] });
  browser.close();
});

test("a log that the live stream cannot bring is read from the server, again and again", async () => {
  const { server, clock, say, text, line } = setUp("");
  text();
  say(started);
  const failure = { reason: "LOG_GONE", message: "It cannot be followed." };
  const response = create(WatchEventsResponseSchema, { generationEvents: [{ generationId: GENERATION, failure }] });
  server.down = true;
  line.hub.send({ kind: "batch", bytes: toBinary(WatchEventsResponseSchema, response) });
  await until(() => server.calls.length === 1, "the reading");
  await clock.pass(10_000);
  expect(server.calls.length).toBeGreaterThan(1);
  expect(new Set(server.calls)).toEqual(new Set(["watchGeneration"]));
});

test("the owner of the stream does not ask again for a log that cannot be followed", async () => {
  const requests: WatchEventsRequest[] = [];
  const responses = [
    { events: [{ cursor: "1", kind: { case: "ready" as const, value: {} } }] },
    { generationEvents: [{ generationId: GENERATION, events: [started] }] },
    { generationEvents: [{ generationId: GENERATION, failure: { reason: "LOG_GONE" } }] },
  ];
  const clock = new TestClock();
  const hub = new LiveHub({
    open: async function* (request) {
      requests.push(request);
      for (const response of responses.splice(0)) yield create(WatchEventsResponseSchema, response);
    },
    clock,
    random: certain,
    deadAfterMs: 6_000,
  });
  const line = localLine();
  hub.connect(line.hub);
  line.tab.send({ kind: "hello", account: "" });
  await clock.pass(2_000);
  expect(requests.length).toBeGreaterThan(1);
  expect(requests.at(-1)).toMatchObject({ afterCursor: "1", resume: [] });
  hub.close();
});

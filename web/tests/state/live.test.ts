import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";

import { WatchEventsResponseSchema } from "../../src/gen/fireside/v1/chat_service_pb.ts";
import type { WatchEventsRequest, WatchEventsResponse } from "../../src/gen/fireside/v1/chat_service_pb.ts";
import { LiveStream, type LinkState, type LiveSink } from "../../src/rpc/live.ts";
import { certain, settle, TestClock } from "./time.ts";

/** One connection that the test is the server of. */
class Connection {
  #items: (WatchEventsResponse | Error | null)[] = [];
  #wake: () => void = () => undefined;

  constructor(
    readonly request: WatchEventsRequest,
    readonly signal: AbortSignal,
  ) {
    signal.addEventListener("abort", () => {
      this.fail(new ConnectError("aborted", Code.Canceled));
    });
  }

  say(cursor: string): Promise<void> {
    return this.#put(create(WatchEventsResponseSchema, { events: [{ cursor }] }));
  }

  fail(error: Error): void {
    void this.#put(error);
  }

  end(): void {
    void this.#put(null);
  }

  #put(item: WatchEventsResponse | Error | null): Promise<void> {
    this.#items.push(item);
    this.#wake();
    return settle(3);
  }

  async *read(): AsyncIterable<WatchEventsResponse> {
    for (;;) {
      for (const item of this.#items.splice(0)) {
        if (item === null) return;
        if (item instanceof Error) throw item;
        yield item;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function setUp() {
  const clock = new TestClock();
  const connections: Connection[] = [];
  const states: LinkState[] = [];
  const heard: string[] = [];
  const sink: LiveSink = {
    link: (state) => states.push(state),
    fresh: () => heard.push("fresh"),
    batch: (response) => heard.push(response.events[0]?.cursor ?? ""),
    positions: () => [{ generationId: "g", afterSeq: heard.length }],
    forget: () => heard.push("forget"),
  };
  const stream = new LiveStream({
    open: (request, signal) => {
      const connection = new Connection(request, signal);
      connections.push(connection);
      return connection.read();
    },
    clock,
    random: certain,
    deadAfterMs: 6_000,
    sink,
  });
  const last = (): Connection => connections.at(-1) as Connection;
  return { clock, connections, states, heard, stream, last, kinds: () => states.map(({ kind }) => kind) };
}

const away = (): Error => new ConnectError("away", Code.Unavailable);

test("goes on after a cut from the cursor and the positions", async () => {
  const { clock, stream, last, heard, connections, kinds } = setUp();
  stream.start();
  await last().say("4");
  expect(last().request).toMatchObject({ afterCursor: "", followGenerations: true });
  last().fail(away());
  await settle();
  expect(kinds()).toEqual(["connecting", "live", "waiting"]);
  await clock.pass(300);
  expect(connections).toHaveLength(2);
  expect(last().request).toMatchObject({ afterCursor: "4", resume: [{ generationId: "g", afterSeq: 2n }] });
  await last().say("5");
  expect(heard).toEqual(["fresh", "4", "5"]);
});

test("waits longer each time, but not after it was live again", async () => {
  const { clock, stream, last, states, connections } = setUp();
  stream.start();
  const waits: number[] = [];
  for (let i = 0; i < 9; i += 1) {
    last().fail(away());
    await settle();
    const state = states.at(-1);
    if (state?.kind !== "waiting") throw new Error(state?.kind);
    waits.push(state.retryAt - clock.now());
    await clock.pass(waits.at(-1) ?? 0);
  }
  expect(waits).toEqual([300, 600, 1200, 2400, 4800, 9600, 15_000, 15_000, 15_000]);
  await last().say("1");
  last().fail(away());
  await settle();
  await clock.pass(300);
  expect(connections).toHaveLength(11);
});

test("tries at once when the network is back, the page wakes or a person asks", async () => {
  for (const hint of ["online", "wake", "retry"] as const) {
    const { stream, last, connections } = setUp();
    stream.start();
    last().fail(away());
    await settle();
    stream.hint(hint);
    await settle();
    expect(connections).toHaveLength(2);
  }
});

test("a cursor that is too old: forgets and starts afresh", async () => {
  const { clock, stream, last, heard } = setUp();
  stream.start();
  await last().say("4");
  last().fail(new ConnectError("old", Code.OutOfRange));
  await settle();
  await clock.pass(300);
  expect(last().request.afterCursor).toBe("");
  await last().say("9");
  expect(heard).toEqual(["fresh", "4", "forget", "fresh", "9"]);
});

test("silence is death, heartbeats are life", async () => {
  const { clock, stream, last, connections } = setUp();
  stream.start();
  await last().say("1");
  for (let i = 0; i < 20; i += 1) {
    await clock.pass(1_000);
    await last().say("1");
  }
  expect(connections).toHaveLength(1);
  await clock.pass(9_000);
  expect(connections).toHaveLength(2);
  expect(connections[0]?.signal.aborted).toBe(true);
});

test("a server that takes the connection and says nothing is not waited for", async () => {
  const { clock, stream, connections, kinds } = setUp();
  stream.start();
  await clock.pass(8_000);
  expect(connections.length).toBeGreaterThan(1);
  expect(kinds()).toContain("waiting");
});

test("a machine that slept reconnects as soon as it wakes", async () => {
  const { clock, stream, last, connections } = setUp();
  stream.start();
  await last().say("1");
  await clock.sleep(3_600_000);
  expect(connections).toHaveLength(2);
});

test("what a given-up connection still says is not heard", async () => {
  const { stream, connections, heard } = setUp();
  stream.start();
  await connections[0]?.say("1");
  stream.restart();
  await connections[0]?.say("666");
  await connections[1]?.say("2");
  expect(heard).toEqual(["fresh", "1", "2"]);
});

test("tells that the machine is offline, and tries all the same", async () => {
  const { clock, stream, last, kinds, connections } = setUp();
  stream.start();
  stream.hint("offline");
  last().fail(away());
  await settle();
  expect(kinds().at(-1)).toBe("offline");
  await clock.pass(300);
  expect(connections).toHaveLength(2);
});

test("does not go on by itself when nobody is signed in", async () => {
  const { clock, stream, last, states, connections } = setUp();
  stream.start();
  last().fail(new ConnectError("who?", Code.Unauthenticated));
  await settle();
  expect(states.at(-1)).toMatchObject({ kind: "stopped", failure: { code: Code.Unauthenticated } });
  await clock.pass(60_000);
  expect(connections).toHaveLength(1);
  stream.hint("retry");
  expect(connections).toHaveLength(2);
});

test("leaves nothing behind when it stops", async () => {
  const { clock, stream, last } = setUp();
  stream.start();
  await last().say("1");
  stream.stop();
  await settle();
  expect(last().signal.aborted).toBe(true);
  expect(clock.waiting).toBe(0);
});

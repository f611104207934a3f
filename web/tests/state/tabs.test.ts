import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { createApi } from "../../src/rpc/api.ts";
import { Seat, type Hub, type Locks, type Port } from "../../src/rpc/port.ts";
import { joinTabs, type Channel, type TabsOptions } from "../../src/rpc/tabs.ts";
import { LiveClient } from "../../src/state/live-client.ts";
import { LiveHub } from "../../src/state/live-hub.ts";
import { ask, Browser, type Tab } from "./browser.ts";
import { TestServer } from "./server.ts";
import { certain, settle, TestClock, until } from "./time.ts";

describe("tabs of one browser", () => {
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

  test("ten share one stream and all show the answer", async () => {
    const id = await ask(tab, server, "Hello?");
    const tabs = [tab];
    for (let i = 0; i < 9; i += 1) {
      server.say(id, `${i} `);
      tabs.push(await browser.open(tab.address.path()));
    }
    server.say(id, "end");
    server.end(id);
    for (const one of tabs) await one.shows("0 1 2 3 4 5 6 7 8 end");
    expect(server.calls.filter((name) => name === "watchEvents")).toHaveLength(1);
    expect(server.calls).not.toContain("watchGeneration");
  });

  test("a message sent in one shows in the other, with its answer", async () => {
    const id = await ask(tab, server, "Hello?");
    const other = await browser.open(tab.address.path());
    server.say(id, "Hi");
    server.end(id);
    await other.shows("Hi");
    const next = await ask(tab, server, "And?");
    server.say(next, "Then");
    await other.shows("Then");
    expect(other.texts).toEqual(["Hello?", "Hi", "And?", "Then"]);
    expect(other.state.running).toBe(true);
    other.chat.stop();
    await until(() => tab.messages.at(-1)?.finish === "stopped");
  });

  test("a branch chosen in one is shown in the other", async () => {
    const id = await ask(tab, server, "Hello?");
    server.say(id, "Hi");
    server.end(id);
    await until(() => !tab.state.running);
    tab.chat.regenerate(tab.messages[1]?.id ?? "");
    await until(() => server.logs.size === 2);
    server.say(server.running(), "Ho");
    server.end(server.running());
    const other = await browser.open(tab.address.path());
    await other.shows("Ho");
    await tab.shows("Ho");
    tab.chat.selectSibling(tab.messages[1]?.siblingIds[0] ?? "");
    await other.shows("Hi");
    expect(other.messages[1]).toMatchObject({ siblingIndex: 0 });
  });

  test("a list says where something runs", async () => {
    const other = await browser.open();
    const id = await ask(tab, server, "Hello?");
    const items = () => other.app.state.conversations.get().groups.flatMap((group) => group.items);
    await until(() => items()[0]?.running === true);
    const late = await browser.open();
    expect(late.app.state.conversations.get().groups[0]?.items[0]?.running).toBe(true);
    server.end(id);
    await until(() => items()[0]?.running === false);
  });

  test("the draft of a conversation is the same in both", async () => {
    const other = await browser.open();
    tab.chat.draft.set("Dear");
    expect(other.chat.draft.get()).toBe("Dear");
    other.chat.draft.set("Dear fire");
    expect(tab.chat.draft.get()).toBe("Dear fire");
    const third = await browser.open();
    expect(third.chat.draft.get()).toBe("Dear fire");
  });
});

/** Locks as browsers have them: held until the promise ends or the holder is gone. */
class TestLocks {
  #queues = new Map<string, { holder: string; run: () => Promise<unknown> }[]>();
  #held = new Map<string, string>();

  of(holder: string): Locks {
    return {
      request: (name, held) => {
        this.#queues.set(name, [...(this.#queues.get(name) ?? []), { holder, run: held }]);
        this.#grant(name);
        return Promise.resolve();
      },
    };
  }

  #grant(name: string): void {
    const next = this.#queues.get(name)?.[0];
    if (next === undefined || this.#held.has(name)) return;
    this.#queues.get(name)?.shift();
    this.#held.set(name, next.holder);
    void next.run().then(() => {
      this.#held.delete(name);
      this.#grant(name);
    });
  }

  die(holder: string): void {
    for (const [name, queue] of this.#queues) {
      this.#queues.set(name, queue.filter((request) => request.holder !== holder));
    }
    for (const [name, by] of [...this.#held]) {
      if (by !== holder) continue;
      this.#held.delete(name);
      this.#grant(name);
    }
  }
}

/** A BroadcastChannel: what one end posts, all others get a moment later. */
class TestAir {
  #ends: (Channel & { dead: boolean })[] = [];

  end(): Channel & { dead: boolean } {
    const end: Channel & { dead: boolean } = {
      dead: false,
      onmessage: null,
      postMessage: (message) => {
        if (end.dead) return;
        const others = this.#ends.filter((other) => other !== end && !other.dead);
        queueMicrotask(() => {
          for (const other of others) if (!other.dead) other.onmessage?.({ data: structuredClone(message) });
        });
      },
    };
    this.#ends.push(end);
    return end;
  }
}

function portPair(): [Port, Port] {
  const make = (): Port => ({ onmessage: null, postMessage: () => undefined });
  const [a, b] = [make(), make()];
  const send = (to: Port) => (message: unknown) => {
    queueMicrotask(() => to.onmessage?.({ data: structuredClone(message) }));
  };
  a.postMessage = send(b);
  b.postMessage = send(a);
  return [a, b];
}

function setUp() {
  const server = new TestServer();
  const clock = new TestClock();
  const locks = new TestLocks();
  const air = new TestAir();
  const hubs: LiveHub[] = [];
  const hub = (): LiveHub => {
    const api = createApi(server.transport);
    const made = new LiveHub({
      open: (request, signal) => api.chat.watchEvents(request, { signal }),
      clock,
      random: certain,
      deadAfterMs: 6_000,
    });
    hubs.push(made);
    return made;
  };
  const join = (tabId: string, change: Partial<TabsOptions> = {}) => {
    const client = new LiveClient();
    client.admit("");
    const channel = air.end();
    joinTabs({
      tabId,
      worker: null,
      locks: locks.of(tabId),
      channel,
      hub,
      attach: (wire) => {
        client.attach(wire);
      },
      clock,
      ...change,
    });
    return { client, channel, live: () => client.link.get().kind === "live" };
  };
  const streams = (): number => server.calls.filter((name) => name === "watchEvents").length;
  return { server, clock, locks, hubs, hub, join, streams };
}

test("without a shared worker one tab leads, and the next takes over when it is gone", async () => {
  const { locks, hubs, join, streams } = setUp();
  const [a, b, c] = [join("a"), join("b"), join("c")];
  await until(() => a.live() && b.live() && c.live());
  expect(hubs).toHaveLength(1);
  expect(hubs[0]?.tabs).toBe(3);
  locks.die("c");
  c.channel.dead = true;
  await until(() => hubs[0]?.tabs === 2);
  let fresh = 0;
  b.client.listen({ fresh: () => (fresh += 1) });
  a.channel.dead = true;
  hubs[0]?.close();
  locks.die("a");
  await until(() => hubs.length === 2 && b.live());
  await settle();
  expect(fresh).toBe(1);
  expect(hubs[1]?.tabs).toBe(1);
  expect(streams()).toBe(2);
  hubs[1]?.close();
});

test("with neither worker nor locks each tab has its own stream", async () => {
  const { hubs, join } = setUp();
  const [a, b] = [join("a", { locks: null }), join("b", { locks: null })];
  await until(() => a.live() && b.live());
  expect(hubs).toHaveLength(2);
  for (const hub of hubs) hub.close();
});

test("a shared worker seats each tab and notices when it is gone", async () => {
  const { clock, locks, hub, join, streams } = setUp();
  const shared: Hub & { tabs: number; close(): void } = hub();
  const worker = (): Port => {
    const [tab, seat] = portPair();
    new Seat(seat, shared, clock, locks.of("worker"));
    return tab;
  };
  const [a, b] = [join("a", { worker }), join("b", { worker })];
  await until(() => a.live() && b.live());
  await settle();
  expect(streams()).toBe(1);
  expect(shared.tabs).toBe(2);
  locks.die("a");
  await until(() => shared.tabs === 1);
  b.client.leave();
  await until(() => shared.tabs === 0);
});

test("a tab that was silent for long is let go and taken back", async () => {
  const { clock, hub } = setUp();
  const shared = hub();
  const [tab, end] = portPair();
  new Seat(end, shared, clock, null);
  const heard: string[] = [];
  tab.onmessage = ({ data }) => heard.push((data as { kind: string }).kind);
  tab.postMessage({ kind: "hello", account: "" });
  tab.postMessage({ kind: "alive", lock: "" });
  await until(() => heard.includes("batch"));
  await clock.pass(200_000);
  expect(shared.tabs).toBe(0);
  heard.length = 0;
  tab.postMessage({ kind: "alive", lock: "" });
  await until(() => heard.includes("fresh"));
  expect(shared.tabs).toBe(1);
  shared.close();
});

test("a worker that does not answer is given up", async () => {
  const { clock, hubs, join } = setUp();
  const tab = join("a", { worker: () => portPair()[0] });
  await settle();
  expect(hubs).toHaveLength(0);
  await clock.pass(4_000);
  await until(tab.live);
  const other = join("b", {
    worker: () => {
      throw new Error("refused");
    },
  });
  await until(other.live);
  expect(hubs).toHaveLength(1);
  hubs[0]?.close();
});

// No lost and no doubled character, whatever is cut and whenever.

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { localLine } from "../../src/rpc/wire.ts";
import { ask, Browser, type Tab } from "./browser.ts";
import { TestServer } from "./server.ts";
import { settle, until } from "./time.ts";

const PIECES = ["It ", "was ", "a ", "dark ", "and ", "storm", "y ", "night; ", "火", "边", "。"];
const WHOLE = PIECES.join("");

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

/** Writes the whole answer; before the piece with this number something happens. */
async function write(id: string, cut: number, happens: () => Promise<void> | void): Promise<void> {
  for (const [index, piece] of PIECES.entries()) {
    if (index === cut) await happens();
    server.say(id, piece);
    await settle(2);
  }
  if (cut === PIECES.length) await happens();
  server.end(id);
}

const CUTS = Array.from({ length: PIECES.length + 1 }, (_, cut) => cut);

describe.each(CUTS)("at piece %i", (cut) => {
  test("the connection is cut", async () => {
    const id = await ask(tab, server, "Once?");
    const seen: string[] = [];
    tab.chat.subscribe(() => seen.push(tab.text));
    await write(id, cut, async () => {
      server.cut();
      await settle();
    });
    await browser.clock.pass(1_000);
    await tab.shows(WHOLE);
    expect(tab.messages.at(-1)).toMatchObject({ status: "done", finish: "complete", epoch: 0 });
    expect(seen.every((text) => WHOLE.startsWith(text))).toBe(true);
  });

  test("the page is reloaded, and what is durable lags behind", async () => {
    server.lag = 2;
    const id = await ask(tab, server, "Once?");
    const seen: string[] = [];
    let again: Tab = tab;
    await write(id, cut, async () => {
      again = await browser.open(tab.address.path());
      again.chat.subscribe(() => seen.push(again.text));
    });
    await again.shows(WHOLE);
    await until(() => again.messages.at(-1)?.status === "done");
    // Text only grows: what the listing had is never taken back while the log is read from its beginning.
    expect(seen.every((text, index) => text.startsWith(seen[index - 1] ?? ""))).toBe(true);
    await tab.shows(WHOLE);
  });

  test("the whole browser is closed and opened again", async () => {
    const id = await ask(tab, server, "Once?");
    const path = tab.address.path();
    let again: Tab = tab;
    await write(id, cut, async () => {
      browser.close();
      browser.hub = browser.newHub();
      again = await browser.open(path);
    });
    await again.shows(WHOLE);
  });

  test("the stream is away for long, and the tab reads the log itself", async () => {
    const id = await ask(tab, server, "Once?");
    await write(id, cut, async () => {
      browser.hub.close();
      tab.app.live.link.set({ kind: "connecting", attempt: 1 });
      await browser.clock.pass(4_000);
    });
    await tab.shows(WHOLE);
    expect(server.calls).toContain("watchGeneration");
    await until(() => tab.messages.at(-1)?.status === "done");
  });

  test("another tab leads from then on", async () => {
    const id = await ask(tab, server, "Once?");
    await write(id, cut, async () => {
      const hub = browser.newHub();
      const line = localLine();
      hub.connect(line.hub);
      tab.app.live.attach(line.tab);
      browser.hub.close();
      browser.hub = hub;
      await settle();
    });
    await tab.shows(WHOLE);
    expect(tab.messages.at(-1)).toMatchObject({ epoch: 0 });
  });

  test("the server crashes and loses the last two pieces", async () => {
    const id = await ask(tab, server, "Once?");
    for (const piece of PIECES.slice(0, cut)) server.say(id, piece);
    await tab.shows(PIECES.slice(0, cut).join(""));
    server.crash(Math.min(2, cut));
    await browser.clock.pass(1_000);
    await tab.shows(PIECES.slice(0, Math.max(0, cut - 2)).join(""));
    await until(() => tab.messages.at(-1)?.finish === "interrupted");
    expect(tab.state.running).toBe(false);
  });
});

test("a generation that ended while nobody was connected is read to its end", async () => {
  const id = await ask(tab, server, "Once?");
  server.say(id, "It was");
  await tab.shows("It was");
  server.down = true;
  server.cut();
  await settle();
  server.say(id, " night.");
  server.end(id);
  server.down = false;
  await browser.clock.pass(5_000);
  await tab.shows("It was night.");
  expect(tab.messages.at(-1)?.status).toBe("done");
});

test("a log that is gone: the listing has the answer", async () => {
  const id = await ask(tab, server, "Once?");
  server.say(id, "It was");
  await tab.shows("It was");
  server.down = true;
  server.cut();
  await settle();
  server.say(id, " night.");
  server.end(id);
  server.logs.delete(id);
  server.down = false;
  await browser.clock.pass(10_000);
  await tab.shows("It was night.");
  expect(tab.messages.at(-1)?.status).toBe("done");
});

test("a cursor that is too old: everything is read again", async () => {
  const id = await ask(tab, server, "Once?");
  server.say(id, "It was");
  await tab.shows("It was");
  server.down = true;
  server.cut();
  await settle();
  server.say(id, " night.");
  server.end(id);
  server.pruned = server.events.length;
  server.down = false;
  await browser.clock.pass(10_000);
  await tab.shows("It was night.");
  expect(tab.messages.at(-1)?.status).toBe("done");
});

// Who is signed in: asked first, followed in all tabs, and asked again when a session has ended.
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { refusal } from "./auth-service.ts";
import { Browser, Tab } from "./browser.ts";
import { TestServer } from "./server.ts";
import { settle, until } from "./time.ts";

let server: TestServer;
let browser: Browser;

beforeEach(() => {
  server = new TestServer();
  browser = new Browser(server);
});

afterEach(() => {
  browser.close();
});

const phase = (tab: Tab) => tab.app.session.get().phase;

async function signIn(tab: Tab, email: string, password = "a long password"): Promise<void> {
  const entrance = await tab.app.entrance();
  expect(await entrance.signIn(email, password)).toEqual({ kind: "in" });
}

/** The session is over, as every call and the stream say from now on. */
async function end(): Promise<void> {
  server.auth.signedIn = "";
  server.cut();
  await browser.clock.pass(1_000);
}

test("without accounts everything is as if there were none", async () => {
  const tab = await browser.open();
  expect(phase(tab)).toBe("single");
  expect(server.calls[0]).toBe("getAuthState");
  tab.chat.draft.set("Words");
  expect([...browser.storage.values.keys()]).toContain("fireside.draft.new");
});

test("nothing is read before somebody is signed in", async () => {
  server.auth.add("ann", "Ann");
  const tab = await browser.door("/settings/account");
  expect(phase(tab)).toBe("out");
  expect(tab.app.room.get()).toBeNull();
  expect(server.calls).toEqual(["getAuthState"]);
  await signIn(tab, "ann@example.org");
  await until(() => tab.app.state.conversations.get().phase === "ready");
  expect(tab.app.session.get().account).toMatchObject({ id: "ann", name: "Ann", role: "member" });
  expect(tab.app.state.router.get()).toMatchObject({ name: "settings", page: "account" });
});

test("a first admin is asked for before that", async () => {
  server.auth.singleUser = false;
  server.auth.needsSetUp = true;
  expect(phase(await browser.door())).toBe("set_up");
});

test("a server that is away is asked again by itself", async () => {
  for (let i = 0; i < 4; i += 1) server.refuse("getAuthState", Code.Unavailable);
  const tab = new Tab(browser, "/");
  await browser.clock.pass(20_000);
  await until(() => phase(tab) === "single", "the answer");
});

describe("a session that ends", () => {
  let tab: Tab;

  beforeEach(async () => {
    server.auth.add("ann", "Ann");
    server.auth.add("bob", "Bob");
    server.auth.signedIn = "ann";
    tab = await browser.open();
  });

  test("asks to sign in again and goes on where it was", async () => {
    tab.chat.draft.set("Words");
    const state = tab.app.state;
    await end();
    await until(() => phase(tab) === "out", "the end");
    expect(tab.app.session.get().ended).toMatchObject({ email: "ann@example.org" });
    expect(tab.renewed).toEqual([]);
    await signIn(tab, "ann@example.org");
    expect(tab.app.state).toBe(state);
    expect(tab.chat.draft.get()).toBe("Words");
    await until(() => tab.app.live.link.get().kind === "live", "the stream");
    expect(tab.renewed).toEqual([]);
  });

  test("is noticed by a call, and what was unsent goes once somebody is back", async () => {
    server.auth.signedIn = "";
    tab.chat.send("Precious words");
    await until(() => phase(tab) === "out", "the end");
    await until(() => tab.messages[0]?.status === "unsent", "the message unsent");
    expect(server.logs.size).toBe(0);
    await end();
    await signIn(tab, "ann@example.org");
    await browser.clock.pass(1_000);
    await until(() => server.logs.size === 1, "the message sent");
  });

  test("brings a new page to somebody else, who sees nothing of it", async () => {
    tab.chat.draft.set("Ann's words");
    await end();
    await until(() => phase(tab) === "out", "the end");
    await signIn(tab, "bob@example.org");
    expect(tab.renewed).toEqual(["/"]);
    const next = await browser.open();
    expect(next.chat.draft.get()).toBe("");
    next.chat.draft.set("Bob's words");
    server.auth.signedIn = "ann";
    expect((await browser.door()).app.state.chat.get().draft.get()).toBe("Ann's words");
  });

  test("that is ended on purpose leaves nothing, in no tab", async () => {
    const other = await browser.open("/settings/account");
    tab.chat.draft.set("Ann's words");
    expect(await tab.app.session.signOut()).toBeNull();
    expect(tab.renewed).toEqual(["/"]);
    expect(other.renewed).toEqual(["/"]);
    const kept = [...browser.storage.values.entries()].flat().join(" ");
    expect(kept).not.toContain("words");
  });

  test("in one tab brings the others in again, too", async () => {
    const other = await browser.open();
    await end();
    await until(() => phase(tab) === "out" && phase(other) === "out", "the end");
    await signIn(other, "ann@example.org");
    await until(() => phase(tab) === "in", "the other tab");
    expect(tab.renewed).toEqual([]);
  });

  test("never hands the stream of one to another", async () => {
    const streams = server.watchRequests.length;
    // The other tab signed in as somebody else, and this one has not heard of it yet.
    server.auth.signedIn = "bob";
    browser.storage.values.clear();
    const theirs = await browser.open();
    expect(server.watchRequests.length).toBe(streams + 1);
    expect(server.watchRequests.at(-1)?.afterCursor).toBe("");
    await until(() => tab.renewed.length > 0, "a new page for the first tab");
    expect(theirs.app.session.get().account?.id).toBe("bob");
  });

  test("may be over for one call alone", async () => {
    server.refuse("listModels", Code.Unauthenticated);
    tab.app.state.models.reload();
    await settle();
    await until(() => phase(tab) === "in");
    expect(tab.renewed).toEqual([]);
  });
});

describe("who has to prove it", () => {
  const confirmations = async () => {
    server.auth.add("ann", "Ann");
    server.auth.signedIn = "ann";
    return (await browser.open()).app.state.confirm;
  };

  /** A call that is refused until somebody has confirmed. */
  function guarded() {
    let stale = true;
    let made = 0;
    const call = (): Promise<string> => {
      made += 1;
      return stale ? Promise.reject(refusal(Code.FailedPrecondition, "CONFIRM_PASSWORD")) : Promise.resolve("done");
    };
    return { call, prove: () => (stale = false), made: () => made };
  }

  test("is asked, and the call is made again", async () => {
    const confirm = await confirmations();
    const { call, prove, made } = guarded();
    const outcome = confirm.proving(call);
    await until(() => confirm.get(), "the question");
    prove();
    confirm.confirmed();
    expect(await outcome).toEqual({ ok: true, value: "done" });
    expect(made()).toBe(2);
    expect(confirm.get()).toBe(false);
  });

  test("may leave it", async () => {
    const confirm = await confirmations();
    const { call, made } = guarded();
    const outcome = confirm.proving(call);
    await until(() => confirm.get(), "the question");
    confirm.dismissed();
    expect(await outcome).toMatchObject({ ok: false, failure: { reason: "NOT_CONFIRMED" } });
    expect(made()).toBe(1);
  });
});

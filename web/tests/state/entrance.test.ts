// What the forms of coming in check, show of a refusal, and where they lead.
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";

import { failureOf } from "../../src/rpc/failure.ts";
import { refusalOf, strengthOf } from "../../src/state/refusal.ts";
import { PathRouter, routeOf, safePath } from "../../src/state/router.ts";
import { may, type SessionState } from "../../src/state/session-types.ts";
import { settingsPages } from "../../src/state/settings-pages.ts";
import { refusal } from "./auth-service.ts";
import { Browser, TestAddress } from "./browser.ts";
import { TestServer } from "./server.ts";

describe("an address to go on at", () => {
  test.each([
    ["/c/1", "/c/1"],
    ["/settings/account", "/settings/account"],
    ["//evil.example", "/"],
    ["/\\evil.example", "/"],
    ["https://evil.example", "/"],
    ["javascript:alert(1)", "/"],
    ["/a b", "/"],
    ["", "/"],
    [null, "/"],
  ])("%s is %s", (given, safe) => {
    expect(safePath(given)).toBe(safe);
  });

  test("is the address itself, or what it names; never the door", () => {
    const next = (path: string): string => new PathRouter(new TestAddress(path)).next();
    expect(next("/settings/models")).toBe("/settings/models");
    expect(next("/signin?next=%2Fsettings%2Fmodels")).toBe("/settings/models");
    expect(next("/signin?next=//evil.example")).toBe("/");
    expect(next("/signin?next=/reset%23token")).toBe("/");
    expect(next("/join#token")).toBe("/");
  });
});

test("addresses have routes", () => {
  expect(routeOf("/signin/")).toEqual({ name: "entrance", screen: "signin" });
  expect(routeOf("/settings/people/0199%2F1")).toEqual({ name: "settings", page: "people", id: "0199/1" });
  expect(routeOf("/settings/nothing")).toEqual({ name: "new" });
  expect(routeOf("/s/a-token_1")).toEqual({ name: "link", token: "a-token_1" });
  expect(new PathRouter(new TestAddress("/reset#secret")).token()).toBe("secret");
});

describe("a refusal", () => {
  const rules = { reasons: { EMAIL_TAKEN: ["email", "taken"], LINK_ENDED: ["", "ended"] } } as const;

  test("stands at its field, or over the form", () => {
    const taken = refusalOf(failureOf(wire(refusal(Code.AlreadyExists, "EMAIL_TAKEN"))), rules, 0);
    expect(taken).toMatchObject({ fields: { email: { key: "taken" } }, error: null });
    const ended = refusalOf(failureOf(wire(refusal(Code.InvalidArgument, "LINK_ENDED"))), rules, 0);
    expect(ended).toMatchObject({ fields: {}, error: { key: "ended", reason: "LINK_ENDED" } });
  });

  test("says until when to wait", () => {
    const error = wire(new ConnectError("slow down", Code.ResourceExhausted));
    error.details = [{ type: "google.rpc.RetryInfo", value: Uint8Array.from([10, 2, 8, 30]) }];
    expect(refusalOf(failureOf(error), rules, 1_000).waitUntil).toBe(31_000);
  });

  function wire(error: ConnectError): ConnectError {
    error.isWireError = true;
    return error;
  }
});

test("a password is worth its length", () => {
  expect(["short", "ten letter", "fourteen chars", "twenty characters, ok"].map(strengthOf)).toEqual([0, 1, 2, 3]);
});

test("a form says what is missing before it is sent", async () => {
  const server = new TestServer();
  server.auth.add("ann", "Ann");
  const tab = await new Browser(server).door();
  const entrance = await tab.app.entrance();
  expect(await entrance.signIn(" ", "")).toMatchObject({
    kind: "refused",
    refusal: { fields: { email: { key: "field.wrong.email.empty" }, password: { key: "field.wrong.password.empty" } } },
  });
  expect(await entrance.signUp({ name: "", email: "no", password: "short", language: "" }, "")).toMatchObject({
    refusal: { fields: { name: {}, email: { key: "field.wrong.email" }, password: { key: "field.wrong.password" } } },
  });
  expect(server.calls).toEqual(["getAuthState"]);
  expect(await entrance.signIn("ann@example.org", "wrong")).toMatchObject({
    refusal: { fields: { password: { key: "entrance.wrong.signIn" } } },
  });
});

test("pages of the settings are for those who may", () => {
  const state = (phase: SessionState["phase"], ...permissions: readonly string[]): SessionState =>
    ({ phase, permissions: new Set(permissions) }) as unknown as SessionState;
  expect(settingsPages(state("single"))).toEqual(["models"]);
  expect(settingsPages(state("in", "own_account", "chat"))).toEqual(["account"]);
  expect(settingsPages(state("in", "own_account", "manage_runners", "read_audit"))).toEqual(["account", "models", "audit"]);
  expect(may(state("single"), "share")).toBe(false);
  expect(may(state("single"), "manage_runners")).toBe(true);
  expect(may(state("out"), "chat")).toBe(false);
});

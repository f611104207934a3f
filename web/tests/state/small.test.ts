import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";

import { MessageSchema } from "../../src/gen/fireside/v1/message_pb.ts";
import { failureOf } from "../../src/rpc/failure.ts";
import { ConnectionStatus } from "../../src/state/connection.ts";
import { groupByDate } from "../../src/state/dates.ts";
import { appError, ERROR_KEYS } from "../../src/state/errors.ts";
import { newId } from "../../src/state/ids.ts";
import { LiveClient } from "../../src/state/live-client.ts";
import { extendsMessage } from "../../src/state/message-view.ts";
import { PathRouter, routeOf } from "../../src/state/router.ts";
import { StoredSettings } from "../../src/state/settings.ts";
import { Store } from "../../src/state/store.ts";
import type { ConversationView } from "../../src/state/types.ts";
import { TestAddress, TestStorage } from "./browser.ts";
import { TestClock } from "./time.ts";

describe("errors", () => {
  /** google.rpc messages as the server encodes them. */
  const bytes = (...parts: (number | string)[]): Uint8Array =>
    Uint8Array.from(parts.flatMap((part) => (typeof part === "number" ? [part] : [...Buffer.from(part)])));

  function wireError(code: Code, details: { type: string; value: Uint8Array }[]): ConnectError {
    const error = new ConnectError("The queue is full.", code);
    error.isWireError = true;
    error.details = details;
    return error;
  }

  test("carry the reason, the wait and the wrong field", () => {
    const full = wireError(Code.ResourceExhausted, [
      { type: "google.rpc.ErrorInfo", value: bytes(10, 10, "QUEUE_FULL", 18, 4, "fire") },
      { type: "google.rpc.RetryInfo", value: bytes(10, 8, 8, 2, 16, 0x80, 0xca, 0xb5, 0xee, 0x01) },
    ]);
    expect(appError(failureOf(full))).toMatchObject({
      kind: "busy",
      reason: "QUEUE_FULL",
      key: "error.busy",
      retryAfterMs: 2_500,
      retryable: true,
      params: { seconds: 3, message: "The queue is full." },
    });
    const wrong = wireError(Code.InvalidArgument, [
      { type: "google.rpc.BadRequest", value: bytes(10, 14, 10, 5, "title", 18, 5, "empty") },
      { type: "google.rpc.ErrorInfo", value: bytes(255) },
    ]);
    expect(appError(failureOf(wrong))).toMatchObject({
      kind: "invalid",
      params: { field: "title", description: "empty" },
      retryable: false,
    });
  });

  test("without a server are of the network", () => {
    expect(appError(failureOf(new TypeError("Failed to fetch")))).toMatchObject({ kind: "offline", retryable: true });
    expect(appError(failureOf("missing EndStreamResponse")).kind).toBe("offline");
  });

  test("each have a text key", () => {
    for (const code of Object.values(Code)) {
      if (typeof code === "string") continue;
      expect(ERROR_KEYS).toContain(appError(failureOf(wireError(code, []))).key);
    }
  });
});

describe("dates", () => {
  const now = Date.UTC(2026, 2, 15, 12, 0, 0);
  const at = (...date: [number, number, number, number?]): ConversationView => {
    const updatedAt = Date.UTC(date[0], date[1] - 1, date[2], date[3] ?? 12);
    return { id: String(updatedAt), title: "", model: "", updatedAt, running: false, pending: false, access: "owner", ownerName: "" };
  };
  const names = (items: ConversationView[], locale = "en", timeZone = "UTC"): string[] =>
    groupByDate(items, { now, locale, timeZone }).map(({ label }) => (label.kind === "key" ? label.key : label.text));

  test("have headings", () => {
    const items = [at(2026, 3, 15), at(2026, 3, 14), at(2026, 3, 9), at(2026, 2, 20), at(2026, 1, 5), at(2025, 7, 1)];
    expect(names(items)).toEqual(["group.today", "group.yesterday", "group.week", "group.month", "January", "2025"]);
    expect(names([at(2026, 1, 5), at(2025, 7, 1)], "zh-CN")).toEqual(["一月", "2025年"]);
    expect(names([at(2026, 3, 16)])).toEqual(["group.today"]);
  });

  test("are those of the reader's zone", () => {
    const item = at(2026, 3, 14, 23);
    expect(names([item], "en", "UTC")).toEqual(["group.yesterday"]);
    expect(names([item], "en", "Asia/Shanghai")).toEqual(["group.today"]);
  });
});

test("ids are UUIDs of version 7 and sort by time", () => {
  const ids = [1_000, 2_000, Date.now()].map((now) => newId(now));
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect([...ids].sort()).toEqual(ids);
  expect(newId(5)).not.toBe(newId(5));
});

test("a store tells its value at once and each change once", () => {
  const store = new Store(1);
  const seen: number[] = [];
  const stop = store.subscribe((value) => seen.push(value));
  store.set(1);
  store.set(2);
  stop();
  store.set(3);
  expect(seen).toEqual([1, 2]);
});

test("routes and addresses", () => {
  const id = "0199f0a0-0000-7000-8000-000000000001";
  expect(routeOf(`/c/${id.toUpperCase()}/`)).toEqual({ name: "chat", conversationId: id });
  expect(routeOf("/c/nonsense")).toEqual({ name: "new" });
  const address = new TestAddress("/");
  const router = new PathRouter(address);
  router.go({ name: "chat", conversationId: id });
  router.go({ name: "chat", conversationId: id });
  expect(address.entries).toEqual(["/", `/c/${id}`]);
  address.back();
  expect(router.get()).toEqual({ name: "new" });
});

test("settings outlive the tab, reach other tabs, and survive nonsense", () => {
  const storage = new TestStorage();
  storage.values.set("fireside.settings", '{"theme":"purple","language":"zh","railFolded":1}');
  const [a, b] = [new StoredSettings(storage.view()), new StoredSettings(storage.view())];
  expect(a.get()).toEqual({ theme: "system", language: "zh", railFolded: false, model: "" });
  a.change({ theme: "dark" });
  expect(b.get().theme).toBe("dark");
  storage.values.set("fireside.settings", "{");
  expect(new StoredSettings(storage.view()).get().theme).toBe("system");
});

test("content that grew is told from content that was replaced", () => {
  const message = (...texts: string[]) =>
    create(MessageSchema, { parts: texts.map((text) => ({ kind: { case: "text" as const, value: { text } } })) });
  expect(extendsMessage(message(), message("a"))).toBe(true);
  expect(extendsMessage(message("a"), message("ab", "c"))).toBe(true);
  expect(extendsMessage(message("ab"), message("a"))).toBe(false);
  expect(extendsMessage(message("a", "b"), message("ax", "b"))).toBe(false);
  expect(extendsMessage(message("a", "b"), message("a"))).toBe(false);
});

test("the connection is spoken of only when it is bad for longer than a hiccup", async () => {
  const clock = new TestClock();
  const live = new LiveClient();
  live.link.set({ kind: "live" });
  const connection = new ConnectionStatus(live, clock);
  const waiting = (network: boolean, ms: number) => ({
    kind: "waiting" as const,
    retryAt: clock.now() + ms,
    attempt: 1,
    failure: { code: Code.Unavailable, network, reason: "", message: "", retryAfterMs: 0, violations: [] },
  });
  live.link.set(waiting(true, 500));
  await clock.pass(500);
  live.link.set({ kind: "live" });
  await clock.pass(2_000);
  expect(connection.get()).toEqual({ kind: "fine" });
  live.link.set(waiting(true, 5_000));
  expect(connection.get()).toEqual({ kind: "fine" });
  await clock.pass(1_200);
  expect(connection.get()).toEqual({ kind: "waiting", seconds: 4 });
  await clock.pass(1_000);
  expect(connection.get()).toEqual({ kind: "waiting", seconds: 3 });
  live.link.set(waiting(false, 2_000));
  expect(connection.get()).toEqual({ kind: "restarting", seconds: 2 });
  live.link.set({ kind: "offline", retryAt: 0 });
  expect(connection.get()).toEqual({ kind: "offline" });
  live.link.set({ kind: "live" });
  expect(connection.get()).toEqual({ kind: "fine" });
});

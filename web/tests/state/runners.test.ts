// The runners as the settings screen looks after them, over the service in memory.
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { ModelAliasSchema, RunnerKind, RunnerSource, RunnerSpecSchema } from "../../src/gen/fireside/v1/runner_pb.ts";
import { draftOf, fieldErrors, freeName, mistakesIn, newDraft, specOf } from "../../src/state/runner-form.ts";
import type { RunnerDraft, Runners, RunnerView } from "../../src/state/runner-types.ts";
import { Browser, Tab } from "./browser.ts";
import { TestServer } from "./server.ts";
import { settle, until } from "./time.ts";

describe("a form", () => {
  const draft = newDraft("ollama", ["ollama"]);

  test("starts with a free name and the usual address", () => {
    expect(draft).toMatchObject({ name: "ollama-2", addresses: "http://localhost:11434", etag: "", secretChange: "set" });
    expect(freeName("worker", ["ollama"])).toBe("worker");
    expect(mistakesIn(draft)).toEqual({});
  });

  test("holds all that a spec can say", () => {
    const spec = create(RunnerSpecSchema, {
      name: "box",
      kind: RunnerKind.WORKER,
      displayName: "The box",
      addresses: ["grpc://a:1", "grpc://b:1"],
      disabled: true,
      models: ["m1", "m2"],
      timeouts: { connect: durationFromMs(2_500), total: durationFromMs(600_000) },
      limits: { concurrency: 0, queueLength: 8, queueWait: durationFromMs(30_000) },
      fallback: true,
    });
    const shown = draftOf(spec, "e1");
    expect(shown).toMatchObject({ connect: "2.5", total: "600", concurrency: "0", queueLength: "8", firstToken: "" });
    expect(create(RunnerSpecSchema, specOf(shown))).toEqual(spec);
  });

  test("leaves out what nobody typed", () => {
    const spec = create(RunnerSpecSchema, specOf({ ...draft, addresses: " http://a \n\n", models: "", keepAlive: "5m" }));
    expect(spec).toMatchObject({ addresses: ["http://a"], models: [], keepAlive: "5m" });
    expect(spec.timeouts).toBeUndefined();
    expect(spec.limits).toBeUndefined();
  });

  test("sees what is wrong before it is sent", () => {
    const wrong = { ...draft, name: "Big Box", addresses: " ", connect: "soon", total: "-1", concurrency: "1.5" };
    expect(Object.keys(mistakesIn(wrong))).toEqual(["name", "addresses", "connect", "total", "concurrency"]);
  });

  test("shows the server's complaints at their fields", () => {
    const at = (field: string) => Object.keys(fieldErrors([{ field, description: "no" }]));
    expect(at("spec.addresses[0]")).toEqual(["addresses"]);
    expect(at("spec.timeouts.first_token")).toEqual(["firstToken"]);
    expect(at("spec.displayName")).toEqual(["displayName"]);
    expect(at("alias.targets[2]")).toEqual(["targets"]);
    expect(at("spec")).toEqual([]);
  });
});

let server: TestServer;
let browser: Browser;
let tab: Tab;
let runners: Runners;
let leave: () => void;

beforeEach(async () => {
  server = new TestServer();
  browser = new Browser(server);
  server.runners.add("built", { source: RunnerSource.BUILT_IN });
  server.runners.add("one");
  server.runners.add("two");
  tab = await browser.open();
  runners = await tab.app.state.runners();
  leave = runners.watch();
  await until(() => runners.get().phase === "ready", "the runners");
});

afterEach(() => {
  leave();
  browser.close();
});

const names = (): string[] => runners.get().runners.map(({ name }) => name);
const reads = (): number => server.calls.filter((call) => call === "listRunners").length;

function runner(name: string): RunnerView {
  const found = runners.get().runners.find((view) => view.name === name);
  if (found === undefined) throw new Error(`no runner ${name}`);
  return found;
}

function draft(change: Partial<RunnerDraft> = {}): RunnerDraft {
  return { ...newDraft("openai", names()), ...change };
}

describe("the list", () => {
  test("is in the server's order and says what can be changed", () => {
    expect(names()).toEqual(["built", "one", "two"]);
    expect(runners.get().runners.map(({ editable }) => editable)).toEqual([false, true, true]);
    expect(runner("one")).toMatchObject({ kind: "ollama", health: "ok", modelCount: 1, hasSecret: false });
  });

  test("is read every few seconds, but only while somebody looks", async () => {
    const before = reads();
    await browser.clock.pass(8_500);
    expect(reads()).toBe(before + 2);
    leave();
    await browser.clock.pass(60_000);
    server.announce({ case: "modelsChanged", value: { $typeName: "fireside.v1.ModelsChanged" } });
    await settle();
    expect(reads()).toBe(before + 2);
  });

  test("is read at once when the models changed", async () => {
    server.runners.add("three");
    server.announce({ case: "modelsChanged", value: { $typeName: "fireside.v1.ModelsChanged" } });
    await until(() => names().includes("three"), "the new runner");
  });

  test("stays when the server is away for a while", async () => {
    server.down = true;
    await browser.clock.pass(30_000);
    expect(names()).toEqual(["built", "one", "two"]);
    server.down = false;
    server.runners.add("three");
    await browser.clock.pass(30_000);
    expect(names()).toContain("three");
  });

  test("says when it cannot be read at all", async () => {
    server.refuse("listRunners", Code.PermissionDenied);
    const other = await browser.open();
    const theirs = await other.app.state.runners();
    const away = theirs.watch();
    await until(() => theirs.get().phase === "failed", "the failure");
    expect(theirs.get().error).toMatchObject({ kind: "denied" });
    away();
  });
});

describe("a runner", () => {
  test("is added with its secret, which does not come back", async () => {
    const outcome = await runners.save(draft({ name: "cloud", secret: " sk-1 ", displayName: "Cloud" }));
    expect(outcome).toMatchObject({ ok: true });
    expect(server.runners.secrets.get("cloud")).toBe("sk-1");
    expect(names().at(-1)).toBe("cloud");
    expect(runner("cloud")).toMatchObject({ title: "Cloud", hasSecret: true, draft: { secret: "", secretChange: "keep" } });
  });

  test("is not added under a name that is taken", async () => {
    expect(await runners.save(draft({ name: "one" }))).toMatchObject({ ok: false, error: null, fields: { name: {} } });
  });

  test("is not sent while something is plainly wrong", async () => {
    const outcome = await runners.save(draft({ addresses: "" }));
    expect(outcome.fields).toHaveProperty("addresses");
    expect(server.calls).not.toContain("createRunner");
  });

  test("keeps its secret, gets another or loses it", async () => {
    await runners.save(draft({ name: "cloud", secret: "sk-1" }));
    for (const [change, secret, kept] of [["keep", "", "sk-1"], ["set", "sk-2", "sk-2"], ["remove", "", ""]] as const) {
      expect(await runners.save({ ...runner("cloud").draft, secretChange: change, secret })).toMatchObject({ ok: true });
      expect(server.runners.secrets.get("cloud")).toBe(kept);
    }
    expect(runner("cloud").hasSecret).toBe(false);
  });

  test("that was changed elsewhere is not overwritten", async () => {
    const mine = runner("one").draft;
    server.runners.change(create(RunnerSpecSchema, specOf({ ...mine, displayName: "Theirs" })), undefined, "");
    expect(await runners.save({ ...mine, displayName: "Mine" })).toMatchObject({ ok: false, stale: true });
    await until(() => runner("one").title === "Theirs", "their change");
  });

  test("says which field the server refuses", async () => {
    const text = (field: number, value: string): number[] => [field, value.length, ...Buffer.from(value)];
    const violation = [...text(10, "spec.addresses[0]"), ...text(18, "no host")];
    server.refuse("updateRunner", Code.InvalidArgument, "no", (error: ConnectError) => {
      error.details = [{ type: "google.rpc.BadRequest", value: Uint8Array.from([10, violation.length, ...violation]) }];
    });
    const outcome = await runners.save({ ...runner("one").draft, addresses: "http://" });
    expect(outcome).toMatchObject({ error: null, fields: { addresses: { message: "no host" } } });
  });

  test("is tried with the stored secret, or with the one that is typed", async () => {
    const signal = new AbortController().signal;
    await runners.save(draft({ name: "cloud", secret: "sk-1" }));
    const outcome = await runners.test(runner("cloud").draft, signal);
    expect(outcome).toMatchObject({ ok: true, status: { health: "ok" }, models: [{ id: "cloud/m" }] });
    await runners.test({ ...runner("cloud").draft, secretChange: "set", secret: "sk-2" }, signal);
    expect(server.runners.tested.map(({ secret }) => secret)).toEqual([undefined, "sk-2"]);
  });

  test("is switched at once, and back and forth", async () => {
    runners.switch("one", false);
    expect(runner("one")).toMatchObject({ disabled: true, pending: true });
    runners.switch("one", true);
    runners.switch("one", false);
    await until(() => !runner("one").pending, "the changes");
    await settle();
    expect(runner("one").disabled).toBe(true);
    expect(server.runners.find("one").spec?.disabled).toBe(true);
    expect(tab.app.state.notices.get()).toEqual([]);
  });

  test("that cannot be switched shows as it is, with a notice", async () => {
    server.refuse("updateRunner", Code.PermissionDenied);
    runners.switch("one", false);
    await until(() => !runner("one").disabled, "the truth");
    expect(tab.app.state.notices.get()).toMatchObject([{ action: "notice.runner.switch" }]);
  });

  test("moves at once; what is read meanwhile does not undo that", async () => {
    const open = server.hold("orderRunners");
    runners.move("two", 0);
    expect(names()).toEqual(["two", "built", "one"]);
    await browser.clock.pass(10_000);
    expect(names()).toEqual(["two", "built", "one"]);
    open();
    await until(() => server.runners.names[0] === "two", "the order");
    await settle();
    expect(names()).toEqual(["two", "built", "one"]);
    runners.move("two", 0);
    expect(server.calls.filter((call) => call === "orderRunners")).toHaveLength(1);
  });

  test("moves past the one for tests, which is not shown and stays where it is", async () => {
    server.runners.add("scripted", { source: RunnerSource.BUILT_IN });
    server.runners.add("three");
    server.runners.runners = ["built", "scripted", "one", "two", "three"].map((name) => server.runners.find(name));
    server.announce({ case: "modelsChanged", value: { $typeName: "fireside.v1.ModelsChanged" } });
    await until(() => names().includes("three"), "the new runners");
    expect(names()).toEqual(["built", "one", "two", "three"]);
    runners.move("two", 1);
    expect(names()).toEqual(["built", "two", "one", "three"]);
    await until(() => server.runners.names[2] === "two", "the order");
    expect(server.runners.names).toEqual(["built", "scripted", "two", "one", "three"]);
    runners.move("two", 1);
    expect(server.calls.filter((call) => call === "orderRunners")).toHaveLength(1);
  });

  test("is gone at once, and back when that failed", async () => {
    runners.remove("one");
    expect(names()).toEqual(["built", "two"]);
    await until(() => server.runners.names.length === 2, "the deletion");
    server.refuse("deleteRunner", Code.Internal);
    runners.remove("two");
    await until(() => tab.app.state.notices.get().length === 1, "the notice");
    await until(() => names().includes("two"), "the runner");
  });

  test("lists its models", async () => {
    expect(await runners.models("one")).toMatchObject({ ok: true, models: [{ id: "one/m", loaded: true }] });
    expect(await runners.models("none")).toMatchObject({ ok: false, error: { kind: "missing" } });
  });
});

describe("a download", () => {
  test("tells its progress and its end", async () => {
    runners.pull("one", " qwen3:8b ");
    await until(() => runners.get().pulls[0]?.totalBytes === 120, "the progress");
    expect(runners.get().pulls).toMatchObject([{ model: "qwen3:8b", phase: "running", completedBytes: 30 }]);
    runners.pull("one", "qwen3:8b");
    expect(runners.get().pulls).toHaveLength(1);
    const before = reads();
    server.runners.finishPull();
    await until(() => runners.get().pulls[0]?.phase === "done", "the end");
    await until(() => reads() > before, "the list read");
  });

  test("ends when it is cancelled", async () => {
    runners.pull("one", "qwen3:8b");
    await until(() => runners.get().pulls[0]?.totalBytes === 120, "the progress");
    runners.endPull(runners.get().pulls[0]?.id ?? 0);
    expect(runners.get().pulls).toEqual([]);
    await until(() => server.runners.pullsCut === 1, "the cut");
  });
});

describe("an alias", () => {
  test("is made, changed and removed", async () => {
    expect(await runners.saveAlias(" fast ", ["one/m", " ", "two/m"], true)).toMatchObject({ ok: true });
    await until(() => runners.get().aliases.length === 1, "the alias");
    expect(runners.get().aliases).toMatchObject([{ alias: "fast", targets: ["one/m", "two/m"], editable: true }]);
    expect(await runners.saveAlias("fast", ["two/m"], true)).toMatchObject({ ok: false, fields: { alias: {} } });
    expect(await runners.saveAlias("fast", ["two/m"], false)).toMatchObject({ ok: true });
    await until(() => runners.get().aliases[0]?.targets.length === 1, "the change");
    runners.removeAlias("fast");
    expect(runners.get().aliases).toEqual([]);
    await until(() => server.runners.aliases.length === 0, "the removal");
  });

  test("needs a name and a target; one of the file stays", async () => {
    expect((await runners.saveAlias("", ["one/m"], true)).fields).toHaveProperty("alias");
    expect((await runners.saveAlias("fast", [" "], true)).fields).toHaveProperty("targets");
    server.runners.aliases.push(create(ModelAliasSchema, { alias: "set", targets: ["one/m"], source: RunnerSource.FILE }));
    runners.reload();
    await until(() => runners.get().aliases.length === 1, "the alias");
    expect(runners.get().aliases).toMatchObject([{ source: "file", editable: false }]);
  });
});

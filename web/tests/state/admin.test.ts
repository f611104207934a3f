// What the screens for admins stand on, over their services in memory.
import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, test } from "vitest";

import { AccountRole, AccountState } from "../../src/gen/fireside/v1/account_pb.ts";
import { Permission } from "../../src/gen/fireside/v1/permission_pb.ts";
import { LinkSharing, LimitsSchema, SignUpMode } from "../../src/gen/fireside/v1/policy_pb.ts";
import { create } from "@bufbuild/protobuf";
import { createAdmin } from "../../src/state/admin.ts";
import type { Admin, Outcome, Person } from "../../src/state/admin-types.ts";
import { groupDraft } from "../../src/state/groups.ts";
import { limitsDraft, limitsOf, NO_LIMITS, wrongLimit } from "../../src/state/limits-form.ts";
import { auditEvent, TestAdmin } from "./admin-service.ts";
import { certain, settle, TestClock, until } from "./time.ts";

let server: TestAdmin;
let clock: TestClock;
let admin: Admin;

beforeEach(() => {
  server = new TestAdmin();
  clock = new TestClock();
  admin = createAdmin({ transport: server.transport, clock, random: certain });
});

function value<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`refused: ${outcome.error.key}`);
  return outcome.value;
}

function failed(outcome: Outcome<unknown>) {
  if (outcome.ok) throw new Error("it was not refused");
  return { field: outcome.field, key: outcome.error.key, stale: outcome.stale };
}

const shown = (): string[] => admin.people.list.get().people.map(({ name }) => name);

async function read(): Promise<void> {
  admin.people.reload();
  await until(() => admin.people.list.get().phase === "ready", "the people");
  await until(() => admin.people.waiting.get().phase === "ready", "those who wait");
}

async function person(name: string): Promise<Person> {
  await read();
  const found = admin.people.list.get().people.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

describe("people", () => {
  test("come page by page, each once", async () => {
    for (let n = 100; n < 220; n += 1) server.add(`p${n}`);
    await read();
    expect(admin.people.list.get()).toMatchObject({ total: 120, hasMore: true });
    expect(shown()).toHaveLength(50);
    admin.people.list.loadMore();
    admin.people.list.loadMore();
    await until(() => shown().length === 100, "the second page");
    admin.people.list.loadMore();
    await until(() => shown().length === 120, "the last page");
    expect(admin.people.list.get().hasMore).toBe(false);
    expect(new Set(shown()).size).toBe(120);
  });

  test("are searched for once the typing pauses", async () => {
    for (const name of ["ann", "bob", "anna"]) server.add(name);
    await read();
    const before = server.calls;
    for (const query of ["a", "an", "ann"]) admin.people.list.search(query);
    expect(admin.people.list.get().searching).toBe(true);
    await clock.pass(200);
    await until(() => !admin.people.list.get().searching, "what was found");
    expect(shown()).toEqual(["ann", "anna"]);
    expect(server.calls).toBe(before + 1);
  });

  test("who wait are apart, and approved or refused", async () => {
    server.add("ann");
    server.add("zoe", { state: AccountState.PENDING });
    await read();
    const [waiting] = admin.people.waiting.get().people;
    expect(waiting?.name).toBe("zoe");
    if (waiting === undefined) return;
    expect(value(await admin.people.change(waiting, { state: "active" })).state).toBe("active");
    await until(() => admin.people.waiting.get().people.length === 0, "nobody waiting");
    expect(server.find("zoe").state).toBe(AccountState.ACTIVE);
  });

  test("are shown by state", async () => {
    server.add("ann");
    server.add("bob", { state: AccountState.DISABLED });
    await read();
    admin.people.list.filter("disabled");
    await until(() => !admin.people.list.get().searching, "the list");
    expect(shown()).toEqual(["bob"]);
  });

  test("get a link for their password", async () => {
    const made = await admin.people.create({ name: " Cy ", email: " cy@example.org ", role: "guest", groupIds: ["g"] });
    expect(value(made)).toBe("/welcome#t");
    expect(server.find(" cy ".trim())).toMatchObject({ name: "Cy", email: "cy@example.org", role: AccountRole.GUEST, groupIds: ["g"] });
  });

  test("are not made with what is wrong", async () => {
    server.add("ann");
    const draft = { name: "Ann", email: "ann@example.org", role: "member", groupIds: [] } as const;
    expect(failed(await admin.people.create({ ...draft, name: " " }))).toMatchObject({ field: "name", key: "people.wrong.name" });
    expect(failed(await admin.people.create({ ...draft, email: "ann" }))).toMatchObject({ field: "email", key: "people.wrong.email" });
    expect(failed(await admin.people.create(draft))).toMatchObject({ field: "email", key: "error.email.taken" });
  });

  test("changed elsewhere meanwhile are read again", async () => {
    server.add("ann");
    const ann = await person("ann");
    server.find("ann").etag = "other";
    server.find("ann").name = "anne";
    expect(failed(await admin.people.change(ann, { role: "admin" }))).toMatchObject({ stale: true });
    await until(() => shown()[0] === "anne", "what is stored");
    expect(server.find("ann").role).toBe(AccountRole.MEMBER);
  });

  test("change only in what was said", async () => {
    server.add("ann", { groupIds: ["g"] });
    value(await admin.people.change(await person("ann"), { role: "admin" }));
    expect(server.find("ann")).toMatchObject({ role: AccountRole.ADMIN, groupIds: ["g"], name: "ann" });
    value(await admin.people.change(await person("ann"), { groupIds: [] }));
    expect(server.find("ann").groupIds).toEqual([]);
  });

  test("go with the address typed once more", async () => {
    server.add("ann");
    const ann = await person("ann");
    expect((await admin.people.remove(ann, "bob@example.org")).ok).toBe(false);
    value(await admin.people.remove(ann, "ann@example.org"));
    await until(() => shown().length === 0, "nobody");
  });

  test("who cannot be read are told of, and asked for again", async () => {
    server.refusals.push(new ConnectError("no", Code.PermissionDenied));
    admin.people.list.reload();
    await until(() => admin.people.list.get().phase === "failed", "the failure");
    expect(admin.people.list.get().error?.key).toBe("error.denied");
    server.add("ann");
    admin.people.list.reload();
    await until(() => shown().length === 1, "the list");
  });

  test("of an answer that was overtaken do not show", async () => {
    server.add("ann");
    server.add("bob", { state: AccountState.DISABLED });
    await read();
    admin.people.list.filter("disabled");
    admin.people.list.filter("active");
    await settle();
    await until(() => !admin.people.list.get().searching, "the list");
    expect(shown()).toEqual(["ann"]);
  });
});

describe("invitations", () => {
  test("hold as long as chosen and can be ended", async () => {
    const made = await admin.invitations.create({ email: "", role: "member", groupIds: [], days: 7 });
    expect(value(made)).toEqual({ link: "/join#t", mailed: false });
    expect(server.lifetimes).toEqual([7n * 86_400n]);
    await until(() => admin.invitations.get().invitations.length === 1, "the invitation");
    value(await admin.invitations.remove("i0"));
    await until(() => admin.invitations.get().invitations.length === 0, "none");
  });

  test("name a right address or none", async () => {
    const draft = { email: "ann", role: "member", groupIds: [], days: 1 } as const;
    expect(failed(await admin.invitations.create(draft))).toMatchObject({ field: "email", key: "people.wrong.email" });
  });
});

describe("groups", () => {
  const draft = { ...groupDraft(null), name: " Lab ", models: "a/b\n\n c* ", permissions: ["share", "manage_runners"] } as const;

  test("are made, changed and deleted", async () => {
    const made = value(await admin.groups.save(draft));
    expect(made).toMatchObject({ name: "Lab", models: ["a/b", "c*"], permissions: ["share", "manage_runners"], limits: null });
    expect([...server.groups.values()][0]?.permissions).toEqual([Permission.SHARE, Permission.MANAGE_RUNNERS]);
    const changed = value(await admin.groups.save({ ...groupDraft(made), limits: { ...NO_LIMITS, messagesPerDay: "20" } }));
    expect(changed.limits).toEqual({ ...NO_LIMITS, messagesPerDay: "20" });
    expect(failed(await admin.groups.save(draft))).toMatchObject({ field: "name", key: "error.group.exists" });
    value(await admin.groups.remove(made.id));
    await until(() => admin.groups.get().groups.length === 0, "none");
  });

  test("tell what is wrong, and what is stale", async () => {
    expect(failed(await admin.groups.save({ ...draft, name: "" }))).toMatchObject({ field: "name" });
    const limits = { ...NO_LIMITS, tokensPerDay: "many" };
    expect(failed(await admin.groups.save({ ...draft, limits }))).toMatchObject({ field: "tokensPerDay", key: "limits.wrong" });
    const made = value(await admin.groups.save(draft));
    expect(failed(await admin.groups.save({ ...groupDraft(made), etag: "old" }))).toMatchObject({ stale: true });
  });

  test("have members", async () => {
    server.add("ann");
    const { id } = value(await admin.groups.save(draft));
    value(await admin.groups.addMembers(id, ["ann"]));
    const members = admin.people.members(id);
    await until(() => members.get().people.length === 1, "the member");
    await until(() => admin.groups.get().groups[0]?.memberCount === 1, "the count");
    value(await admin.groups.removeMember(id, "ann"));
    members.reload();
    await until(() => members.get().people.length === 0, "nobody");
  });
});

describe("limits", () => {
  test("are as they were typed", () => {
    const typed = { messagesPerDay: "5", tokensPerDay: "", messagesPerMinute: " 7 ", storageMegabytes: "2" };
    const limits = create(LimitsSchema, limitsOf(typed));
    expect(limits).toMatchObject({ messagesPerDay: 5n, tokensPerDay: 0n, messagesPerMinute: 7n, storageBytes: 2_000_000n });
    expect(limitsDraft(limits)).toEqual({ ...typed, messagesPerMinute: "7" });
    expect(wrongLimit(typed)).toBeNull();
    expect(wrongLimit({ ...typed, messagesPerDay: "-1" })).toBe("messagesPerDay");
  });

  test("of storage keep their bytes when nobody changed them", () => {
    const before = create(LimitsSchema, { storageBytes: 1_234_567n });
    expect(limitsOf(limitsDraft(before), before).storageBytes).toBe(1_234_567n);
  });
});

describe("the policy", () => {
  async function policy() {
    admin.policy.reload();
    await until(() => admin.policy.get().phase === "ready", "the policy");
    const shownPolicy = admin.policy.get().policy;
    if (shownPolicy === null) throw new Error("no policy");
    return shownPolicy;
  }

  test("is saved as a whole", async () => {
    const draft = await policy();
    expect(draft).toMatchObject({ signUp: "invitation", linkSharing: "accounts", sessionDays: "30" });
    const limits = { ...draft.limits, guest: { ...NO_LIMITS, messagesPerDay: "10" } };
    value(await admin.policy.save({ ...draft, signUp: "domain", domains: "@a.org, b.org", linkSharing: "anyone", limits }));
    expect(server.policy).toMatchObject({ signUp: SignUpMode.DOMAIN, domains: ["a.org", "b.org"], linkSharing: LinkSharing.ANYONE });
    expect(server.policy.limits.map(({ role }) => role)).toEqual([AccountRole.GUEST]);
    expect(admin.policy.get().policy?.etag).toBe(server.policy.etag);
  });

  test("tells what is wrong at its field", async () => {
    const draft = await policy();
    expect(failed(await admin.policy.save({ ...draft, signUp: "domain" }))).toMatchObject({ field: "domains" });
    expect(failed(await admin.policy.save({ ...draft, sessionDays: "x" }))).toMatchObject({ field: "session_days" });
    const limits = { ...draft.limits, guest: { ...NO_LIMITS, messagesPerDay: "x" } };
    expect(failed(await admin.policy.save({ ...draft, limits }))).toMatchObject({ field: "guest.messagesPerDay" });
  });

  test("changed elsewhere is shown as it is now", async () => {
    const draft = await policy();
    server.policy.sessionDays = 7;
    server.policy.etag = "p2";
    expect(failed(await admin.policy.save({ ...draft, sessionDays: "90" }))).toMatchObject({ stale: true });
    await until(() => admin.policy.get().policy?.sessionDays === "7", "what is stored");
  });
});

describe("the audit log", () => {
  beforeEach(() => {
    for (let n = 1; n <= 60; n += 1) server.events.push(auditEvent(n, n % 2 === 0 ? "session.signed_in" : "key.created", n % 3 === 0 ? "bob" : "ann"));
  });

  test("comes newest first, page by page", async () => {
    admin.audit.reload();
    await until(() => admin.audit.get().phase === "ready", "the log");
    expect(admin.audit.get().events[0]).toMatchObject({ number: 60, actor: "bob@example.org", details: [["a", "2"], ["z", "1"]] });
    admin.audit.loadMore();
    await until(() => admin.audit.get().events.length === 60, "all of it");
    expect(admin.audit.get().hasMore).toBe(false);
  });

  test("is filtered by person, action and days", async () => {
    admin.audit.filter({ actorId: "bob" });
    admin.audit.filter({ action: "session.", from: "2026-11-20", to: "2026-11-22" });
    await clock.pass(300);
    await until(() => admin.audit.get().phase === "ready", "the log");
    expect(admin.audit.get().events).toHaveLength(10);
    expect(server.auditRequests).toHaveLength(1);
    const { after, before } = server.auditRequests[0] ?? {};
    // Three whole days in the reader's zone, wherever that is.
    expect(Number(before?.seconds) - Number(after?.seconds)).toBe(3 * 86_400);
  });

  test("is exported as a file", async () => {
    const pieces = value(await admin.audit.export(new AbortController().signal));
    expect(pieces.map((piece) => new TextDecoder().decode(piece)).join("").split("\n")).toHaveLength(61);
  });
});

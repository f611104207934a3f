// The services for admins in memory: accounts by name with pages and etags, groups, invitations, the policy, the log.

import { clone, create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport, type ConnectRouter, type Transport } from "@connectrpc/connect";

import { AccountRole, AccountSchema, AccountState, type Account } from "../../src/gen/fireside/v1/account_pb.ts";
import { AuditEventSchema, type AuditEvent } from "../../src/gen/fireside/v1/audit_pb.ts";
import { AuditService, type ListAuditEventsRequest } from "../../src/gen/fireside/v1/audit_service_pb.ts";
import { GroupSchema, type Group } from "../../src/gen/fireside/v1/group_pb.ts";
import { GroupService } from "../../src/gen/fireside/v1/group_service_pb.ts";
import { InvitationSchema, type Invitation } from "../../src/gen/fireside/v1/invitation_pb.ts";
import { PeopleService } from "../../src/gen/fireside/v1/people_service_pb.ts";
import { LinkSharing, PolicySchema, SignUpMode, type Policy } from "../../src/gen/fireside/v1/policy_pb.ts";
import { PolicyService } from "../../src/gen/fireside/v1/policy_service_pb.ts";
import { refusal } from "./auth-service.ts";

export class TestAdmin {
  readonly accounts = new Map<string, Account>();
  readonly groups = new Map<string, Group>();
  readonly invitations: Invitation[] = [];
  readonly events: AuditEvent[] = [];
  readonly lifetimes: bigint[] = [];
  readonly auditRequests: ListAuditEventsRequest[] = [];
  policy: Policy = create(PolicySchema, {
    signUp: SignUpMode.INVITATION, defaultRole: AccountRole.MEMBER, linkSharing: LinkSharing.ACCOUNTS, sessionDays: 30, etag: "p1",
  });
  /** The next calls fail with these. */
  readonly refusals: ConnectError[] = [];
  calls = 0;
  readonly transport: Transport;
  #revision = 0;

  constructor() {
    this.transport = createRouterTransport((router) => {
      servePeople(router, this);
      serveGroups(router, this);
      serveRest(router, this);
    });
  }

  add(id: string, init: Partial<Omit<Account, "$typeName">> = {}): Account {
    const account = create(AccountSchema, {
      id, name: id, email: `${id}@example.org`, role: AccountRole.MEMBER, state: AccountState.ACTIVE, etag: this.etag(), ...init,
    });
    this.accounts.set(id, account);
    return account;
  }

  /** Notes a call; fails it if the test wants that. */
  take(): void {
    this.calls += 1;
    const error = this.refusals.shift();
    if (error !== undefined) throw error;
  }

  find(id: string): Account {
    const found = this.accounts.get(id);
    if (found === undefined) throw new ConnectError("nobody", Code.NotFound);
    return found;
  }

  etag(): string {
    this.#revision += 1;
    return `e${this.#revision}`;
  }
}

function servePeople(router: ConnectRouter, book: TestAdmin): void {
  router.service(PeopleService, {
    listAccounts: ({ query, state, groupId, pageSize, pageToken }) => {
      book.take();
      const all = [...book.accounts.values()]
        .filter((one) => `${one.name} ${one.email}`.toLowerCase().includes(query.toLowerCase()))
        .filter((one) => state === AccountState.UNSPECIFIED || one.state === state)
        .filter((one) => groupId === "" || one.groupIds.includes(groupId))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const from = Number(pageToken || "0");
      const to = from + pageSize;
      return { accounts: all.slice(from, to), total: all.length, nextPageToken: to < all.length ? String(to) : "" };
    },
    createAccount: (request) => {
      book.take();
      if ([...book.accounts.values()].some(({ email }) => email === request.email)) throw refusal(Code.AlreadyExists, "EMAIL_TAKEN");
      const { name, email, role, groupIds } = request;
      return { account: book.add(name.toLowerCase(), { name, email, role, groupIds }), link: "/welcome#t" };
    },
    updateAccount: ({ accountId, name, role, state, groups, etag }) => {
      book.take();
      const account = book.find(accountId);
      if (etag !== account.etag) throw new ConnectError("stale", Code.Aborted);
      Object.assign(account, {
        name: name ?? account.name, role: role ?? account.role, state: state ?? account.state,
        groupIds: groups?.groupIds ?? account.groupIds, etag: book.etag(),
      });
      return { account: clone(AccountSchema, account) };
    },
    removeAccount: ({ accountId, email }) => {
      book.take();
      if (book.find(accountId).email !== email) throw new ConnectError("another", Code.InvalidArgument);
      book.accounts.delete(accountId);
      return {};
    },
    createPasswordLink: () => ({ link: "/reset#t" }),
    signOutAccount: () => ({}),
    removeSecondFactors: ({ accountId }) => {
      book.find(accountId).hasSecondFactor = false;
      return {};
    },
    createInvitation: ({ email, role, lifetime }) => {
      book.take();
      book.lifetimes.push(lifetime?.seconds ?? 0n);
      const invitation = create(InvitationSchema, { id: `i${book.invitations.length}`, email, role, invitedBy: "Ann" });
      book.invitations.unshift(invitation);
      return { invitation, link: "/join#t" };
    },
    listInvitations: () => ({ invitations: book.invitations }),
    deleteInvitation: ({ invitationId }) => {
      const at = book.invitations.findIndex(({ id }) => id === invitationId);
      if (at < 0) throw new ConnectError("gone", Code.NotFound);
      book.invitations.splice(at, 1);
      return {};
    },
  });
}

function serveGroups(router: ConnectRouter, book: TestAdmin): void {
  const withCount = (group: Group): Group => ({
    ...clone(GroupSchema, group),
    memberCount: [...book.accounts.values()].filter(({ groupIds }) => groupIds.includes(group.id)).length,
  });
  router.service(GroupService, {
    listGroups: () => ({ groups: [...book.groups.values()].map(withCount) }),
    createGroup: ({ group }) => {
      if (group === undefined) throw new ConnectError("none", Code.InvalidArgument);
      if ([...book.groups.values()].some(({ name }) => name === group.name)) throw refusal(Code.AlreadyExists, "GROUP_EXISTS");
      const made = { ...group, id: `g${book.groups.size}`, etag: book.etag() };
      book.groups.set(made.id, made);
      return { group: made };
    },
    updateGroup: ({ group }) => {
      const known = book.groups.get(group?.id ?? "");
      if (group === undefined || known === undefined) throw new ConnectError("none", Code.NotFound);
      if (group.etag !== known.etag) throw new ConnectError("stale", Code.Aborted);
      const changed = { ...group, etag: book.etag() };
      book.groups.set(group.id, changed);
      return { group: changed };
    },
    deleteGroup: ({ groupId }) => {
      book.groups.delete(groupId);
      return {};
    },
    addMembers: ({ groupId, accountIds }) => {
      for (const id of accountIds) book.find(id).groupIds.push(groupId);
      return {};
    },
    removeMembers: ({ groupId, accountIds }) => {
      for (const id of accountIds) book.find(id).groupIds = book.find(id).groupIds.filter((other) => other !== groupId);
      return {};
    },
  });
}

function serveRest(router: ConnectRouter, book: TestAdmin): void {
  router.service(PolicyService, {
    getPolicy: () => ({ policy: book.policy }),
    updatePolicy: ({ policy }) => {
      book.take();
      if (policy?.etag !== book.policy.etag) throw new ConnectError("stale", Code.Aborted);
      book.policy = { ...clone(PolicySchema, policy), etag: book.etag() };
      return { policy: book.policy };
    },
    getUsage: () => ({}),
  });
  router.service(AuditService, {
    listAuditEvents: (request) => {
      book.take();
      book.auditRequests.push(request);
      const all = book.events.filter(({ action, actorId }) => action.startsWith(request.action) && (request.actorId === "" || actorId === request.actorId)).reverse();
      const from = Number(request.pageToken || "0");
      const to = from + request.pageSize;
      return { events: all.slice(from, to), nextPageToken: to < all.length ? String(to) : "" };
    },
    async *exportAuditEvents() {
      for (const { number } of book.events) yield { data: new TextEncoder().encode(`{"number":${number}}\n`) };
    },
  });
}

export function auditEvent(number: number, action: string, actorId = "ann"): AuditEvent {
  return create(AuditEventSchema, {
    number: BigInt(number), action, actorId, actorEmail: `${actorId}@example.org`, succeeded: true,
    time: timestampFromMs(Date.UTC(2026, 10, 22, 12, 0, number)), details: { z: "1", a: "2" },
  });
}

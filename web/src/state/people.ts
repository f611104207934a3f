// The accounts of a server in its admins' hands: lists that are read page by page, and what can be done with one.

import type { Client } from "@connectrpc/connect";
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";

import { AccountState, type Account } from "../gen/fireside/v1/account_pb.ts";
import type { PeopleService } from "../gen/fireside/v1/people_service_pb.ts";
import type { Clock } from "../rpc/clock.ts";
import { mistake, refused, type Caller } from "./admin-calls.ts";
import type {
  AccountStateName,
  NewPerson,
  Outcome,
  People,
  PeopleList,
  PeopleState,
  Person,
  PersonChange,
} from "./admin-types.ts";
import { appError } from "./errors.ts";
import { newId } from "./ids.ts";
import { roleName, roleNumber } from "./permissions.ts";
import { Store } from "./store.ts";

export type PeopleApi = Client<typeof PeopleService>;

const STATES: Record<AccountStateName, AccountState> = {
  active: AccountState.ACTIVE,
  pending: AccountState.PENDING,
  disabled: AccountState.DISABLED,
};

const PAGE = 50;
const TYPING_MS = 200;
const EMAIL = /^[^@ ]{1,64}@[^@ ]{1,190}$/;

export function timeOf(time: Timestamp | undefined): number | null {
  return time === undefined ? null : timestampMs(time);
}

export function personOf(account: Account): Person {
  const state = (["active", "pending"] as const).find((name) => STATES[name] === account.state) ?? "disabled";
  return {
    id: account.id,
    email: account.email,
    name: account.name,
    role: roleName(account.role),
    state,
    groupIds: account.groupIds,
    hasPassword: account.hasPassword,
    hasSecondFactor: account.hasSecondFactor,
    createdAt: timeOf(account.createTime),
    lastUsedAt: timeOf(account.lastUseTime),
    provider: account.provider,
    etag: account.etag,
  };
}

export interface PeopleOptions {
  readonly api: PeopleApi;
  readonly caller: Caller;
  readonly clock: Clock;
}

interface Fixed {
  readonly groupId?: string;
  readonly state?: AccountStateName;
}

/** One list of accounts, read page by page. */
export class PeoplePages extends Store<PeopleState> implements PeopleList {
  #token = "";
  /** Grows with each reading from the start: what was asked for before it is stale. */
  #turn = 0;
  #cancelTyping: () => void = () => undefined;

  constructor(
    private readonly options: PeopleOptions,
    private readonly fixed: Fixed = {},
  ) {
    super({
      phase: "loading", error: null, people: [], query: "", state: fixed.state ?? "all",
      searching: false, total: 0, hasMore: false, loadingMore: false,
    });
  }

  search(query: string): void {
    if (query === this.get().query) return;
    this.update({ query, searching: true });
    this.#cancelTyping();
    this.#cancelTyping = this.options.clock.after(TYPING_MS, () => {
      this.reload();
    });
  }

  filter(state: AccountStateName | "all"): void {
    if (state === this.get().state) return;
    this.update({ state, searching: true });
    this.reload();
  }

  reload(): void {
    if (this.get().phase === "failed") this.update({ phase: "loading", error: null });
    void this.#read();
  }

  async #read(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const outcome = await this.#page("");
    if (turn !== this.#turn) return;
    if (!outcome.ok) {
      const error = appError(outcome.failure);
      this.update({ phase: "failed", error, searching: false });
      return;
    }
    const { accounts, nextPageToken, total } = outcome.value;
    this.#token = nextPageToken;
    const people = accounts.map(personOf);
    this.update({ phase: "ready", error: null, people, total, searching: false, loadingMore: false, hasMore: nextPageToken !== "" });
  }

  loadMore(): void {
    if (this.#token === "" || this.get().loadingMore) return;
    this.update({ loadingMore: true });
    const turn = this.#turn;
    void this.#page(this.#token).then((outcome) => {
      if (turn !== this.#turn) return;
      if (!outcome.ok) {
        // What is there stays; the button asks again.
        this.update({ loadingMore: false, error: appError(outcome.failure) });
        return;
      }
      const { accounts, nextPageToken, total } = outcome.value;
      this.#token = nextPageToken;
      const known = new Set(this.get().people.map(({ id }) => id));
      const people = [...this.get().people, ...accounts.map(personOf).filter(({ id }) => !known.has(id))];
      this.update({ people, total, error: null, loadingMore: false, hasMore: nextPageToken !== "" });
    });
  }

  /** Shows one as it is now, where it is shown. */
  learn(person: Person): void {
    this.update({ people: this.get().people.map((other) => (other.id === person.id ? person : other)) });
  }

  #page(pageToken: string) {
    const { query, state } = this.get();
    const { api, caller } = this.options;
    const groupId = this.fixed.groupId ?? "";
    const request = { query: query.trim(), groupId, pageSize: PAGE, pageToken, ...(state === "all" ? {} : { state: STATES[state] }) };
    return caller.read((options) => api.listAccounts(request, options));
  }
}

export class PeopleAdmin implements People {
  readonly list: PeoplePages;
  readonly waiting: PeoplePages;

  constructor(private readonly options: PeopleOptions) {
    this.list = new PeoplePages(options);
    this.waiting = new PeoplePages(options, { state: "pending" });
  }

  members(groupId: string): PeopleList {
    const pages = new PeoplePages(this.options, { groupId });
    pages.reload();
    return pages;
  }

  reload(): void {
    this.list.reload();
    this.waiting.reload();
  }

  async find(query: string): Promise<Outcome<readonly Person[]>> {
    const { api, caller } = this.options;
    const outcome = await caller.read((options) => api.listAccounts({ query: query.trim(), pageSize: 8 }, options));
    return outcome.ok ? { ok: true, value: outcome.value.accounts.map(personOf) } : refused(outcome.failure);
  }

  async create(person: NewPerson): Promise<Outcome<string>> {
    const { api, caller, clock } = this.options;
    const wrong = this.#mistake(person);
    if (wrong !== null) return wrong;
    const request = {
      name: person.name.trim(),
      email: person.email.trim(),
      role: roleNumber(person.role),
      groupIds: [...person.groupIds],
      requestId: newId(clock.now()),
    };
    const outcome = await caller.change((options) => api.createAccount(request, options), ({ link }) => link);
    if (outcome.ok) this.reload();
    return outcome;
  }

  async change(person: Person, change: PersonChange): Promise<Outcome<Person>> {
    const { api, caller } = this.options;
    const wrong = this.#mistake(change);
    if (wrong !== null) return wrong;
    const request = {
      accountId: person.id,
      etag: person.etag,
      ...(change.name === undefined ? {} : { name: change.name.trim() }),
      ...(change.email === undefined ? {} : { email: change.email.trim() }),
      ...(change.role === undefined ? {} : { role: roleNumber(change.role) }),
      ...(change.state === undefined ? {} : { state: STATES[change.state] }),
      ...(change.groupIds === undefined ? {} : { groups: { groupIds: [...change.groupIds] } }),
    };
    const call = caller.change((options) => api.updateAccount(request, options), ({ account }) => account);
    const outcome = await call;
    if (!outcome.ok) {
      if (outcome.stale) this.reload();
      return outcome;
    }
    const changed = outcome.value === undefined ? person : personOf(outcome.value);
    this.list.learn(changed);
    this.reload();
    return { ok: true, value: changed };
  }

  async remove(person: Person, email: string): Promise<Outcome<null>> {
    const { api, caller } = this.options;
    const request = { accountId: person.id, email: email.trim() };
    const outcome = await caller.change((options) => api.removeAccount(request, options), () => null);
    if (outcome.ok) this.reload();
    return outcome;
  }

  passwordLink(accountId: string): Promise<Outcome<string>> {
    const { api, caller } = this.options;
    return caller.change((options) => api.createPasswordLink({ accountId }, options), ({ link }) => link);
  }

  signOut(accountId: string): Promise<Outcome<null>> {
    const { api, caller } = this.options;
    return caller.change((options) => api.signOutAccount({ accountId }, options), () => null);
  }

  async removeSecondFactors(accountId: string): Promise<Outcome<null>> {
    const { api, caller } = this.options;
    const outcome = await caller.change((options) => api.removeSecondFactors({ accountId }, options), () => null);
    if (outcome.ok) this.reload();
    return outcome;
  }

  #mistake({ name, email }: { readonly name?: string; readonly email?: string }): Outcome<never> | null {
    if (name !== undefined && name.trim() === "") return mistake("name", "people.wrong.name");
    if (email !== undefined && !EMAIL.test(email.trim())) return mistake("email", "people.wrong.email");
    return null;
  }
}

// Who has access to one conversation, as its owner sees and changes it. Loaded with the dialog for sharing.

import { timestampFromMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";

import { ShareRole, type Share } from "../gen/fireside/v1/share_pb.ts";
import type { ShareService } from "../gen/fireside/v1/share_service_pb.ts";
import type { Clock } from "../rpc/clock.ts";
import { Caller, mistake } from "./admin-calls.ts";
import type { Outcome } from "./admin-types.ts";
import { appError } from "./errors.ts";
import { timeOf } from "./people.ts";
import type { ExpiryName, ShareRoleName, Shares, SharesState, ShareView } from "./sharing-types.ts";
import { Store } from "./store.ts";

export interface SharesOptions {
  readonly api: Client<typeof ShareService>;
  readonly clock: Clock;
  readonly random: () => number;
}

const DAY_MS = 24 * 3600 * 1000;
const DAYS: Record<ExpiryName, number> = { never: 0, day: 1, week: 7, month: 30 };
const EMAIL = /^[^@ ]{1,64}@[^@ ]{1,190}$/;

function roleNumber(role: ShareRoleName): ShareRole {
  return role === "editor" ? ShareRole.EDITOR : ShareRole.VIEWER;
}

export class ConversationShares extends Store<SharesState> implements Shares {
  readonly #caller: Caller;
  #records: readonly Share[] = [];
  readonly #pending = new Set<string>();
  /** The path of the link that was made here, by the share's id. */
  #path = { id: "", path: "" };
  #turn = 0;

  constructor(
    private readonly options: SharesOptions,
    private readonly conversationId: string,
  ) {
    super({ phase: "loading", error: null, shares: [], link: null, groups: [] });
    this.#caller = new Caller(options);
  }

  reload(): void {
    if (this.get().phase === "failed") this.update({ phase: "loading", error: null });
    void this.#read();
  }

  async #read(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const { conversationId } = this;
    const outcome = await this.#caller.read((options) => this.options.api.listShares({ conversationId }, options));
    if (turn !== this.#turn) return;
    if (!outcome.ok) {
      this.update({ phase: "failed", error: appError(outcome.failure) });
      return;
    }
    const groups = outcome.value.groups.map(({ id, name }) => ({ id, name }));
    this.#records = outcome.value.shares;
    this.#show({ phase: "ready", error: null, groups });
  }

  addPerson(email: string, role: ShareRoleName, expiry: ExpiryName): Promise<Outcome<null>> {
    const value = email.trim();
    if (!EMAIL.test(value)) return Promise.resolve(mistake("email", "share.wrong.email"));
    return this.#create({ case: "email", value }, role, this.#expireTime(expiry));
  }

  addGroup(value: string, role: ShareRoleName, expiry: ExpiryName): Promise<Outcome<null>> {
    return this.#create({ case: "groupId", value }, role, this.#expireTime(expiry));
  }

  makeLink(expiry: ExpiryName): Promise<Outcome<null>> {
    return this.#create({ case: "link", value: true }, "viewer", this.#expireTime(expiry));
  }

  setRole(id: string, role: ShareRoleName): Promise<Outcome<null>> {
    const share = this.#records.find((record) => record.id === id);
    if (share === undefined) return Promise.resolve({ ok: true, value: null });
    const recipient = share.recipient.case === "groupId"
      ? { case: "groupId" as const, value: share.recipient.value }
      : { case: "email" as const, value: share.email };
    const kept = share.expireTime === undefined ? {} : { expireTime: share.expireTime };
    return this.#marked(id, this.#create(recipient, role, kept));
  }

  end(id: string): Promise<Outcome<null>> {
    const call = this.#caller.change((options) => this.options.api.deleteShare({ shareId: id }, options), () => null);
    return this.#marked(id, this.#then(call));
  }

  #expireTime(expiry: ExpiryName): { readonly expireTime?: Timestamp } {
    const days = DAYS[expiry];
    return days === 0 ? {} : { expireTime: timestampFromMs(this.options.clock.now() + days * DAY_MS) };
  }

  #create(
    recipient: { case: "email" | "groupId"; value: string } | { case: "link"; value: true },
    role: ShareRoleName,
    expiry: { readonly expireTime?: Timestamp },
  ): Promise<Outcome<null>> {
    const { conversationId } = this;
    const request = { conversationId, recipient, role: roleNumber(role), ...expiry };
    const call = this.#caller.change(
      (options) => this.options.api.createShare(request, options),
      ({ share, link }) => {
        if (link !== "") this.#path = { id: share?.id ?? "", path: link };
        return null;
      },
    );
    return this.#then(call);
  }

  /** What changed is read before it is said to be done. */
  async #then(change: Promise<Outcome<null>>): Promise<Outcome<null>> {
    const outcome = await change;
    await this.#read();
    return outcome;
  }

  async #marked<T>(id: string, change: Promise<T>): Promise<T> {
    this.#pending.add(id);
    this.#show();
    const outcome = await change;
    this.#pending.delete(id);
    this.#show();
    return outcome;
  }

  #show(change: Partial<SharesState> = {}): void {
    const shares = this.#records.flatMap((share) => this.#view(share) ?? []);
    const record = this.#records.find(({ recipient }) => recipient.case === "link");
    const path = record !== undefined && this.#path.id === record.id ? this.#path.path : "";
    const link = record === undefined ? null : { id: record.id, expiresAt: timeOf(record.expireTime), path };
    this.update({ shares, link, ...change });
  }

  #view({ id, recipient, name, email, role, expireTime }: Share): ShareView | null {
    if (recipient.case !== "accountId" && recipient.case !== "groupId") return null;
    const kind = recipient.case === "groupId" ? "group" : "person";
    const roleName = role === ShareRole.EDITOR ? "editor" : "viewer";
    return { id, kind, name, email, role: roleName, expiresAt: timeOf(expireTime), pending: this.#pending.has(id) };
  }
}

// Who has access to something of the reader's own, a conversation or a collection, as they see and change it.

import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { CallOptions } from "@connectrpc/connect";

import { ShareRole } from "../gen/fireside/v1/share_pb.ts";
import { mistake, type Caller } from "./admin-calls.ts";
import type { Outcome } from "./admin-types.ts";
import { appError } from "./errors.ts";
import { timeOf } from "./people.ts";
import { wrongEmail } from "./refusal.ts";
import type { ExpiryName, LinkView, ShareRoleName, SharesState, ShareView } from "./sharing-types.ts";
import { Store } from "./store.ts";

/** Who is to have access, as requests say it. */
export interface Recipient {
  readonly case: "email" | "groupId";
  readonly value: string;
}

export interface Expiry {
  readonly expireTime?: Timestamp | undefined;
}

/** A share as the server has it, of whatever it is. */
export interface ShareRecord extends Expiry {
  readonly id: string;
  readonly recipient: { readonly case: "accountId" | "groupId"; readonly value: string } | { readonly case: "link" | undefined };
  readonly name: string;
  readonly email: string;
  readonly role: ShareRole;
}

export interface Listed<R> {
  readonly shares: readonly R[];
  readonly groups: readonly { readonly id: string; readonly name: string }[];
}

export abstract class ShareList<R extends ShareRecord> extends Store<SharesState> {
  protected records: readonly R[] = [];
  readonly #pending = new Set<string>();
  #turn = 0;

  constructor(protected readonly caller: Caller) {
    super({ phase: "loading", error: null, shares: [], link: null, groups: [] });
  }

  protected abstract list(options: CallOptions): Promise<Listed<R>>;

  /** Gives access, or changes what there is. */
  protected abstract give(recipient: Recipient, role: ShareRole, expiry: Expiry): Promise<Outcome<null>>;

  protected abstract remove(shareId: string, options: CallOptions): Promise<unknown>;

  /** When what is given now ends. */
  protected until(_expiry: ExpiryName): Expiry {
    return {};
  }

  /** What there is for whoever has it. */
  protected link(): LinkView | null {
    return null;
  }

  reload(): void {
    if (this.get().phase === "failed") this.update({ phase: "loading", error: null });
    void this.#read();
  }

  addPerson(email: string, role: ShareRoleName, expiry: ExpiryName = "never"): Promise<Outcome<null>> {
    const value = email.trim();
    if (wrongEmail(value) !== "") return Promise.resolve(mistake("email", "share.wrong.email"));
    return this.give({ case: "email", value }, numberOf(role), this.until(expiry));
  }

  addGroup(value: string, role: ShareRoleName, expiry: ExpiryName = "never"): Promise<Outcome<null>> {
    return this.give({ case: "groupId", value }, numberOf(role), this.until(expiry));
  }

  setRole(id: string, role: ShareRoleName): Promise<Outcome<null>> {
    const share = this.records.find((record) => record.id === id);
    if (share === undefined) return Promise.resolve({ ok: true, value: null });
    const { recipient, email, expireTime } = share;
    const who: Recipient = recipient.case === "groupId" ? { case: "groupId", value: recipient.value } : { case: "email", value: email };
    return this.#marked(id, this.give(who, numberOf(role), { expireTime }));
  }

  end(id: string): Promise<Outcome<null>> {
    return this.#marked(id, this.reread(this.caller.change((options) => this.remove(id, options), () => null)));
  }

  /** What changed is read before it is said to be done. */
  protected async reread(change: Promise<Outcome<null>>): Promise<Outcome<null>> {
    const outcome = await change;
    await this.#read();
    return outcome;
  }

  async #read(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const outcome = await this.caller.read((options) => this.list(options));
    if (turn !== this.#turn) return;
    if (!outcome.ok) {
      this.update({ phase: "failed", error: appError(outcome.failure) });
      return;
    }
    this.records = outcome.value.shares;
    this.#show({ phase: "ready", error: null, groups: outcome.value.groups.map(({ id, name }) => ({ id, name })) });
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
    this.update({ shares: this.records.flatMap((share) => this.#view(share) ?? []), link: this.link(), ...change });
  }

  #view({ id, recipient, name, email, role, expireTime }: R): ShareView | null {
    if (recipient.case !== "accountId" && recipient.case !== "groupId") return null;
    const kind = recipient.case === "groupId" ? "group" : "person";
    const roleName = role === ShareRole.EDITOR ? "editor" : "viewer";
    return { id, kind, name, email, role: roleName, expiresAt: timeOf(expireTime), pending: this.#pending.has(id) };
  }
}

function numberOf(role: ShareRoleName): ShareRole {
  return role === "editor" ? ShareRole.EDITOR : ShareRole.VIEWER;
}

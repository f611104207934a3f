// Who has access to one collection, as its owner sees and changes it.

import type { Client } from "@connectrpc/connect";

import type { CollectionShare } from "../gen/fireside/v1/collection_pb.ts";
import type { CollectionService } from "../gen/fireside/v1/collection_service_pb.ts";
import { ShareRole } from "../gen/fireside/v1/share_pb.ts";
import { mistake, type Caller } from "./admin-calls.ts";
import type { Outcome } from "./admin-types.ts";
import { appError } from "./errors.ts";
import type { CollectionShares, CollectionSharesState } from "./library-types.ts";
import { wrongEmail } from "./refusal.ts";
import type { ShareRoleName, ShareView } from "./sharing-types.ts";
import { Store } from "./store.ts";

export type CollectionApi = Client<typeof CollectionService>;

export class SharesOfCollection extends Store<CollectionSharesState> implements CollectionShares {
  #records: readonly CollectionShare[] = [];
  readonly #pending = new Set<string>();
  #turn = 0;

  constructor(
    private readonly options: { readonly api: CollectionApi; readonly caller: Caller },
    private readonly collectionId: string,
  ) {
    super({ phase: "loading", error: null, shares: [], groups: [] });
  }

  reload(): void {
    if (this.get().phase === "failed") this.update({ phase: "loading", error: null });
    void this.#read();
  }

  addPerson(email: string, role: ShareRoleName): Promise<Outcome<null>> {
    const value = email.trim();
    if (wrongEmail(value) !== "") return Promise.resolve(mistake("email", "share.wrong.email"));
    return this.#give({ case: "email", value }, role);
  }

  addGroup(value: string, role: ShareRoleName): Promise<Outcome<null>> {
    return this.#give({ case: "groupId", value }, role);
  }

  setRole(id: string, role: ShareRoleName): Promise<Outcome<null>> {
    const share = this.#records.find((record) => record.id === id);
    if (share === undefined) return Promise.resolve({ ok: true, value: null });
    const recipient = share.recipient.case === "groupId"
      ? { case: "groupId" as const, value: share.recipient.value }
      : { case: "email" as const, value: share.email };
    return this.#marked(id, this.#give(recipient, role));
  }

  end(shareId: string): Promise<Outcome<null>> {
    const { api, caller } = this.options;
    return this.#marked(shareId, this.#then(caller.change((options) => api.unshareCollection({ shareId }, options), () => null)));
  }

  #give(recipient: { case: "email" | "groupId"; value: string }, role: ShareRoleName): Promise<Outcome<null>> {
    const { collectionId } = this;
    const { api, caller } = this.options;
    const request = { collectionId, recipient, role: role === "editor" ? ShareRole.EDITOR : ShareRole.VIEWER };
    return this.#then(caller.change((options) => api.shareCollection(request, options), () => null));
  }

  async #read(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const { collectionId } = this;
    const { api, caller } = this.options;
    const outcome = await caller.read((options) => api.listCollectionShares({ collectionId }, options));
    if (turn !== this.#turn) return;
    if (!outcome.ok) {
      this.update({ phase: "failed", error: appError(outcome.failure) });
      return;
    }
    this.#records = outcome.value.shares;
    this.#show({ phase: "ready", error: null, groups: outcome.value.groups.map(({ id, name }) => ({ id, name })) });
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

  #show(change: Partial<CollectionSharesState> = {}): void {
    this.update({ shares: this.#records.map((share) => this.#view(share)), ...change });
  }

  #view({ id, recipient, name, email, role }: CollectionShare): ShareView {
    const kind = recipient.case === "groupId" ? "group" : "person";
    const roleName = role === ShareRole.EDITOR ? "editor" : "viewer";
    return { id, kind, name, email, role: roleName, expiresAt: null, pending: this.#pending.has(id) };
  }
}

// The groups of a server and who is in them, as its admins look after them.

import type { Client } from "@connectrpc/connect";

import type { Group } from "../gen/fireside/v1/group_pb.ts";
import type { GroupService } from "../gen/fireside/v1/group_service_pb.ts";
import type { Clock } from "../rpc/clock.ts";
import { mistake, type Caller } from "./admin-calls.ts";
import type { GroupDraft, Groups, GroupsState, GroupView, Outcome } from "./admin-types.ts";
import { appError } from "./errors.ts";
import { newId } from "./ids.ts";
import { limitsDraft, limitsOf, NO_LIMITS, wrongLimit } from "./limits-form.ts";
import { permissionNames, permissionNumbers } from "./permissions.ts";
import { Store } from "./store.ts";

export type GroupApi = Client<typeof GroupService>;

export interface GroupsOptions {
  readonly api: GroupApi;
  readonly caller: Caller;
  readonly clock: Clock;
}

function groupView(group: Group): GroupView {
  return {
    id: group.id,
    name: group.name,
    description: group.description,
    permissions: permissionNames(group.permissions),
    models: group.models,
    memberCount: group.memberCount,
    providerGroup: group.providerGroup,
    limits: group.limits === undefined ? null : limitsDraft(group.limits),
    etag: group.etag,
  };
}

/** What a form starts with; null for a new group. */
export function groupDraft(group: GroupView | null): GroupDraft {
  if (group === null) {
    return { id: "", name: "", description: "", permissions: [], models: "", providerGroup: "", limits: null, etag: "" };
  }
  const { id, name, description, permissions, providerGroup, limits, etag } = group;
  return { id, name, description, permissions, models: group.models.join("\n"), providerGroup, limits, etag };
}

export class GroupAdmin extends Store<GroupsState> implements Groups {
  #records: readonly Group[] = [];
  #turn = 0;

  constructor(private readonly options: GroupsOptions) {
    super({ phase: "loading", error: null, groups: [] });
  }

  reload(): void {
    if (this.get().phase === "failed") this.update({ phase: "loading", error: null });
    void this.#read();
  }

  async #read(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const { api, caller } = this.options;
    const outcome = await caller.read((options) => api.listGroups({}, options));
    if (turn !== this.#turn) return;
    if (!outcome.ok) {
      this.update({ phase: "failed", error: appError(outcome.failure) });
      return;
    }
    this.#records = outcome.value.groups;
    this.update({ phase: "ready", error: null, groups: this.#records.map(groupView) });
  }

  async save(draft: GroupDraft): Promise<Outcome<GroupView>> {
    const { api, caller, clock } = this.options;
    if (draft.name.trim() === "") return mistake("name", "groups.wrong.name");
    const wrong = draft.limits === null ? null : wrongLimit(draft.limits);
    if (wrong !== null) return mistake(wrong, "limits.wrong");
    const before = this.#records.find(({ id }) => id === draft.id)?.limits;
    const group = {
      id: draft.id,
      etag: draft.etag,
      name: draft.name.trim(),
      description: draft.description.trim(),
      permissions: permissionNumbers(draft.permissions),
      models: draft.models.split("\n").map((line) => line.trim()).filter((line) => line !== ""),
      providerGroup: draft.providerGroup.trim(),
      ...(draft.limits === null ? {} : { limits: limitsOf(draft.limits, before) }),
    };
    const requestId = newId(clock.now());
    const outcome = await caller.change(
      async (options) =>
        draft.id === "" ? (await api.createGroup({ group, requestId }, options)).group : (await api.updateGroup({ group }, options)).group,
      (saved) => saved,
    );
    if (outcome.ok || outcome.stale) this.reload();
    if (!outcome.ok) return outcome;
    const none = { ...groupDraft(null), models: [], memberCount: 0, limits: NO_LIMITS };
    return { ok: true, value: outcome.value === undefined ? none : groupView(outcome.value) };
  }

  remove(groupId: string): Promise<Outcome<null>> {
    const { api, caller } = this.options;
    return this.#then(caller.change((options) => api.deleteGroup({ groupId }, options), () => null));
  }

  addMembers(groupId: string, accountIds: readonly string[]): Promise<Outcome<null>> {
    const { api, caller } = this.options;
    const request = { groupId, accountIds: [...accountIds] };
    return this.#then(caller.change((options) => api.addMembers(request, options), () => null));
  }

  removeMember(groupId: string, accountId: string): Promise<Outcome<null>> {
    const { api, caller } = this.options;
    const request = { groupId, accountIds: [accountId] };
    return this.#then(caller.change((options) => api.removeMembers(request, options), () => null));
  }

  async #then<T>(change: Promise<Outcome<T>>): Promise<Outcome<T>> {
    const outcome = await change;
    this.reload();
    return outcome;
  }
}

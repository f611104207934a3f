// The invitations of a server that hold, as its admins make and end them.

import { durationFromMs } from "@bufbuild/protobuf/wkt";

import type { Invitation } from "../gen/fireside/v1/invitation_pb.ts";
import { mistake, type Caller } from "./admin-calls.ts";
import type { Invitations, InvitationsState, InvitationView, NewInvitation, Outcome } from "./admin-types.ts";
import { appError } from "./errors.ts";
import { timeOf, type PeopleApi } from "./people.ts";
import { roleName, roleNumber } from "./permissions.ts";
import { Store } from "./store.ts";

const DAY_MS = 24 * 3600 * 1000;
const EMAIL = /^(|[^@ ]{1,64}@[^@ ]{1,190})$/;

function invitationView(invitation: Invitation): InvitationView {
  return {
    id: invitation.id,
    email: invitation.email,
    role: roleName(invitation.role),
    groupIds: invitation.groupIds,
    invitedBy: invitation.invitedBy,
    createdAt: timeOf(invitation.createTime),
    expiresAt: timeOf(invitation.expireTime),
  };
}

export class InvitationAdmin extends Store<InvitationsState> implements Invitations {
  #turn = 0;

  constructor(
    private readonly api: PeopleApi,
    private readonly caller: Caller,
  ) {
    super({ phase: "loading", error: null, invitations: [] });
  }

  reload(): void {
    if (this.get().phase === "failed") this.update({ phase: "loading", error: null });
    void this.#read();
  }

  async #read(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const outcome = await this.caller.read((options) => this.api.listInvitations({}, options));
    if (turn !== this.#turn) return;
    if (outcome.ok) {
      this.update({ phase: "ready", error: null, invitations: outcome.value.invitations.map(invitationView) });
    } else this.update({ phase: "failed", error: appError(outcome.failure) });
  }

  async create(invitation: NewInvitation): Promise<Outcome<{ readonly link: string; readonly mailed: boolean }>> {
    const email = invitation.email.trim();
    if (!EMAIL.test(email)) return mistake("email", "people.wrong.email");
    const request = {
      email,
      role: roleNumber(invitation.role),
      groupIds: [...invitation.groupIds],
      lifetime: durationFromMs(invitation.days * DAY_MS),
    };
    const outcome = await this.caller.change(
      (options) => this.api.createInvitation(request, options),
      ({ link, mailed }) => ({ link, mailed }),
    );
    if (outcome.ok) this.reload();
    return outcome;
  }

  async remove(id: string): Promise<Outcome<null>> {
    const outcome = await this.caller.change(
      (options) => this.api.deleteInvitation({ invitationId: id }, options),
      () => null,
    );
    this.reload();
    return outcome;
  }
}

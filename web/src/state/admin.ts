// Puts the state of the screens for admins together. Fetched with the first of them.

import { createClient, type Transport } from "@connectrpc/connect";

import { AuditService } from "../gen/fireside/v1/audit_service_pb.ts";
import { GroupService } from "../gen/fireside/v1/group_service_pb.ts";
import { PeopleService } from "../gen/fireside/v1/people_service_pb.ts";
import { PolicyService } from "../gen/fireside/v1/policy_service_pb.ts";
import type { Clock } from "../rpc/clock.ts";
import { Caller } from "./admin-calls.ts";
import type { Admin } from "./admin-types.ts";
import { AuditLog } from "./audit.ts";
import { GroupAdmin } from "./groups.ts";
import { InvitationAdmin } from "./invitations.ts";
import { PeopleAdmin } from "./people.ts";
import { PolicyAdmin } from "./server-policy.ts";

export interface AdminOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: () => number;
}

export function createAdmin({ transport, clock, random }: AdminOptions): Admin {
  const caller = new Caller({ clock, random });
  const people = createClient(PeopleService, transport);
  return {
    people: new PeopleAdmin({ api: people, caller, clock }),
    invitations: new InvitationAdmin(people, caller),
    groups: new GroupAdmin({ api: createClient(GroupService, transport), caller, clock }),
    policy: new PolicyAdmin(createClient(PolicyService, transport), caller),
    audit: new AuditLog({ api: createClient(AuditService, transport), caller, clock }),
  };
}

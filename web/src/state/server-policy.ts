// What holds for the whole server, as its form shows and changes it.

import type { Client } from "@connectrpc/connect";

import { LinkSharing, SignUpMode, type Policy } from "../gen/fireside/v1/policy_pb.ts";
import type { PolicyService } from "../gen/fireside/v1/policy_service_pb.ts";
import { mistake, type Caller } from "./admin-calls.ts";
import { LINK_SHARINGS, SIGN_UPS } from "./admin-types.ts";
import type { LinkSharingName, Outcome, PolicyDraft, PolicyState, ServerPolicy, SignUpName } from "./admin-types.ts";
import { appError } from "./errors.ts";
import { hasLimits, limitsDraft, limitsOf, wrongLimit } from "./limits-form.ts";
import { roleName, roleNumber, ROLES, type RoleName } from "./permissions.ts";
import { Store } from "./store.ts";

export type PolicyApi = Client<typeof PolicyService>;

const SIGN_UP_NUMBERS: Record<SignUpName, SignUpMode> = {
  invitation: SignUpMode.INVITATION,
  domain: SignUpMode.DOMAIN,
  open: SignUpMode.OPEN,
  closed: SignUpMode.CLOSED,
};

const LINK_NUMBERS: Record<LinkSharingName, LinkSharing> = {
  off: LinkSharing.OFF,
  accounts: LinkSharing.ACCOUNTS,
  anyone: LinkSharing.ANYONE,
};

const DOMAIN = /^[A-Za-z0-9][A-Za-z0-9.-]{0,251}[A-Za-z0-9]$/;

function limitsFor(policy: Policy, role: RoleName) {
  return policy.limits.find((one) => roleName(one.role) === role)?.limits;
}

function policyDraft(policy: Policy): PolicyDraft {
  const of = (role: RoleName) => limitsDraft(limitsFor(policy, role));
  return {
    signUp: SIGN_UPS.find((name) => SIGN_UP_NUMBERS[name] === policy.signUp) ?? "invitation",
    domains: policy.domains.join("\n"),
    approveSignUps: policy.approveSignUps,
    defaultRole: roleName(policy.defaultRole),
    linkSharing: LINK_SHARINGS.find((name) => LINK_NUMBERS[name] === policy.linkSharing) ?? "off",
    sessionDays: String(policy.sessionDays),
    adminsNeedSecondFactor: policy.adminsNeedSecondFactor,
    limits: { admin: of("admin"), member: of("member"), guest: of("guest") },
    etag: policy.etag,
  };
}

function domainsOf(draft: PolicyDraft): string[] {
  return draft.domains.split(/[\s,]+/).map((domain) => domain.replace(/^@/, "")).filter((domain) => domain !== "");
}

/** What can be seen to be wrong without asking the server. */
function mistakeIn(draft: PolicyDraft): Outcome<never> | null {
  const domains = domainsOf(draft);
  if (draft.signUp === "domain" && domains.length === 0) return mistake("domains", "policy.wrong.domains");
  if (domains.some((domain) => !DOMAIN.test(domain))) return mistake("domains", "policy.wrong.domains");
  if (!/^\d{1,4}$/.test(draft.sessionDays.trim())) return mistake("session_days", "policy.wrong.days");
  for (const role of ROLES) {
    const wrong = wrongLimit(draft.limits[role]);
    if (wrong !== null) return mistake(`${role}.${wrong}`, "limits.wrong");
  }
  return null;
}

export class PolicyAdmin extends Store<PolicyState> implements ServerPolicy {
  #record: Policy | null = null;

  constructor(
    private readonly api: PolicyApi,
    private readonly caller: Caller,
  ) {
    super({ phase: "loading", error: null, policy: null });
  }

  reload(): void {
    if (this.get().phase === "failed") this.update({ phase: "loading", error: null });
    void this.caller.read((options) => this.api.getPolicy({}, options)).then((outcome) => {
      if (!outcome.ok) this.update({ phase: "failed", error: appError(outcome.failure) });
      else if (outcome.value.policy !== undefined) this.#show(outcome.value.policy);
    });
  }

  async save(draft: PolicyDraft): Promise<Outcome<null>> {
    const wrong = mistakeIn(draft);
    if (wrong !== null) return wrong;
    const record = this.#record;
    const limits = ROLES.filter((role) => hasLimits(draft.limits[role])).map((role) => ({
      role: roleNumber(role),
      limits: limitsOf(draft.limits[role], record === null ? undefined : limitsFor(record, role)),
    }));
    const policy = {
      signUp: SIGN_UP_NUMBERS[draft.signUp],
      domains: domainsOf(draft),
      approveSignUps: draft.approveSignUps,
      defaultRole: roleNumber(draft.defaultRole),
      linkSharing: LINK_NUMBERS[draft.linkSharing],
      sessionDays: Number(draft.sessionDays),
      adminsNeedSecondFactor: draft.adminsNeedSecondFactor,
      limits,
      etag: draft.etag,
    };
    const outcome = await this.caller.change(
      (options) => this.api.updatePolicy({ policy }, options),
      ({ policy: saved }) => saved,
    );
    if (!outcome.ok) {
      if (outcome.stale) this.reload();
      return outcome;
    }
    if (outcome.value !== undefined) this.#show(outcome.value);
    return { ok: true, value: null };
  }

  #show(policy: Policy): void {
    this.#record = policy;
    this.update({ phase: "ready", error: null, policy: policyDraft(policy) });
  }
}

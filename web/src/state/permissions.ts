// The names that views have for permissions and roles, and the numbers that the API has for them. Pure.

import { AccountRole } from "../gen/fireside/v1/account_pb.ts";
import { Permission } from "../gen/fireside/v1/permission_pb.ts";
import type { PermissionName, RoleName } from "./session-types.ts";

const PERMISSIONS = {
  own_account: Permission.OWN_ACCOUNT,
  chat: Permission.CHAT,
  read_models: Permission.READ_MODELS,
  share: Permission.SHARE,
  api_keys: Permission.API_KEYS,
  manage_runners: Permission.MANAGE_RUNNERS,
  manage_people: Permission.MANAGE_PEOPLE,
  manage_policy: Permission.MANAGE_POLICY,
  read_audit: Permission.READ_AUDIT,
  read_knowledge: Permission.READ_KNOWLEDGE,
  write_knowledge: Permission.WRITE_KNOWLEDGE,
} as const satisfies Record<PermissionName, Permission>;

export type { PermissionName, RoleName };

const NAMES = new Map(Object.entries(PERMISSIONS).map(([name, number]) => [number, name as PermissionName]));

/** The names of what is known; what a newer server adds is left out. */
export function permissionNames(numbers: readonly Permission[]): PermissionName[] {
  return numbers.flatMap((number) => NAMES.get(number as (typeof PERMISSIONS)[PermissionName]) ?? []);
}

export function permissionNumbers(names: readonly PermissionName[]): Permission[] {
  return names.map((name) => PERMISSIONS[name]);
}

/** What an account may do at most. */
export const ROLES = ["admin", "member", "guest"] as const satisfies readonly RoleName[];

const ROLE_NUMBERS: Record<RoleName, AccountRole> = {
  admin: AccountRole.ADMIN,
  member: AccountRole.MEMBER,
  guest: AccountRole.GUEST,
};

/** A role that is not known may do the least. */
export function roleName(role: AccountRole): RoleName {
  return ROLES.find((name) => ROLE_NUMBERS[name] === role) ?? "guest";
}

export function roleNumber(role: RoleName): AccountRole {
  return ROLE_NUMBERS[role];
}

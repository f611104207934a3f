// Which pages the settings have for who is here. Pure.

import { may, type PermissionName, type SessionState } from "./session-types.ts";
import type { SettingsPage } from "./types.ts";

const NEEDED: readonly (readonly [SettingsPage, PermissionName])[] = [
  ["account", "own_account"],
  ["models", "manage_runners"],
  ["people", "manage_people"],
  ["invitations", "manage_people"],
  ["groups", "manage_people"],
  ["server", "manage_policy"],
  ["audit", "read_audit"],
];

/** In the order in which they are listed. */
export function settingsPages(state: SessionState): readonly SettingsPage[] {
  return NEEDED.flatMap(([page, permission]) => (may(state, permission) ? [page] : []));
}

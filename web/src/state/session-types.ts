// What the views see of who is signed in. Not the keeper itself: that is session.ts.

import type { AppError, Readable } from "./types.ts";

/** What a person may do; the names of the permissions that calls declare. */
export type PermissionName =
  | "own_account"
  | "chat"
  | "read_models"
  | "share"
  | "api_keys"
  | "manage_runners"
  | "manage_people"
  | "manage_policy"
  | "read_audit"
  | "read_knowledge"
  | "write_knowledge";

export type RoleName = "admin" | "member" | "guest";

export interface AccountView {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  /** A language tag, or empty for the browser's. */
  readonly language: string;
  readonly role: RoleName;
  readonly hasPassword: boolean;
  readonly hasSecondFactor: boolean;
  /** The name of its OpenID Connect provider; empty for none. */
  readonly provider: string;
  readonly etag: string;
}

export interface ProviderView {
  readonly name: string;
  readonly label: string;
}

/**
 * `single`: the server has one account and no sign-in. `out`: nobody is signed in. `failed`: the server could not be
 * asked; it is asked again by itself.
 */
export type SessionPhase = "starting" | "failed" | "single" | "set_up" | "out" | "in";

export interface SessionState {
  readonly phase: SessionPhase;
  /** Who is signed in; null in every phase but `in`. */
  readonly account: AccountView | null;
  readonly permissions: ReadonlySet<PermissionName>;
  /** Somebody was signed in here, and what they were doing waits for them. Only in `out`. */
  readonly ended: AccountView | null;
  readonly needsSetUpToken: boolean;
  readonly signUp: "invitation" | "domain" | "open" | "closed";
  readonly providers: readonly ProviderView[];
  readonly passkeys: boolean;
  readonly mail: boolean;
  readonly linkSharing: "off" | "accounts" | "anyone";
  readonly mustAddSecondFactor: boolean;
  readonly error: AppError | null;
}

export interface Session extends Readable<SessionState> {
  /** Asks the server again who is signed in. */
  refresh(): Promise<void>;
  /** Somebody has just signed in: goes on as they, in all tabs. */
  entered(): Promise<void>;
  /** Ends the session in all tabs and forgets what this browser kept for the account. Resolves with what went wrong. */
  signOut(): Promise<AppError | null>;
  /** The account was removed: nobody is signed in any more, in all tabs. */
  gone(): void;
}

/** What only a server with accounts has. */
const OF_ACCOUNTS: readonly PermissionName[] = ["own_account", "share", "api_keys", "manage_people", "manage_policy", "read_audit"];

/** Whether the person here may do this. Alone on a server, all but what needs accounts. */
export function may(state: SessionState, permission: PermissionName): boolean {
  if (state.phase === "single") return !OF_ACCOUNTS.includes(permission);
  return state.permissions.has(permission);
}

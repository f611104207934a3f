// What the screens for those who look after a server see: snapshots and verbs, like types.ts, but loaded with them.

import type { PermissionName, RoleName } from "./permissions.ts";
import type { AppError, Readable } from "./types.ts";

export type AccountStateName = "active" | "pending" | "disabled";

/** How a change ended. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly error: AppError;
      /** The field that it is about, as the API calls it; empty for the whole. */
      readonly field: string;
      /** Somebody else changed it meanwhile; what is shown has been read again. */
      readonly stale: boolean;
    };

export type Phase = "loading" | "ready" | "failed";

// ---- people ---------------------------------------------------------------------------------------------------------

/** Somebody with an account. Times are milliseconds since 1970; null for never. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly role: RoleName;
  readonly state: AccountStateName;
  readonly groupIds: readonly string[];
  readonly hasPassword: boolean;
  readonly hasSecondFactor: boolean;
  readonly createdAt: number | null;
  readonly lastUsedAt: number | null;
  /** Where they sign in, when elsewhere; empty for here. */
  readonly provider: string;
  readonly etag: string;
}

export interface PersonChange {
  readonly name?: string;
  readonly email?: string;
  readonly role?: RoleName;
  readonly state?: AccountStateName;
  readonly groupIds?: readonly string[];
}

export interface NewPerson {
  readonly name: string;
  readonly email: string;
  readonly role: RoleName;
  readonly groupIds: readonly string[];
}

/** A list of people as far as it was read. */
export interface PeopleState {
  readonly phase: Phase;
  readonly error: AppError | null;
  readonly people: readonly Person[];
  readonly query: string;
  readonly state: AccountStateName | "all";
  /** The list for what is wanted is being fetched; what is shown is of before. */
  readonly searching: boolean;
  /** How many there are on all pages. */
  readonly total: number;
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
}

export interface PeopleList extends Readable<PeopleState> {
  search(query: string): void;
  filter(state: AccountStateName | "all"): void;
  loadMore(): void;
  reload(): void;
}

/** The accounts of the server. Verbs never throw. */
export interface People {
  readonly list: PeopleList;
  /** Those who wait for approval. */
  readonly waiting: PeopleList;
  /** A list of a group's members. */
  members(groupId: string): PeopleList;
  /** Reads both lists. */
  reload(): void;
  find(query: string): Promise<Outcome<readonly Person[]>>;
  /** Makes an account; the value is the one-time link to set its password. */
  create(person: NewPerson): Promise<Outcome<string>>;
  change(person: Person, change: PersonChange): Promise<Outcome<Person>>;
  remove(person: Person, email: string): Promise<Outcome<null>>;
  /** A one-time link to set a password. */
  passwordLink(id: string): Promise<Outcome<string>>;
  signOut(id: string): Promise<Outcome<null>>;
  removeSecondFactors(id: string): Promise<Outcome<null>>;
}

// ---- invitations ----------------------------------------------------------------------------------------------------

export interface InvitationView {
  readonly id: string;
  /** The only address that may use it; empty for any. */
  readonly email: string;
  readonly role: RoleName;
  readonly groupIds: readonly string[];
  readonly invitedBy: string;
  readonly createdAt: number | null;
  readonly expiresAt: number | null;
}

export interface NewInvitation {
  readonly email: string;
  readonly role: RoleName;
  readonly groupIds: readonly string[];
  readonly days: number;
}

export interface InvitationsState {
  readonly phase: Phase;
  readonly error: AppError | null;
  readonly invitations: readonly InvitationView[];
}

export interface Invitations extends Readable<InvitationsState> {
  reload(): void;
  create(invitation: NewInvitation): Promise<Outcome<{ readonly link: string; readonly mailed: boolean }>>;
  remove(id: string): Promise<Outcome<null>>;
}

// ---- groups ---------------------------------------------------------------------------------------------------------

/** Limits as they are typed: whole numbers; empty for none. Storage is in megabytes. */
export interface LimitsDraft {
  readonly messagesPerDay: string;
  readonly tokensPerDay: string;
  readonly messagesPerMinute: string;
  readonly storageMegabytes: string;
}

export type LimitField = keyof LimitsDraft;

export interface GroupView {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly PermissionName[];
  readonly models: readonly string[];
  readonly memberCount: number;
  readonly providerGroup: string;
  /** Null: those of the role hold. */
  readonly limits: LimitsDraft | null;
  readonly etag: string;
}

export interface GroupDraft {
  /** Empty for a new group. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly PermissionName[];
  /** One a line. */
  readonly models: string;
  readonly providerGroup: string;
  readonly limits: LimitsDraft | null;
  readonly etag: string;
}

export interface GroupsState {
  readonly phase: Phase;
  readonly error: AppError | null;
  readonly groups: readonly GroupView[];
}

export interface Groups extends Readable<GroupsState> {
  reload(): void;
  save(draft: GroupDraft): Promise<Outcome<GroupView>>;
  remove(id: string): Promise<Outcome<null>>;
  addMembers(id: string, accountIds: readonly string[]): Promise<Outcome<null>>;
  removeMember(id: string, accountId: string): Promise<Outcome<null>>;
}

// ---- policy ---------------------------------------------------------------------------------------------------------

export const SIGN_UPS = ["invitation", "domain", "open", "closed"] as const;
export type SignUpName = (typeof SIGN_UPS)[number];
export const LINK_SHARINGS = ["off", "accounts", "anyone"] as const;
export type LinkSharingName = (typeof LINK_SHARINGS)[number];

/** What holds for the whole server, as its form shows it. */
export interface PolicyDraft {
  readonly signUp: SignUpName;
  /** One a line. */
  readonly domains: string;
  readonly approveSignUps: boolean;
  readonly defaultRole: RoleName;
  readonly linkSharing: LinkSharingName;
  readonly sessionDays: string;
  readonly adminsNeedSecondFactor: boolean;
  readonly limits: Readonly<Record<RoleName, LimitsDraft>>;
  readonly etag: string;
}

export interface PolicyState {
  readonly phase: Phase;
  readonly error: AppError | null;
  readonly policy: PolicyDraft | null;
}

export interface ServerPolicy extends Readable<PolicyState> {
  reload(): void;
  save(draft: PolicyDraft): Promise<Outcome<null>>;
}

// ---- audit ----------------------------------------------------------------------------------------------------------

export interface AuditEventView {
  readonly number: number;
  readonly at: number;
  readonly action: string;
  readonly actorId: string;
  readonly actor: string;
  readonly targetId: string;
  readonly target: string;
  readonly address: string;
  readonly succeeded: boolean;
  readonly details: readonly (readonly [name: string, value: string])[];
}

export interface AuditFilter {
  /** Empty for everybody. */
  readonly actorId: string;
  /** The beginning of actions; empty for all. */
  readonly action: string;
  /** From this day on and up to that one, as `2026-11-23` in the reader's zone; empty for no bound. */
  readonly from: string;
  readonly to: string;
}

export interface AuditState {
  readonly phase: Phase;
  readonly error: AppError | null;
  readonly filter: AuditFilter;
  readonly events: readonly AuditEventView[];
  readonly searching: boolean;
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
}

export interface Audit extends Readable<AuditState> {
  filter(change: Partial<AuditFilter>): void;
  reload(): void;
  loadMore(): void;
  /** All events of the filter as lines of JSON. */
  export(signal: AbortSignal): Promise<Outcome<Uint8Array[]>>;
}

/** All of it. */
export interface Admin {
  readonly people: People;
  readonly invitations: Invitations;
  readonly groups: Groups;
  readonly policy: ServerPolicy;
  readonly audit: Audit;
}

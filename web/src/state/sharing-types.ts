// What the dialog for sharing a conversation and the page of a shared link see: loaded with them.

import type { Outcome } from "./admin-types.ts";
import type { AppError, MessageView, Readable } from "./types.ts";

export type ShareRoleName = "viewer" | "editor";
export const EXPIRIES = ["never", "day", "week", "month"] as const;
export type ExpiryName = (typeof EXPIRIES)[number];

/** Somebody, or everybody of a group, who has access. */
export interface ShareView {
  readonly id: string;
  readonly kind: "person" | "group";
  readonly name: string;
  /** A person's address; empty for a group. */
  readonly email: string;
  readonly role: ShareRoleName;
  /** Milliseconds since 1970; null for never. */
  readonly expiresAt: number | null;
  /** A change of it is on its way to the server. */
  readonly pending: boolean;
}

export interface LinkView {
  readonly id: string;
  readonly expiresAt: number | null;
  /** The link's path, as long as it is known: the server shows it once, when it is made. */
  readonly path: string;
}

export interface SharesState {
  readonly phase: "loading" | "ready" | "failed";
  readonly error: AppError | null;
  readonly shares: readonly ShareView[];
  readonly link: LinkView | null;
  /** Groups that it can be shared with. */
  readonly groups: readonly { readonly id: string; readonly name: string }[];
}

/** Who has access to one conversation. Verbs never throw. */
export interface Shares extends Readable<SharesState> {
  reload(): void;
  addPerson(email: string, role: ShareRoleName, expiry: ExpiryName): Promise<Outcome<null>>;
  addGroup(groupId: string, role: ShareRoleName, expiry: ExpiryName): Promise<Outcome<null>>;
  makeLink(expiry: ExpiryName): Promise<Outcome<null>>;
  setRole(id: string, role: ShareRoleName): Promise<Outcome<null>>;
  end(id: string): Promise<Outcome<null>>;
}

/** `ended`: there is no such link any more. `sign_in`: it is for people with an account here. */
export type SharedLinkPhase = "loading" | "ready" | "failed" | "ended" | "sign_in";

export interface SharedLinkState {
  readonly phase: SharedLinkPhase;
  readonly error: AppError | null;
  readonly title: string;
  readonly ownerName: string;
  readonly messages: readonly MessageView[];
  /** An answer is being written. */
  readonly running: boolean;
  /** What happens is seen as it happens. */
  readonly live: boolean;
}

/** What a link shows, kept up to date while somebody watches. */
export interface SharedLink extends Readable<SharedLinkState> {
  /** Reads and follows it until what it returns is called. */
  watch(): () => void;
  reload(): void;
}

// ---- who is there ----------------------------------------------------------------------------------------------------

/** Somebody else who has the conversation open now. */
export interface ViewerView {
  readonly id: string;
  readonly name: string;
  readonly writing: boolean;
}

export interface PresenceState {
  /** The shared conversation that this is about; empty for none. */
  readonly conversationId: string;
  readonly viewers: readonly ViewerView[];
}

/** Who else looks at the shared conversation on the screen, and telling them of this tab. */
export interface Presence extends Readable<PresenceState> {
  /** This shared conversation is on the screen now. */
  show(conversationId: string): void;
  /** This conversation is not on the screen any more. */
  hide(conversationId: string): void;
  /** Whether the tab can be seen. */
  visible(visible: boolean): void;
  /** A key was typed into the composer. */
  typed(): void;
  /** What was written was sent. */
  stopped(): void;
}

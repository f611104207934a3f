// What the screens of signing in and up see of the state.

import type { Refusal } from "./refusal.ts";

/** A password was right; one of these is needed besides. */
export interface SecondFactorView {
  readonly challenge: string;
  readonly totp: boolean;
  readonly recoveryCode: boolean;
  readonly passkey: boolean;
}

/** How an attempt to come in ended. `left`: the person gave it up. */
export type Entry =
  | { readonly kind: "in" }
  | { readonly kind: "second"; readonly needed: SecondFactorView }
  | { readonly kind: "pending" }
  | { readonly kind: "mail" }
  | { readonly kind: "left" }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export interface NewAccount {
  readonly name: string;
  readonly email: string;
  readonly password: string;
  readonly language: string;
}

/** An invitation: the only address that may use it (or empty), and who made it. */
export type InvitationView =
  | { readonly kind: "open"; readonly email: string; readonly invitedBy: string }
  | { readonly kind: "ended" }
  | { readonly kind: "failed"; readonly refusal: Refusal };

/** Lets the person answer with a passkey: options as JSON to the credential as JSON; null when they gave it up. */
export type AskPasskey = (optionsJson: string) => Promise<string | null>;

/** The verbs. None throws; `in` means that the session has been told. */
export interface Entrance {
  setUp(account: NewAccount, token: string): Promise<Entry>;
  signIn(email: string, password: string): Promise<Entry>;
  complete(challenge: string, factor: "totp" | "recovery", code: string): Promise<Entry>;
  /** Alone, or as second factor when there is a challenge. */
  passkey(challenge: string, ask: AskPasskey): Promise<Entry>;
  signUp(account: NewAccount, invitation: string): Promise<Entry>;
  invitation(token: string): Promise<InvitationView>;
  confirmEmail(token: string, password: string): Promise<Entry>;
  requestReset(email: string): Promise<Entry>;
  resetPassword(token: string, password: string): Promise<Entry>;
}

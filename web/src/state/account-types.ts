// What the screen of one's own account sees of the state.

import type { PermissionName } from "./session-types.ts";
import type { Refusal } from "./refusal.ts";
import type { AppError, Readable } from "./types.ts";

export interface SessionView {
  readonly id: string;
  readonly device: string;
  readonly address: string;
  readonly createdAt: number;
  readonly usedAt: number;
  readonly current: boolean;
}

export interface KeyView {
  readonly id: string;
  readonly name: string;
  readonly hint: string;
  /** What it may do; empty for all that its account may. */
  readonly scopes: readonly PermissionName[];
  readonly createdAt: number;
  /** Null for never. */
  readonly usedAt: number | null;
  readonly endsAt: number | null;
}

export interface PasskeyView {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  readonly usedAt: number | null;
}

export interface FactorsView {
  readonly totp: boolean;
  readonly codesLeft: number;
  readonly passkeys: readonly PasskeyView[];
}

export interface OwnAccountState {
  readonly phase: "loading" | "ready" | "failed";
  readonly sessions: readonly SessionView[];
  readonly keys: readonly KeyView[];
  readonly factors: FactorsView;
  readonly error: AppError | null;
}

/** How a change ended. A refusal that is null: the person would not confirm who they are, or gave it up. */
export type Done<T = undefined> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal | null };

export interface ProfileDraft {
  readonly name: string;
  readonly email: string;
  readonly language: string;
}

export interface KeyDraft {
  readonly name: string;
  /** Null for all that the account may. */
  readonly scopes: readonly PermissionName[] | null;
  /** Null for never. */
  readonly days: number | null;
}

export interface TotpView {
  readonly secret: string;
  /** An image: not to be put into the page as it is. */
  readonly qrSvg: string;
}

/** Lets the device make a passkey: options as JSON to the credential as JSON; null when the person gave it up. */
export type MakePasskey = (optionsJson: string) => Promise<string | null>;

export interface OwnAccount extends Readable<OwnAccountState> {
  reload(): void;
  /** Says once more who it is. */
  confirmPassword(password: string): Promise<Done>;
  saveProfile(draft: ProfileDraft): Promise<Done>;
  changePassword(current: string, next: string): Promise<Done>;
  revokeSession(id: string): Promise<Done>;
  /** How many sessions ended. */
  revokeOthers(): Promise<Done<number>>;
  /** The key itself, this once. */
  createKey(draft: KeyDraft): Promise<Done<string>>;
  deleteKey(id: string): Promise<Done>;
  beginTotp(): Promise<Done<TotpView>>;
  /** The recovery codes, this once. */
  confirmTotp(code: string): Promise<Done<readonly string[]>>;
  removeTotp(): Promise<Done>;
  renewCodes(): Promise<Done<readonly string[]>>;
  addPasskey(name: string, make: MakePasskey): Promise<Done>;
  removePasskey(id: string): Promise<Done>;
  /** Hands each piece of the archive to `took` as it comes. */
  exportAll(took: (piece: Uint8Array) => void, signal: AbortSignal): Promise<Done>;
  deleteAccount(email: string): Promise<Done>;
}

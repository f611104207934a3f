// One's own account as its settings screen looks after it: where it is signed in, its keys, what opens it. Loaded with
// that screen; who is signed in at all is session.ts.

import { timestampFromMs, timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import { createClient, type CallOptions, type Client, type Transport } from "@connectrpc/connect";

import { AccountService } from "../gen/fireside/v1/account_service_pb.ts";
import type { SecondFactors } from "../gen/fireside/v1/second_factor_pb.ts";
import type { ApiKey, Session as SessionRecord } from "../gen/fireside/v1/session_pb.ts";
import { calling, type Outcome } from "../rpc/api.ts";
import type { Clock } from "../rpc/clock.ts";
import { failureOf, type Failure } from "../rpc/failure.ts";
import type {
  Done, FactorsView, KeyDraft, KeyView, MakePasskey, OwnAccount, OwnAccountState, ProfileDraft, SessionView, TotpView,
} from "./account-types.ts";
import { NOT_CONFIRMED, type Confirmations } from "./confirm.ts";
import { appError } from "./errors.ts";
import { permissionNames, permissionNumbers } from "./permissions.ts";
import { mistaken, refusalOf, wrongEmail, wrongName, wrongPassword, type Refusal, type RefusalRules } from "./refusal.ts";
import type { Session } from "./session-types.ts";
import { Store } from "./store.ts";

export interface OwnAccountOptions {
  readonly transport: Transport;
  readonly session: Session;
  readonly confirm: Confirmations;
  readonly clock: Clock;
  readonly random: () => number;
}

const RULES: RefusalRules = {
  reasons: {
    EMAIL_TAKEN: ["email", "account.wrong.taken"],
    PASSWORD_WRONG: ["currentPassword", "account.wrong.password"],
    CODE_WRONG: ["code", "account.wrong.code"],
    PASSKEY_WRONG: ["", "account.wrong.passkey"],
    PASSKEYS_MISSING: ["", "account.wrong.missing"],
    LAST_ADMIN: ["", "account.wrong.lastAdmin"],
  },
};

const DAY_MS = 24 * 3_600_000;

const DONE = { ok: true, value: undefined } as const;
const NO_FACTORS: FactorsView = { totp: false, codesLeft: 0, passkeys: [] };

export class AccountDesk extends Store<OwnAccountState> implements OwnAccount {
  readonly #api: Client<typeof AccountService>;
  #turn = 0;

  constructor(private readonly options: OwnAccountOptions) {
    super({ phase: "loading", sessions: [], keys: [], factors: NO_FACTORS, error: null });
    this.#api = createClient(AccountService, options.transport);
  }

  // ---- reading ----

  reload(): void {
    this.#turn += 1;
    if (this.get().phase === "failed") this.update({ phase: "loading", error: null });
    void this.#read(this.#turn);
  }

  async #read(turn: number): Promise<void> {
    const [sessions, keys, factors] = await Promise.all([
      calling((options) => this.#api.listSessions({}, options), this.options),
      calling((options) => this.#api.listApiKeys({}, options), this.options),
      calling((options) => this.#api.getSecondFactors({}, options), this.options),
    ]);
    if (turn !== this.#turn) return;
    if (sessions.ok && keys.ok && factors.ok) {
      this.set({
        phase: "ready",
        sessions: sessions.value.sessions.map(sessionView),
        keys: keys.value.apiKeys.map(keyView),
        factors: factorsView(factors.value.secondFactors),
        error: null,
      });
      return;
    }
    const failed = [sessions, keys, factors].find((outcome) => !outcome.ok);
    if (failed === undefined || failed.ok || this.get().phase === "ready") return;
    this.update({ phase: "failed", error: appError(failed.failure) });
  }

  // ---- profile and password ----

  async confirmPassword(password: string): Promise<Done> {
    const wrong = mistaken({ currentPassword: password === "" ? "field.wrong.password.empty" : "" });
    if (wrong !== null) return { ok: false, refusal: wrong };
    return this.#done(await this.#once((options) => this.#api.confirmPassword({ password }, options)), () => undefined);
  }

  async saveProfile({ name, email, language }: ProfileDraft): Promise<Done> {
    const { account } = this.options.session.get();
    const wrong = mistaken({ name: wrongName(name), email: wrongEmail(email) });
    if (account === null || wrong !== null) return { ok: false, refusal: wrong };
    const change = {
      ...(name.trim() === account.name ? {} : { name: name.trim() }),
      ...(email.trim() === account.email ? {} : { email: email.trim() }),
      ...(language === account.language ? {} : { language }),
    };
    if (Object.keys(change).length === 0) return DONE;
    const outcome = await this.#prove((options) => this.#api.updateProfile({ ...change, etag: account.etag }, options));
    await this.options.session.refresh();
    return this.#done(outcome, () => undefined);
  }

  async changePassword(current: string, next: string): Promise<Done> {
    const has = this.options.session.get().account?.hasPassword === true;
    const wrong = mistaken({
      currentPassword: has && current === "" ? "field.wrong.password.empty" : "",
      newPassword: wrongPassword(next),
    });
    if (wrong !== null) return { ok: false, refusal: wrong };
    const request = { currentPassword: current, newPassword: next };
    const outcome = await this.#prove((options) => this.#api.changePassword(request, options));
    if (outcome.ok) await this.#changed();
    return this.#done(outcome, () => undefined);
  }

  // ---- sessions and keys ----

  async revokeSession(sessionId: string): Promise<Done> {
    const outcome = await this.#prove((options) => this.#api.revokeSession({ sessionId }, options));
    this.reload();
    return this.#done(outcome, () => undefined);
  }

  async revokeOthers(): Promise<Done<number>> {
    const outcome = await this.#prove((options) => this.#api.revokeOtherSessions({}, options));
    this.reload();
    return this.#done(outcome, ({ revoked }) => revoked);
  }

  async createKey({ name, scopes, days }: KeyDraft): Promise<Done<string>> {
    const wrong = mistaken({
      name: wrongName(name),
      scopes: scopes !== null && scopes.length === 0 ? "keys.api.wrong.scopes" : "",
    });
    if (wrong !== null) return { ok: false, refusal: wrong };
    const end = days === null ? {} : { expireTime: timestampFromMs(this.options.clock.now() + days * DAY_MS) };
    const request = { name: name.trim(), scopes: permissionNumbers(scopes ?? []), ...end };
    const outcome = await this.#prove((options) => this.#api.createApiKey(request, options));
    if (outcome.ok) this.reload();
    return this.#done(outcome, ({ secret }) => secret);
  }

  async deleteKey(apiKeyId: string): Promise<Done> {
    const outcome = await this.#prove((options) => this.#api.deleteApiKey({ apiKeyId }, options));
    this.reload();
    return this.#done(outcome, () => undefined);
  }

  // ---- second factors ----

  async beginTotp(): Promise<Done<TotpView>> {
    const outcome = await this.#prove((options) => this.#api.beginTotp({}, options));
    return this.#done(outcome, ({ secret, qrSvg }) => ({ secret, qrSvg }));
  }

  async confirmTotp(code: string): Promise<Done<readonly string[]>> {
    const plain = code.replace(/\s/g, "");
    const wrong = mistaken({ code: plain === "" ? "field.wrong.code.empty" : "" });
    if (wrong !== null) return { ok: false, refusal: wrong };
    const outcome = await this.#prove((options) => this.#api.confirmTotp({ code: plain }, options));
    if (outcome.ok) await this.#changed();
    return this.#done(outcome, ({ recoveryCodes }) => recoveryCodes);
  }

  async removeTotp(): Promise<Done> {
    const outcome = await this.#prove((options) => this.#api.removeTotp({}, options));
    await this.#changed();
    return this.#done(outcome, () => undefined);
  }

  async renewCodes(): Promise<Done<readonly string[]>> {
    const outcome = await this.#prove((options) => this.#api.renewRecoveryCodes({}, options));
    this.reload();
    return this.#done(outcome, ({ recoveryCodes }) => recoveryCodes);
  }

  async addPasskey(name: string, make: MakePasskey): Promise<Done> {
    const wrong = mistaken({ name: wrongName(name) });
    if (wrong !== null) return { ok: false, refusal: wrong };
    const begun = await this.#prove((options) => this.#api.beginPasskey({}, options));
    if (!begun.ok) return this.#done(begun, () => undefined);
    const credentialJson = await make(begun.value.optionsJson);
    if (credentialJson === null) return { ok: false, refusal: null };
    const request = { challenge: begun.value.challenge, credentialJson, name: name.trim() };
    const outcome = await this.#prove((options) => this.#api.finishPasskey(request, options));
    if (outcome.ok) await this.#changed();
    return this.#done(outcome, () => undefined);
  }

  async removePasskey(passkeyId: string): Promise<Done> {
    const outcome = await this.#prove((options) => this.#api.removePasskey({ passkeyId }, options));
    await this.#changed();
    return this.#done(outcome, () => undefined);
  }

  // ---- data ----

  async exportAll(took: (piece: Uint8Array) => void, signal: AbortSignal): Promise<Done> {
    const outcome = await this.#prove(async () => {
      for await (const { data } of this.#api.exportAccount({}, { signal })) took(data);
    });
    if (signal.aborted) return { ok: false, refusal: null };
    return this.#done(outcome, () => undefined);
  }

  async deleteAccount(email: string): Promise<Done> {
    const { account } = this.options.session.get();
    const same = email.trim().toLowerCase() === account?.email.toLowerCase();
    const wrong = mistaken({ email: same ? "" : "data.delete.wrong" });
    if (wrong !== null) return { ok: false, refusal: wrong };
    const outcome = await this.#prove((options) => this.#api.deleteAccount({ email: email.trim() }, options));
    if (outcome.ok) this.options.session.gone();
    return this.#done(outcome, () => undefined);
  }

  // ---- calls ----

  #prove<T>(call: (options: CallOptions) => Promise<T>): Promise<Outcome<T>> {
    return this.options.confirm.proving(call);
  }

  async #once<T>(call: (options: CallOptions) => Promise<T>): Promise<Outcome<T>> {
    try {
      return { ok: true, value: await call({}) };
    } catch (caught) {
      return { ok: false, failure: failureOf(caught) };
    }
  }

  /** What opens the account is another thing now. */
  async #changed(): Promise<void> {
    this.reload();
    await this.options.session.refresh();
  }

  #done<T, U>(outcome: Outcome<T>, of: (value: T) => U): Done<U> {
    if (outcome.ok) return { ok: true, value: of(outcome.value) };
    return { ok: false, refusal: this.#refusal(outcome.failure) };
  }

  #refusal(cause: Failure): Refusal | null {
    return cause.reason === NOT_CONFIRMED ? null : refusalOf(cause, RULES, this.options.clock.now());
  }
}

function at(time: Timestamp | undefined): number | null {
  return time === undefined ? null : timestampMs(time);
}

function sessionView({ id, device, address, createTime, lastUseTime, current }: SessionRecord): SessionView {
  return { id, device, address, createdAt: at(createTime) ?? 0, usedAt: at(lastUseTime) ?? 0, current };
}

function keyView({ id, name, hint, scopes, createTime, lastUseTime, expireTime }: ApiKey): KeyView {
  const times = { createdAt: at(createTime) ?? 0, usedAt: at(lastUseTime), endsAt: at(expireTime) };
  return { id, name, hint, scopes: permissionNames(scopes), ...times };
}

function factorsView(record: SecondFactors | undefined): FactorsView {
  if (record === undefined) return NO_FACTORS;
  return {
    totp: record.totp,
    codesLeft: record.recoveryCodesLeft,
    passkeys: record.passkeys.map(({ id, name, createTime, lastUseTime }) => ({
      id, name, createdAt: at(createTime) ?? 0, usedAt: at(lastUseTime),
    })),
  };
}

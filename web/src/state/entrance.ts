// The verbs of signing in and up. Loaded with the screens that need them; who is signed in is session.ts.

import { createClient, type CallOptions, type Client, type Transport } from "@connectrpc/connect";

import { AuthService, type SecondFactorNeeded } from "../gen/fireside/v1/auth_service_pb.ts";
import { calling, type Outcome } from "../rpc/api.ts";
import type { Clock } from "../rpc/clock.ts";
import { Code, type Failure } from "../rpc/failure.ts";
import type { AskPasskey, Entrance, Entry, InvitationView, NewAccount } from "./entrance-types.ts";
import { mistaken, refusalOf, wrongEmail, wrongName, wrongPassword, type RefusalRules } from "./refusal.ts";
import type { Session } from "./session-types.ts";

export interface EntranceOptions {
  readonly transport: Transport;
  readonly session: Session;
  readonly clock: Clock;
  readonly random: () => number;
}

const RULES: RefusalRules = {
  reasons: {
    SIGN_IN_FAILED: ["password", "entrance.wrong.signIn"],
    ACCOUNT_DISABLED: ["", "entrance.wrong.disabled"],
    CODE_WRONG: ["code", "entrance.wrong.code"],
    CHALLENGE_ENDED: ["", "entrance.wrong.challenge"],
    PASSKEY_WRONG: ["", "entrance.wrong.passkey"],
    SET_UP_TOKEN: ["", "entrance.wrong.setUpToken"],
    ALREADY_SET_UP: ["", "entrance.wrong.setUp"],
    SIGN_UP_CLOSED: ["", "entrance.wrong.closed"],
    INVITATION_ENDED: ["", "entrance.wrong.invitation"],
    EMAIL_TAKEN: ["email", "entrance.wrong.taken"],
    LINK_ENDED: ["", "entrance.wrong.link"],
    PASSWORD_WRONG: ["password", "entrance.wrong.chosen"],
    NO_MAIL: ["", "entrance.wrong.noMail"],
  },
};

/** As much of the answers as is looked at. */
interface Answer {
  readonly account?: unknown;
  readonly secondFactor?: SecondFactorNeeded | undefined;
  readonly pending?: boolean;
  readonly checkMail?: boolean;
}

export class EntranceDesk implements Entrance {
  readonly #api: Client<typeof AuthService>;

  constructor(private readonly options: EntranceOptions) {
    this.#api = createClient(AuthService, options.transport);
  }

  setUp(account: NewAccount, token: string): Promise<Entry> {
    const wrong = mistakesOf(account);
    if (wrong !== null) return Promise.resolve(wrong);
    return this.#enter((options) => this.#api.setUp({ ...trimmed(account), token }, options));
  }

  signIn(email: string, password: string): Promise<Entry> {
    const wrong = mistaken({
      email: email.trim() === "" ? "field.wrong.email.empty" : "",
      password: password === "" ? "field.wrong.password.empty" : "",
    });
    if (wrong !== null) return Promise.resolve({ kind: "refused", refusal: wrong });
    return this.#enter((options) => this.#api.signIn({ email: email.trim(), password }, options));
  }

  complete(challenge: string, factor: "totp" | "recovery", code: string): Promise<Entry> {
    const plain = code.replace(/\s/g, "");
    const wrong = mistaken({ code: plain === "" ? "field.wrong.code.empty" : "" });
    if (wrong !== null) return Promise.resolve({ kind: "refused", refusal: wrong });
    const given = { case: factor === "totp" ? ("totpCode" as const) : ("recoveryCode" as const), value: plain };
    return this.#enter((options) => this.#api.completeSignIn({ challenge, factor: given }, options));
  }

  async passkey(challenge: string, ask: AskPasskey): Promise<Entry> {
    const begun = await this.#call((options) => this.#api.beginPasskeySignIn({ challenge }, options));
    if (!begun.ok) return this.#refused(begun.failure);
    const credentialJson = await ask(begun.value.optionsJson);
    if (credentialJson === null) return { kind: "left" };
    const request = { challenge: begun.value.challenge, credentialJson };
    return this.#enter((options) => this.#api.finishPasskeySignIn(request, options));
  }

  signUp(account: NewAccount, invitation: string): Promise<Entry> {
    const wrong = mistakesOf(account);
    if (wrong !== null) return Promise.resolve(wrong);
    return this.#enter((options) => this.#api.signUp({ ...trimmed(account), invitation }, options));
  }

  async invitation(token: string): Promise<InvitationView> {
    const outcome = await calling((options) => this.#api.getInvitation({ token }, options), this.options);
    if (outcome.ok) return { kind: "open", email: outcome.value.email, invitedBy: outcome.value.invitedBy };
    // A token that cannot be one is as good as one that ended.
    if (outcome.failure.code === Code.NotFound || outcome.failure.code === Code.InvalidArgument) return { kind: "ended" };
    return { kind: "failed", refusal: this.#refusal(outcome.failure) };
  }

  confirmEmail(token: string, password: string): Promise<Entry> {
    const wrong = mistaken({ password: password === "" ? "field.wrong.password.empty" : "" });
    if (wrong !== null) return Promise.resolve({ kind: "refused", refusal: wrong });
    return this.#enter((options) => this.#api.confirmEmail({ token, password }, options));
  }

  async requestReset(email: string): Promise<Entry> {
    const wrong = mistaken({ email: wrongEmail(email) });
    if (wrong !== null) return { kind: "refused", refusal: wrong };
    const outcome = await this.#call((options) => this.#api.requestPasswordReset({ email: email.trim() }, options));
    return outcome.ok ? { kind: "mail" } : this.#refused(outcome.failure);
  }

  resetPassword(token: string, password: string): Promise<Entry> {
    const wrong = mistaken({ password: wrongPassword(password) });
    if (wrong !== null) return Promise.resolve({ kind: "refused", refusal: wrong });
    return this.#enter((options) => this.#api.resetPassword({ token, password }, options));
  }

  /** Once: a password that was taken must not be refused as a second try. */
  #call<T>(call: (options: CallOptions) => Promise<T>): Promise<Outcome<T>> {
    const { clock, random } = this.options;
    return calling(call, { clock, random, attempts: 1 });
  }

  async #enter(call: (options: CallOptions) => Promise<Answer>): Promise<Entry> {
    const outcome = await this.#call(call);
    if (!outcome.ok) return this.#refused(outcome.failure);
    const { account, secondFactor, pending, checkMail } = outcome.value;
    if (secondFactor !== undefined) {
      const { challenge, totp, recoveryCode, passkey } = secondFactor;
      return { kind: "second", needed: { challenge, totp, recoveryCode, passkey } };
    }
    if (checkMail === true) return { kind: "mail" };
    if (pending === true || account === undefined) return { kind: "pending" };
    await this.options.session.entered();
    return { kind: "in" };
  }

  #refusal(cause: Failure) {
    return refusalOf(cause, RULES, this.options.clock.now());
  }

  #refused(cause: Failure): Entry {
    // The page of setting up is stale when somebody else was faster.
    if (cause.reason === "ALREADY_SET_UP") void this.options.session.refresh();
    return { kind: "refused", refusal: this.#refusal(cause) };
  }
}

function mistakesOf({ name, email, password }: NewAccount): Entry | null {
  const wrong = mistaken({ name: wrongName(name), email: wrongEmail(email), password: wrongPassword(password) });
  return wrong === null ? null : { kind: "refused", refusal: wrong };
}

function trimmed({ name, email, password, language }: NewAccount): NewAccount {
  return { name: name.trim(), email: email.trim(), password, language };
}

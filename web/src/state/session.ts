// Who is signed in, and how one signs in here: asked before anything else is read. It follows other tabs, and notices
// when a session has ended. What the screens of signing in ask is in entrance.ts.

import { createClient, type Client, type Transport } from "@connectrpc/connect";

import type { Account } from "../gen/fireside/v1/account_pb.ts";
import { AuthService, type GetAuthStateResponse } from "../gen/fireside/v1/auth_service_pb.ts";
import { LinkSharing, SignUpMode } from "../gen/fireside/v1/policy_pb.ts";
import { calling } from "../rpc/api.ts";
import { backoff, type Clock } from "../rpc/clock.ts";
import { Code, type Failure } from "../rpc/failure.ts";
import { forgetAccount } from "./account-storage.ts";
import { appError } from "./errors.ts";
import { permissionNames, roleName } from "./permissions.ts";
import type { AccountView, Session, SessionPhase, SessionState } from "./session-types.ts";
import type { KeyStore } from "./storage.ts";
import { Store } from "./store.ts";
import type { AppError } from "./types.ts";

export interface SessionOptions {
  readonly transport: Transport;
  readonly storage: KeyStore;
  readonly clock: Clock;
  readonly random: () => number;
  /** Loads the page anew, at this path if given: nothing of the account shown before stays in memory. */
  readonly renew: (path?: string) => void;
}

/** Told to the other tabs whenever somebody signed in or out here. */
const KEY = "fireside.session";
const RETRY_MS = 1_000;
const RETRY_LIMIT_MS = 15_000;

/** A refusal for one of these is about what was typed, not about the session. */
const TYPED = new Set([
  "SIGN_IN_FAILED", "CODE_WRONG", "CHALLENGE_ENDED", "PASSKEY_WRONG", "PASSWORD_WRONG", "SIGN_IN_TO_READ",
]);

const START: SessionState = {
  phase: "starting",
  account: null,
  permissions: new Set(),
  ended: null,
  needsSetUpToken: false,
  signUp: "invitation",
  providers: [],
  passkeys: false,
  mail: false,
  linkSharing: "off",
  mustAddSecondFactor: false,
  error: null,
};

export class SessionKeeper extends Store<SessionState> implements Session {
  readonly #api: Client<typeof AuthService>;
  #attempt = 0;
  #turn = 0;
  #cancelRetry: () => void = () => undefined;
  #asking: Promise<void> | null = null;
  /** Whose things this page holds; undefined for nobody's yet, empty for those of a server without accounts. */
  #holder: string | undefined;

  constructor(private readonly options: SessionOptions) {
    super(START);
    this.#api = createClient(AuthService, options.transport);
    options.storage.onChange((key, value) => {
      if (key !== KEY || value === null) return;
      if (value.startsWith("out")) this.#left();
      else void this.refresh();
    });
  }

  refresh(): Promise<void> {
    this.#turn += 1;
    this.#cancelRetry();
    const asking = this.#ask(this.#turn);
    this.#asking = asking;
    void asking.then(() => {
      if (this.#asking === asking) this.#asking = null;
    });
    return asking;
  }

  /** A call failed. If that may be since the session ended, the server is asked. */
  heard(cause: Failure): void {
    if (cause.code !== Code.Unauthenticated || TYPED.has(cause.reason)) return;
    const { phase } = this.get();
    if (this.#asking === null && (phase === "in" || phase === "single")) void this.refresh();
  }

  async entered(): Promise<void> {
    await this.refresh();
    const { account } = this.get();
    if (account !== null) this.#tell(`in ${account.id}`);
  }

  async signOut(): Promise<AppError | null> {
    const outcome = await calling((options) => this.#api.signOut({}, options), this.options);
    if (!outcome.ok && outcome.failure.code !== Code.Unauthenticated) return appError(outcome.failure);
    this.gone();
    return null;
  }

  gone(): void {
    const { account } = this.get();
    if (account !== null) forgetAccount(this.options.storage, account.id);
    this.#tell("out");
    this.#left();
  }

  /** Each time another value, or the other tabs would not hear of it. */
  #tell(what: string): void {
    this.options.storage.set(KEY, `${what} ${this.options.clock.now()} ${this.options.random()}`);
  }

  /** Somebody signed out on purpose: nothing of theirs stays. */
  #left(): void {
    if (this.#holder === undefined || this.#holder === "") void this.refresh();
    else this.options.renew("/");
  }

  async #ask(turn: number): Promise<void> {
    const { clock, random } = this.options;
    const outcome = await calling((options) => this.#api.getAuthState({}, options), { clock, random });
    if (turn !== this.#turn) return;
    if (outcome.ok) {
      this.#attempt = 0;
      this.#take(stateOf(outcome.value));
      return;
    }
    // What is open stays open: the connection says what is wrong.
    if (this.#holder === undefined) this.update({ phase: "failed", error: appError(outcome.failure) });
    this.#attempt += 1;
    this.#cancelRetry = clock.after(backoff(this.#attempt, RETRY_MS, RETRY_LIMIT_MS, random), () => void this.refresh());
  }

  #take(next: SessionState): void {
    const holder = next.phase === "single" ? "" : next.account?.id;
    if (holder === undefined) {
      // A server that had no accounts before has some now: what is shown is not for everybody any more.
      if (this.#holder === "") this.options.renew();
      const before = this.get();
      this.set({ ...next, ended: before.account ?? before.ended });
      return;
    }
    if (this.#holder !== undefined && this.#holder !== holder) {
      this.options.renew();
      return;
    }
    this.#holder = holder;
    if (!same(this.get(), next)) this.set(next);
  }
}

/** Whether two states say the same, so that nobody is told twice. */
function same(a: SessionState, b: SessionState): boolean {
  const plain = (state: SessionState): string => JSON.stringify({ ...state, permissions: [...state.permissions] });
  return plain(a) === plain(b);
}

export function accountView(account: Account): AccountView {
  const { id, email, name, language, role, hasPassword, hasSecondFactor, provider, etag } = account;
  return { id, email, name, language, role: roleName(role), hasPassword, hasSecondFactor, provider, etag };
}

const SIGN_UP: Readonly<Record<SignUpMode, SessionState["signUp"]>> = {
  [SignUpMode.UNSPECIFIED]: "invitation",
  [SignUpMode.INVITATION]: "invitation",
  [SignUpMode.DOMAIN]: "domain",
  [SignUpMode.OPEN]: "open",
  [SignUpMode.CLOSED]: "closed",
};

const LINKS: Readonly<Record<LinkSharing, SessionState["linkSharing"]>> = {
  [LinkSharing.UNSPECIFIED]: "off",
  [LinkSharing.OFF]: "off",
  [LinkSharing.ACCOUNTS]: "accounts",
  [LinkSharing.ANYONE]: "anyone",
};

function phaseOf(answer: GetAuthStateResponse): SessionPhase {
  if (answer.singleUser) return "single";
  if (answer.needsSetUp) return "set_up";
  return answer.account === undefined ? "out" : "in";
}

function stateOf(answer: GetAuthStateResponse): SessionState {
  const phase = phaseOf(answer);
  return {
    phase,
    account: phase === "in" && answer.account !== undefined ? accountView(answer.account) : null,
    permissions: new Set(permissionNames(answer.permissions)),
    ended: null,
    needsSetUpToken: answer.needsSetUpToken,
    signUp: SIGN_UP[answer.signUp],
    providers: answer.providers.map(({ name, label }) => ({ name, label })),
    passkeys: answer.passkeys,
    mail: answer.mail,
    linkSharing: LINKS[answer.linkSharing],
    mustAddSecondFactor: answer.mustAddSecondFactor,
    error: null,
  };
}

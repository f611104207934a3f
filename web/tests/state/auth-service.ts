// Signing in at the server in memory: accounts with passwords, and who holds the browser's cookie.

import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";

import { AccountRole, AccountSchema, AccountState, type Account } from "../../src/gen/fireside/v1/account_pb.ts";
import { AuthService } from "../../src/gen/fireside/v1/auth_service_pb.ts";
import { Permission } from "../../src/gen/fireside/v1/permission_pb.ts";
import { SignUpMode } from "../../src/gen/fireside/v1/policy_pb.ts";

type Unary = <T>(method: string, context: HandlerContext, answer: () => T) => Promise<T>;

/** An error with google.rpc.ErrorInfo, as the server sends it. */
export function refusal(code: Code, reason: string, message = "no"): ConnectError {
  const error = new ConnectError(message, code);
  const bytes = new TextEncoder().encode(reason);
  // The transport in memory hands errors on as they are: they look like those of a wire.
  error.details = [{ type: "google.rpc.ErrorInfo", value: Uint8Array.from([10, bytes.length, ...bytes]) }];
  return error;
}

export class TestAuth {
  /** Without it everything is as on a server with accounts. */
  singleUser = true;
  needsSetUp = false;
  readonly accounts = new Map<string, { readonly account: Account; readonly password: string }>();
  /** Whose session the browser's cookie names; empty for nobody's. */
  signedIn = "";
  /** The session has not given its password for a while. */
  stale = false;

  add(id: string, name: string, password = "a long password"): Account {
    const account = create(AccountSchema, {
      id, name, email: `${id}@example.org`, role: AccountRole.MEMBER, state: AccountState.ACTIVE, hasPassword: true,
    });
    this.singleUser = false;
    this.accounts.set(account.email, { account, password });
    return account;
  }

  get account(): Account | undefined {
    return [...this.accounts.values()].find(({ account }) => account.id === this.signedIn)?.account;
  }

  /** Throws as the server does when nobody is signed in. */
  require(): void {
    if (!this.singleUser && this.account === undefined) throw refusal(Code.Unauthenticated, "SESSION_ENDED");
  }

  sign(email: string, password: string): Account {
    const found = this.accounts.get(email);
    if (found?.password !== password) throw refusal(Code.Unauthenticated, "SIGN_IN_FAILED");
    this.signedIn = found.account.id;
    return found.account;
  }
}

export function serveAuth(router: ConnectRouter, auth: TestAuth, unary: Unary): void {
  router.service(AuthService, {
    getAuthState: (_, context) =>
      unary("getAuthState", context, () => ({
        singleUser: auth.singleUser,
        needsSetUp: auth.needsSetUp,
        signUp: SignUpMode.INVITATION,
        ...(auth.account === undefined ? {} : { account: auth.account, permissions: [Permission.OWN_ACCOUNT, Permission.CHAT, Permission.SHARE, Permission.API_KEYS] }),
      })),
    signIn: (request, context) =>
      unary("signIn", context, () => ({ account: auth.sign(request.email, request.password) })),
    signOut: (_, context) =>
      unary("signOut", context, () => {
        auth.signedIn = "";
        return {};
      }),
  });
}

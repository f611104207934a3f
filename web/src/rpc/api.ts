// The services of the server as typed clients, and the retry of unary calls. Not the one long-lived stream: live.ts.

import { createClient, type CallOptions, type Client, type Transport } from "@connectrpc/connect";

import { ChatService } from "../gen/fireside/v1/chat_service_pb.ts";
import { ConversationService } from "../gen/fireside/v1/conversation_service_pb.ts";
import { ModelService } from "../gen/fireside/v1/model_service_pb.ts";
import { ShareService } from "../gen/fireside/v1/share_service_pb.ts";
import { backoff, wait, type Clock } from "./clock.ts";
import { Code, failure, failureOf, isTransient, type Failure } from "./failure.ts";

export interface Api {
  readonly chat: Client<typeof ChatService>;
  readonly conversations: Client<typeof ConversationService>;
  readonly models: Client<typeof ModelService>;
  readonly shares: Client<typeof ShareService>;
}

/** Just the service of the live stream: all that the shared worker needs. */
export function createChatClient(transport: Transport): Api["chat"] {
  return createClient(ChatService, transport);
}

export function createApi(transport: Transport): Api {
  return {
    chat: createChatClient(transport),
    conversations: createClient(ConversationService, transport),
    models: createClient(ModelService, transport),
    shares: createClient(ShareService, transport),
  };
}

/** What the end of a call was: an exception would lose the type. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** How often the call is made in all. */
  readonly attempts?: number;
  /** Ends the trying, but not a call that is being made; the outcome is then CANCELED. */
  readonly enough?: AbortSignal;
  /** Ends the call too. */
  readonly signal?: AbortSignal;
}

/** A connection to a machine that is gone hangs for minutes; nobody waits that long. */
const TIMEOUT_MS = 20_000;

/**
 * Makes a unary call, again after a pause while the server is away. Only for calls that may be repeated: reads, and
 * changes that carry an id made by the client.
 */
export async function calling<T>(
  call: (options: CallOptions) => Promise<T>,
  options: RetryOptions,
): Promise<Outcome<T>> {
  const { attempts = 4, signal } = options;
  const callOptions: CallOptions = { timeoutMs: TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { ok: true, value: await call(callOptions) };
    } catch (caught) {
      const cause = failureOf(caught);
      if (attempt >= attempts || !isTransient(cause)) return { ok: false, failure: cause };
      const pause = Math.max(cause.retryAfterMs, backoff(attempt, 400, 5_000, options.random));
      if (!(await wait(options.clock, pause, options.enough))) {
        return { ok: false, failure: failure(Code.Canceled, "Given up.") };
      }
    }
  }
}

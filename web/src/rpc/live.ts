// The one long-lived stream and its one reconnect state machine. It keeps the stream open, knows when it is dead and
// where to go on from. It does not look into what it carries, and does not know who listens.

import { create } from "@bufbuild/protobuf";

import { WatchEventsRequestSchema, WatchGenerationRequestSchema } from "../gen/fireside/v1/chat_service_pb.ts";
import type { WatchEventsRequest, WatchEventsResponse } from "../gen/fireside/v1/chat_service_pb.ts";
import { backoff, type Clock } from "./clock.ts";
import { Code, failure, failureOf, type Failure } from "./failure.ts";

/**
 * `waiting`: not connected, tries again at `retryAt`. `offline` is the same while the machine says that it has no
 * network; it still tries, since the server may be on this machine. `stopped`: will not try by itself.
 */
export type LinkState =
  | { readonly kind: "connecting"; readonly attempt: number }
  | { readonly kind: "live" }
  | { readonly kind: "waiting"; readonly retryAt: number; readonly attempt: number; readonly failure: Failure }
  | { readonly kind: "offline"; readonly retryAt: number }
  | { readonly kind: "stopped"; readonly failure: Failure | null };

/** What the page learned that bears on the connection. */
export type Hint = "online" | "offline" | "wake" | "retry";

export interface Position {
  readonly generationId: string;
  readonly afterSeq: number;
}

export interface LiveSink {
  link(state: LinkState): void;
  /** The stream began without a cursor: whatever was read before may be stale. Comes before it is said to be live. */
  fresh(): void;
  batch(response: WatchEventsResponse): void;
  /** What the listener has of the logs that it follows. */
  positions(): readonly Position[];
  /** The positions are no good any more: forget them. */
  forget(): void;
}

export interface LiveOptions {
  readonly open: (request: WatchEventsRequest, signal: AbortSignal) => AsyncIterable<WatchEventsResponse>;
  readonly clock: Clock;
  readonly random: () => number;
  /** Silence after which the connection counts as dead; some three heartbeats. Milliseconds. */
  readonly deadAfterMs: number;
  readonly sink: LiveSink;
}

const BASE_MS = 300;
const LIMIT_MS = 15_000;
/** The server takes at most this many positions. */
const POSITIONS = 256;
/** A tick that comes this much too late means that the machine slept. */
const SLEPT_MS = 10_000;

export class LiveStream {
  #state: LinkState = { kind: "stopped", failure: null };
  #cursor = "";
  #attempt = 0;
  #online = true;
  #heardAt = 0;
  #tickAt = 0;
  /** Numbers the connections, so that what a given-up one still says is not heard. */
  #turn = 0;
  #abort: AbortController | null = null;
  #cancelTimer: () => void = () => undefined;

  constructor(private readonly options: LiveOptions) {}

  get state(): LinkState {
    return this.#state;
  }

  start(): void {
    if (this.#state.kind === "stopped") this.#connect();
  }

  stop(cause: Failure | null = null): void {
    this.#leave();
    this.#set({ kind: "stopped", failure: cause });
  }

  /** Stops, and starts from nothing the next time: what was read is not for who listens then. */
  forget(): void {
    this.#cursor = "";
    this.stop();
  }

  /** Gives the present connection up and makes another at once, from where the listener is. */
  restart(): void {
    this.#leave();
    this.#connect();
  }

  hint(hint: Hint): void {
    const { kind } = this.#state;
    if (hint === "offline") {
      this.#online = false;
      if (this.#state.kind === "waiting") this.#set({ kind: "offline", retryAt: this.#state.retryAt });
      return;
    }
    if (hint === "online") this.#online = true;
    if (kind === "waiting" || kind === "offline" || (hint === "retry" && kind === "stopped")) {
      this.#attempt = 0;
      this.restart();
    } else if (kind === "live" && hint !== "retry" && this.#silence() > this.options.deadAfterMs / 2) {
      this.restart();
    }
  }

  #silence(): number {
    return this.options.clock.now() - this.#heardAt;
  }

  #set(state: LinkState): void {
    this.#state = state;
    this.options.sink.link(state);
  }

  #leave(): void {
    this.#turn += 1;
    this.#cancelTimer();
    this.#abort?.abort();
    this.#abort = null;
  }

  #connect(): void {
    this.#attempt += 1;
    this.#turn += 1;
    this.#abort = new AbortController();
    this.#heardAt = this.options.clock.now();
    this.#set({ kind: "connecting", attempt: this.#attempt });
    this.#watchSilence();
    void this.#read(this.#turn, this.#abort.signal);
  }

  async #read(turn: number, signal: AbortSignal): Promise<void> {
    const fresh = this.#cursor === "";
    let first = true;
    try {
      for await (const response of this.options.open(this.#request(), signal)) {
        if (turn !== this.#turn) return;
        if (first) this.#opened(fresh);
        if (turn !== this.#turn) return;
        first = false;
        this.#heard(response);
        if (turn !== this.#turn) return;
      }
      this.#failed(turn, failure(Code.Unavailable, "The stream ended.", "STREAM_ENDED"));
    } catch (caught) {
      this.#failed(turn, failureOf(caught));
    }
  }

  #request(): WatchEventsRequest {
    const resume = this.options.sink
      .positions()
      .slice(0, POSITIONS)
      .map(({ generationId, afterSeq }) =>
        create(WatchGenerationRequestSchema, { generationId, afterSeq: BigInt(afterSeq) }),
      );
    return create(WatchEventsRequestSchema, { afterCursor: this.#cursor, followGenerations: true, resume });
  }

  #opened(fresh: boolean): void {
    this.#attempt = 0;
    if (fresh) this.options.sink.fresh();
    this.#set({ kind: "live" });
  }

  #heard(response: WatchEventsResponse): void {
    this.#heardAt = this.options.clock.now();
    // The cursor moves after the listener took the batch, so that a listener that throws loses nothing.
    this.options.sink.batch(response);
    const cursor = response.events.at(-1)?.cursor ?? "";
    if (cursor !== "") this.#cursor = cursor;
  }

  #failed(turn: number, cause: Failure): void {
    if (turn !== this.#turn) return;
    this.#leave();
    if (cause.code === Code.OutOfRange) {
      this.#cursor = "";
      this.options.sink.forget();
    } else if (cause.code === Code.Unauthenticated || cause.code === Code.PermissionDenied) {
      this.#set({ kind: "stopped", failure: cause });
      return;
    }
    const { clock, random } = this.options;
    const delay = Math.max(cause.retryAfterMs, backoff(Math.max(1, this.#attempt), BASE_MS, LIMIT_MS, random));
    const retryAt = clock.now() + delay;
    this.#cancelTimer = clock.after(delay, () => {
      this.#connect();
    });
    if (this.#online) this.#set({ kind: "waiting", retryAt, attempt: this.#attempt, failure: cause });
    else this.#set({ kind: "offline", retryAt });
  }

  /** Looks at short intervals, since a timer does not run on while the machine sleeps, but the clock does. */
  #watchSilence(): void {
    const { clock, deadAfterMs } = this.options;
    const interval = Math.min(2_000, deadAfterMs / 2);
    this.#tickAt = clock.now();
    this.#cancelTimer = clock.after(interval, () => {
      const slept = clock.now() - this.#tickAt > interval + SLEPT_MS;
      const dead = this.#silence() >= deadAfterMs || (slept && this.#silence() > SLEPT_MS);
      if (!dead) this.#watchSilence();
      else if (this.#state.kind === "live") this.restart();
      else this.#failed(this.#turn, failure(Code.Unavailable, "The server does not answer.", "SILENT"));
    });
  }
}

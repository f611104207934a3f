// The logs of generations as this tab has them: one fold each, fed by the live stream or, where that does not bring
// one, by WatchGeneration. Both feeds may bring the same events; the numbers make each count once.

import type { AccountEvent } from "../gen/fireside/v1/account_event_pb.ts";
import type { Event, Generation } from "../gen/fireside/v1/generation_pb.ts";
import type { Api } from "../rpc/api.ts";
import { backoff, type Clock } from "../rpc/clock.ts";
import { Code, failureOf, type Failure } from "../rpc/failure.ts";
import { EMPTY_FOLD, fold, GapError, type Fold } from "./fold.ts";
import type { LiveClient } from "./live-client.ts";
import { Store } from "./store.ts";
import type { Readable } from "./types.ts";

export interface LogFollower {
  /** The state of the log after something was read; `fold.ended` is the last call. */
  changed(fold: Fold): void;
  /** The log cannot be read: there is no such generation. */
  lost(failure: Failure): void;
}

export interface GenerationsOptions {
  readonly api: Api;
  readonly live: LiveClient;
  readonly clock: Clock;
  readonly random: () => number;
}

interface Log {
  readonly id: string;
  fold: Fold;
  readonly followers: Set<LogFollower>;
  /** Ends the direct reading of this log, if there is one. */
  direct: AbortController | null;
  directAttempt: number;
  /** The live stream said that it cannot bring it. */
  broken: boolean;
  cancelTimer: () => void;
}

/** How long the live stream may take to bring a log before the tab reads it itself. Milliseconds. */
const GRACE_MS = 1_500;
/** How many logs that nobody follows are kept: an answer may be looked at again. */
const KEPT = 64;

export class Generations {
  /** Ids of the conversations in which something runs. */
  readonly running: Readable<ReadonlySet<string>>;
  readonly #running = new Store<ReadonlySet<string>>(new Set());
  readonly #conversationOf = new Map<string, string>();
  readonly #logs = new Map<string, Log>();

  constructor(private readonly options: GenerationsOptions) {
    this.running = this.#running;
    options.live.listen({
      account: (event) => {
        this.#account(event);
      },
      log: (id, events) => {
        this.#fromLive(id, events);
      },
      unknown: (id) => {
        const log = this.#logs.get(id);
        if (log !== undefined) this.#readDirectly(log);
      },
      broken: (id) => {
        const log = this.#logs.get(id);
        if (log === undefined) return;
        log.broken = true;
        this.#readDirectly(log);
      },
    });
  }

  /**
   * Follows a log from its beginning to its end; what is there already comes at once. Returns what ends that.
   * `expected`: this tab is about to start the generation, so it cannot be asked for before `started`, but whatever
   * the live stream brings of it earlier is taken.
   */
  follow(generationId: string, follower: LogFollower, expected = false): () => void {
    const log = this.#log(generationId);
    log.followers.add(follower);
    if (log.fold.message !== null) follower.changed(log.fold);
    if (!expected && !log.fold.ended) {
      if (log.fold.message === null && this.options.live.link.get().kind === "live") this.options.live.want(log.id);
      this.#ensure(log);
    }
    return () => {
      log.followers.delete(follower);
      if (log.followers.size === 0) this.#leave(log);
    };
  }

  #log(id: string): Log {
    let log = this.#logs.get(id);
    if (log === undefined) {
      log = {
        id,
        fold: EMPTY_FOLD,
        followers: new Set(),
        direct: null,
        directAttempt: 0,
        broken: false,
        cancelTimer: () => undefined,
      };
      this.#logs.set(id, log);
      this.#prune();
    }
    return log;
  }

  #prune(): void {
    if (this.#logs.size <= KEPT) return;
    for (const [id, log] of this.#logs) {
      if (this.#logs.size <= KEPT) return;
      if (log.followers.size === 0 && !this.#conversationOf.has(id)) this.#logs.delete(id);
    }
  }

  #leave(log: Log): void {
    log.cancelTimer();
    log.direct?.abort();
    log.direct = null;
  }

  /** Leaves the log to the live stream, and looks after a while whether that brings it. */
  #ensure(log: Log): void {
    if (log.followers.size === 0 || log.fold.ended || log.direct !== null) return;
    log.cancelTimer();
    log.cancelTimer = this.options.clock.after(GRACE_MS, () => {
      const brought = this.options.live.link.get().kind === "live" && log.fold.message !== null && !log.broken;
      if (brought) this.#ensure(log);
      else this.#readDirectly(log);
    });
  }

  #readDirectly(log: Log): void {
    if (log.followers.size === 0 || log.fold.ended || log.direct !== null) return;
    log.cancelTimer();
    log.direct = new AbortController();
    void this.#direct(log, log.direct);
  }

  async #direct(log: Log, abort: AbortController): Promise<void> {
    const request = { generationId: log.id, afterSeq: BigInt(log.fold.lastSeq) };
    let cause: Failure | null = null;
    try {
      for await (const { events } of this.options.api.chat.watchGeneration(request, { signal: abort.signal })) {
        if (abort.signal.aborted) return;
        log.directAttempt = 0;
        // The server is there: no reason for the live stream to wait any longer.
        if (this.options.live.link.get().kind !== "live") this.options.live.hint("wake");
        if (!this.#apply(log, events)) break;
      }
    } catch (caught) {
      cause = failureOf(caught);
    }
    // Whoever aborted has gone on otherwise.
    if (abort.signal.aborted) return;
    log.direct = null;
    abort.abort();
    if (!log.fold.ended) this.#directEnded(log, cause);
  }

  #directEnded(log: Log, cause: Failure | null): void {
    if (cause?.code === Code.NotFound) {
      for (const follower of [...log.followers]) follower.lost(cause);
      return;
    }
    if (cause?.code === Code.OutOfRange) log.fold = { ...EMPTY_FOLD, epoch: log.fold.epoch };
    log.directAttempt += 1;
    const delay = backoff(log.directAttempt, 300, 5_000, this.options.random);
    log.cancelTimer = this.options.clock.after(delay, () => {
      this.#ensure(log);
    });
  }

  #fromLive(id: string, events: readonly Event[]): void {
    const log = this.#log(id);
    const before = log.fold.lastSeq;
    if (events.length > 0) log.broken = false;
    if (!this.#apply(log, events)) {
      this.options.live.want(id);
      return;
    }
    // One feed is enough, and the live one is shared by all tabs.
    if (log.direct !== null && log.fold.lastSeq > before) {
      log.direct.abort();
      log.direct = null;
      this.#ensure(log);
    }
  }

  /** False when events are missing; those before the gap count. */
  #apply(log: Log, events: readonly Event[]): boolean {
    const before = log.fold;
    let whole = true;
    for (const event of events) {
      try {
        log.fold = fold(log.fold, event);
      } catch (caught) {
        if (!(caught instanceof GapError)) throw caught;
        whole = false;
        break;
      }
    }
    if (log.fold !== before) {
      if (log.fold.ended) this.#leave(log);
      for (const follower of [...log.followers]) follower.changed(log.fold);
    }
    return whole;
  }

  #account({ kind }: AccountEvent): void {
    if (kind.case === "ready") {
      this.#conversationOf.clear();
      for (const generation of kind.value.running) this.#conversationOf.set(generation.id, generation.conversationId);
      this.#publish();
    } else if (kind.case === "generationStarted") {
      this.started(kind.value);
    } else if (kind.case === "generationEnded" && this.#conversationOf.delete(kind.value.id)) {
      this.#publish();
    }
  }

  /** A generation was accepted, as a call or the live stream says. */
  started(generation: Generation): void {
    const log = this.#logs.get(generation.id);
    if (log?.fold.ended === true) return;
    if (log !== undefined) this.#ensure(log);
    if (this.#conversationOf.get(generation.id) === generation.conversationId) return;
    this.#conversationOf.set(generation.id, generation.conversationId);
    this.#publish();
  }

  #publish(): void {
    this.#running.set(new Set(this.#conversationOf.values()));
  }
}

// When to tell the views: at most once a frame, or in a while. The browser's frames come from main.ts, a test makes its own.

import type { Clock } from "../rpc/clock.ts";

export interface Scheduler {
  /** Runs `run` before the next frame is painted. Returns what cancels it. */
  frame(run: () => void): () => void;
}

/** Frames that are `ms` milliseconds apart, and that come while the page is hidden, too. */
export function slowly(clock: Clock, ms: number): Scheduler {
  return { frame: (run) => clock.after(ms, run) };
}

/** Makes many requests within a frame one call of `run`. */
export class Coalescer {
  #cancel: (() => void) | null = null;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly run: () => void,
  ) {}

  /** Calls `run` before the next frame. */
  soon(): void {
    this.#cancel ??= this.scheduler.frame(() => {
      this.#cancel = null;
      this.run();
    });
  }

  /** Calls `run` now if it was requested. */
  flush(): void {
    if (this.#cancel !== null) this.now();
  }

  /** Calls `run` now, and not again for what was requested before. */
  now(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.run();
  }
}

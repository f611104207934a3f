// Time and frames that a test owns. Nothing here waits for real time to pass.

import type { Clock } from "../../src/rpc/clock.ts";
import type { Scheduler } from "../../src/state/scheduler.ts";

/** Lets everything run that can run without the clock moving. */
export async function settle(turns = 20): Promise<void> {
  for (let i = 0; i < turns; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits until something holds, without the clock moving. */
export async function until(holds: () => boolean, what = "the condition"): Promise<void> {
  for (let i = 0; i < 2_000; i += 1) {
    if (holds()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`${what} never came to hold`);
}

export class TestClock implements Clock {
  #now = Date.UTC(2026, 10, 22, 12, 0, 0);
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves on, running each timer in its turn and what follows from it. */
  async pass(ms: number): Promise<void> {
    // What is under way may still set a timer that is due within this time.
    await settle();
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settle(5);
    }
    this.#now = end;
    await settle(5);
  }

  /** The machine sleeps: the time moves on, but timers do not run before it wakes. */
  async sleep(ms: number): Promise<void> {
    this.#now += ms;
    await this.pass(0);
  }

  get waiting(): number {
    return this.#timers.length;
  }
}

export class TestFrames implements Scheduler {
  #frames: (() => void)[] = [];
  painted = 0;

  frame(run: () => void): () => void {
    this.#frames.push(run);
    return () => {
      this.#frames = this.#frames.filter((other) => other !== run);
    };
  }

  get wanted(): number {
    return this.#frames.length;
  }

  paint(): void {
    this.painted += 1;
    for (const run of this.#frames.splice(0)) run();
  }
}

/** No chance in tests: backoff is always its whole length. */
export const certain = (): number => 1;

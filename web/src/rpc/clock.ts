// Time as a value that is passed in, so that tests own it. Not a scheduler of frames: that is state/scheduler.ts.

export interface Clock {
  /** Milliseconds since 1970; goes on while the machine sleeps. */
  now(): number;
  /** Runs `run` once, not before `ms` milliseconds passed. Returns what cancels it. */
  after(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Waits; false if `signal` aborted before the time was over. */
export function wait(clock: Clock, ms: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve(false);
      return;
    }
    const aborted = (): void => {
      cancel();
      resolve(false);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener("abort", aborted);
      resolve(true);
    });
    signal?.addEventListener("abort", aborted, { once: true });
  });
}

/** The wait before attempt number `attempt` (from 1): doubles up to `limit`, between half and all of it by chance. */
export function backoff(attempt: number, base: number, limit: number, random: () => number): number {
  const whole = Math.min(limit, base * 2 ** Math.min(attempt - 1, 20));
  return Math.round(whole * (0.5 + random() / 2));
}

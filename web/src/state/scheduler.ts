// When to tell the views: at most once a frame. The browser's frames come from main.ts, a test makes its own.

export interface Scheduler {
  /** Runs `run` before the next frame is painted. Returns what cancels it. */
  frame(run: () => void): () => void;
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

  /** Calls `run` now, and not again for what was requested before. */
  now(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.run();
  }
}

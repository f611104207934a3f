// A component that is fetched when it is first wanted, or before that when the page has nothing else to do.

export class Lazy<T> {
  /** The component; null until it has come. */
  component = $state.raw<T | null>(null);
  #coming: Promise<boolean> | null = null;

  constructor(private readonly load: () => Promise<{ default: T }>) {}

  /** Fetches it. Resolves with whether it is there: offline it may not be, and the next call tries again. */
  want(): Promise<boolean> {
    this.#coming ??= this.#fetch();
    return this.#coming;
  }

  async #fetch(): Promise<boolean> {
    try {
      this.component = (await this.load()).default;
      return true;
    } catch {
      this.#coming = null;
      return false;
    }
  }
}

const IDLE_MS = 1_500;

/** Calls `run` when the page has been shown and has nothing else to do. */
export function whenIdle(run: () => void): () => void {
  const timer = setTimeout(() => {
    if ("requestIdleCallback" in window) requestIdleCallback(run);
    else run();
  }, IDLE_MS);
  return () => clearTimeout(timer);
}

// The smallest store there is: a value, and who wants to know of it. It keeps Svelte's store contract without Svelte.

import type { Readable } from "./types.ts";

export class Store<T> implements Readable<T> {
  #value: T;
  readonly #listeners = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get(): T {
    return this.#value;
  }

  /** Tells everybody, unless it is the same value. */
  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener(value);
  }

  update(change: Partial<T>): void {
    this.set({ ...this.#value, ...change });
  }

  subscribe(run: (value: T) => void): () => void {
    // Each subscription is its own entry, also when the same function subscribes twice.
    const listener = (value: T): void => {
      run(value);
    };
    this.#listeners.add(listener);
    run(this.#value);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}

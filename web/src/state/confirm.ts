// Some calls need a session that has just proved who it is. Such a call waits here while the person does, and is then
// made again. What asks the person is a dialog of the view.

import type { CallOptions } from "@connectrpc/connect";

import { calling, type Outcome, type RetryOptions } from "../rpc/api.ts";
import { Code, failure } from "../rpc/failure.ts";
import { Store } from "./store.ts";
import type { Readable } from "./types.ts";

/** The reason of the failure that `proving` ends with when the person would not confirm. */
export const NOT_CONFIRMED = "NOT_CONFIRMED";

/** Whether somebody is to be asked now. */
export interface Confirmations extends Readable<boolean> {
  /** Makes a call; if the server wants to know first who it is, asks the person and makes it again. */
  proving<T>(call: (options: CallOptions) => Promise<T>): Promise<Outcome<T>>;
  /** The person has proved who they are. */
  confirmed(): void;
  /** The person would rather not. */
  dismissed(): void;
}

export class ConfirmationDesk extends Store<boolean> implements Confirmations {
  #waiting: ((confirmed: boolean) => void)[] = [];

  constructor(private readonly retry: RetryOptions) {
    super(false);
  }

  async proving<T>(call: (options: CallOptions) => Promise<T>): Promise<Outcome<T>> {
    for (;;) {
      // Once: repeated, a change could be refused for what it did itself.
      const outcome = await calling(call, { ...this.retry, attempts: 1 });
      if (outcome.ok || outcome.failure.reason !== "CONFIRM_PASSWORD") return outcome;
      if (!(await this.#ask())) return { ok: false, failure: failure(Code.Canceled, "", NOT_CONFIRMED) };
    }
  }

  confirmed(): void {
    this.#answer(true);
  }

  dismissed(): void {
    this.#answer(false);
  }

  #ask(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.set(true);
    });
  }

  #answer(confirmed: boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.set(false);
    for (const resolve of waiting) resolve(confirmed);
  }
}

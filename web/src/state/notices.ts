// What went wrong in passing and is told once. Not for what belongs to one message: that is in its view.

import { Store } from "./store.ts";
import type { AppError, Notice, Notices } from "./types.ts";

/** Each text for what was being done, which the catalogue must have. */
export const NOTICE_KEYS = [
  "notice.rename",
  "notice.delete",
  "notice.undelete",
  "notice.leave",
  "notice.regenerate",
  "notice.continue",
  "notice.stop",
  "notice.select",
  "notice.older",
  "notice.more",
  "notice.collections",
  "notice.runner.switch",
  "notice.runner.delete",
  "notice.runner.order",
  "notice.alias.delete",
] as const;

export type NoticeKey = (typeof NOTICE_KEYS)[number];

/** More than this would cover the screen; the oldest go. */
const SHOWN = 4;

export class NoticeList extends Store<readonly Notice[]> implements Notices {
  #next = 1;

  constructor() {
    super([]);
  }

  push(action: NoticeKey, error: AppError, retry: (() => void) | null = null): void {
    const id = this.#next;
    this.#next += 1;
    const again =
      retry === null
        ? null
        : (): void => {
            this.dismiss(id);
            retry();
          };
    // The same thing failing again replaces what was said of it.
    const others = this.get().filter((notice) => notice.action !== action);
    this.set([...others, { id, error, action, retry: again }].slice(-SHOWN));
  }

  dismiss(id: number): void {
    this.set(this.get().filter((notice) => notice.id !== id));
  }
}

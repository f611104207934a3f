// How the sending of a form stands: whether it is on its way, what was wrong, and how long to wait before the next try.
import { tick } from "svelte";
import type { Refusal } from "../../state/refusal.ts";
import { tOr } from "../../ui/i18n/locale.svelte.ts";

export class Attempt {
  running = $state(false);
  refusal = $state.raw<Refusal | null>(null);
  /** Seconds until the next try; 0 for at once. */
  seconds = $state(0);
  /** The same when it was refused: what is read out, once. */
  firstSeconds = $state(0);
  #timer = 0;

  /** Runs `send` unless it runs already. What it returns of a refusal is shown, and the first wrong field gets the focus. */
  async run<T>(send: () => Promise<T>, refusalIn: (ended: T) => Refusal | null, form?: HTMLFormElement): Promise<T | null> {
    if (this.running || this.seconds > 0) return null;
    this.running = true;
    this.refusal = null;
    try {
      const ended = await send();
      this.refuse(refusalIn(ended), form);
      return ended;
    } finally {
      this.running = false;
    }
  }

  refuse(refusal: Refusal | null, form?: HTMLFormElement): void {
    this.refusal = refusal;
    if (refusal === null) return;
    if (refusal.waitUntil > 0) this.#count(refusal.waitUntil);
    void tick().then(() => form?.querySelector<HTMLElement>("[aria-invalid='true']")?.focus());
  }

  /** What is wrong with a field, as text; empty for nothing. */
  wrong(field: string): string {
    const mistake = this.refusal?.fields[field];
    if (mistake === undefined) return "";
    return mistake.key === "" ? mistake.message : tOr(mistake.key, { message: mistake.message });
  }

  clear(): void {
    this.refusal = null;
  }

  /** Ends the counting. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #count(until: number): void {
    this.stop();
    const look = (): void => {
      this.seconds = Math.max(0, Math.ceil((until - Date.now()) / 1_000));
      if (this.seconds > 0) return;
      this.stop();
      this.refusal = null;
    };
    look();
    this.firstSeconds = this.seconds;
    this.#timer = window.setInterval(look, 250);
  }
}

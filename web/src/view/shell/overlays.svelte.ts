// What lies above the page: at most one of them, and passing messages of the views themselves.
export type Overlay = "none" | "palette" | "settings" | "shortcuts" | "rail" | "share";

export interface Passing {
  readonly id: string;
  readonly text: string;
}

const SHOWN_MS = 4_000;

export class Overlays {
  open = $state<Overlay>("none");
  passing = $state<readonly Passing[]>([]);
  /** Goes up to ask the composer for the focus. */
  focusComposer = $state(0);
  /** Goes up to ask for the reader's last message to be edited. */
  editLast = $state(0);
  #next = 0;

  show(overlay: Overlay): void {
    this.open = overlay;
  }

  close(): void {
    this.open = "none";
  }

  /** Says something in passing. */
  say(text: string): void {
    this.#next += 1;
    const id = `passing-${this.#next}`;
    this.passing = [...this.passing, { id, text }];
    setTimeout(() => this.forget(id), SHOWN_MS);
  }

  forget(id: string): void {
    this.passing = this.passing.filter((one) => one.id !== id);
  }
}

// How large the next piece of an upload is, and how fast uploads go. Pure; the time is passed in.

/** Below this, calls cost more than what is saved by losing little. */
export const LEAST_PIECE = 64 * 1024;

/** A piece that takes longer is larger than one wants to lose; one that is this much faster may double. Milliseconds. */
const LONG_MS = 2_000;
const SHORT_MS = 250;
/** Pieces that went well before a larger one is tried. */
const STREAK = 3;
/**
 * A cut costs up to two pieces, since browsers send the one that was under way again by themselves. So that is one part in
 * fifty, at most, of what arrives between two cuts.
 */
const PARTS = 50;
/** One cut of the line hits all uploads at once, and counts once. Milliseconds. */
const ONE_CUT_MS = 1_000;

/** Sizes pieces: a cut costs as much as they are large, so they shrink after cuts and grow while all is well. */
export class Pace {
  #size: number;
  #streak = 0;
  #cutAt = -Infinity;
  /** Bytes that arrived since the last cut. */
  #since = 0;

  constructor(
    best: number,
    private readonly most: number,
  ) {
    this.#size = Math.min(Math.max(best, LEAST_PIECE), Math.max(most, LEAST_PIECE));
  }

  get size(): number {
    return this.#size;
  }

  /** A piece of so many bytes arrived after so many milliseconds. */
  arrived(bytes: number, ms: number): void {
    this.#since += bytes;
    if (ms > LONG_MS) {
      this.#shrink();
      this.#streak = 0;
    } else if (bytes >= this.#size && ms < SHORT_MS) {
      // A small rest of a file says nothing about the line.
      this.#streak += 1;
      if (this.#streak < STREAK || this.#size >= this.most) return;
      if (this.#cutAt > -Infinity && this.#since < this.#size * 2 * PARTS) return;
      this.#streak = 0;
      this.#size = Math.min(this.most, this.#size * 2);
    }
  }

  /** A piece was lost. */
  cut(now: number): void {
    if (now - this.#cutAt < ONE_CUT_MS) return;
    this.#cutAt = now;
    this.#streak = 0;
    this.#shrink(this.#since / PARTS);
    this.#since = 0;
  }

  #shrink(most = Infinity): void {
    this.#size = Math.max(LEAST_PIECE, Math.floor(Math.min(this.#size / 2, most)));
  }
}

/** Time within which a change of speed shows. Milliseconds. */
const SMOOTH_MS = 3_000;
/** Nothing for this long is no speed at all. Milliseconds. */
const STILL_MS = 8_000;

/** Bytes per second, smoothed. */
export class Rate {
  #rate = 0;
  #at: number | null = null;
  /** Bytes that came too close together to be told apart. */
  #held = 0;

  /** It begins now; what came before counts for nothing. */
  begin(now: number): void {
    this.#at = now;
    this.#rate = 0;
    this.#held = 0;
  }

  arrived(bytes: number, now: number): void {
    this.#at ??= now;
    this.#held += bytes;
    const ms = now - this.#at;
    if (ms < 20) return;
    const share = 1 - Math.exp(-ms / SMOOTH_MS);
    const rate = (this.#held / ms) * 1_000;
    // The first figure is the best there is, not a step from nothing.
    this.#rate = this.#rate === 0 ? rate : this.#rate + (rate - this.#rate) * share;
    this.#at = now;
    this.#held = 0;
  }

  /** The rate now; 0 when nothing came for a while. */
  of(now: number): number {
    return this.#at === null || now - this.#at > STILL_MS ? 0 : this.#rate;
  }
}

/** Milliseconds for so many bytes at this rate; null when nothing moves. */
export function timeLeft(bytes: number, rate: number): number | null {
  return rate > 0 ? (bytes / rate) * 1_000 : null;
}

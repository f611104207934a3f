// Keeps a growing page at its end while the reader is there, and leaves it alone as soon as the reader goes up.

/** How near the end counts as being there again. */
const NEAR = 8;

export class Stick {
  #sticking = true;
  #top = 0;
  #height = 0;
  readonly #observer: ResizeObserver;
  readonly #end = new AbortController();

  constructor(
    private readonly scroller: HTMLElement,
    content: HTMLElement,
    private readonly changed: (sticking: boolean) => void,
  ) {
    const options = { passive: true, signal: this.#end.signal };
    scroller.addEventListener("scroll", () => this.#scrolled(), options);
    // The wheel tells of the reader's wish before the page has moved; growth in the same frame must not win.
    scroller.addEventListener("wheel", (event) => event.deltaY < 0 && this.#set(this.#fits()), options);
    this.#observer = new ResizeObserver(() => this.follow());
    this.#observer.observe(content);
    this.#observer.observe(scroller);
    this.toEnd();
  }

  /** Goes to the end and stays there. */
  toEnd(): void {
    this.#set(true);
    this.follow();
  }

  /** Goes to the end if the reader is there. */
  follow(): void {
    if (this.#sticking) this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#remember();
  }

  /** Keeps what is seen in place while `change` puts something above it. */
  async keepPlace(change: () => Promise<void>): Promise<void> {
    const below = this.scroller.scrollHeight - this.scroller.scrollTop;
    await change();
    if (!this.#sticking) this.scroller.scrollTop = this.scroller.scrollHeight - below;
    this.#remember();
  }

  destroy(): void {
    this.#observer.disconnect();
    this.#end.abort();
  }

  #fits(): boolean {
    return this.scroller.scrollHeight <= this.scroller.clientHeight;
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const atEnd = scrollHeight - scrollTop - clientHeight <= NEAR;
    // When the content shrank it was not the reader who moved.
    const wentUp = scrollTop < this.#top - 1 && scrollHeight >= this.#height;
    if (atEnd && !wentUp) this.#set(true);
    else if (wentUp) this.#set(false);
    this.#remember();
  }

  #remember(): void {
    this.#top = this.scroller.scrollTop;
    this.#height = this.scroller.scrollHeight;
  }

  #set(sticking: boolean): void {
    if (sticking === this.#sticking) return;
    this.#sticking = sticking;
    this.changed(sticking);
  }
}

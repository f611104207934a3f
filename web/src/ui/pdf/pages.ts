// The pages of a PDF below each other in a scrolling element. It owns that element's children. Only pages near what is
// seen are drawn, so that a book costs no more than a leaflet.
import type { OpenPdf } from "./engine.ts";
import { locate, type Hit } from "./locate.ts";
import { PageSlot } from "./pageslot.ts";

export interface PagesListener {
  /** Another page is seen now. */
  page(number: number): void;
  /** Whether the passage was found, once that is known. */
  found(found: boolean): void;
  /** How to call a page for a screen reader. */
  label(number: number): string;
}

/** Space around the pages, in pixels. As in pdf.css. */
const AROUND = 12;
const LEAST_ZOOM = 0.5;
const MOST_ZOOM = 4;
/** How long sizes may still change before pages are drawn anew. Milliseconds. */
const SETTLE_MS = 120;
/** How many pages away a passage is looked for, and how much of it must be there then. */
const FAR = 12;
const SURE = 0.6;
/** Where in the view a mark comes to stand. */
const MARK_AT = 0.28;

export class PdfPages {
  readonly #slots: PageSlot[] = [];
  readonly #near = new Set<PageSlot>();
  readonly #end = new AbortController();
  readonly #watch: IntersectionObserver;
  readonly #resize: ResizeObserver;
  #zoom = 1;
  #scale = 1;
  #width = 612;
  #page = 0;
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What was gone to last: later sizes must not carry it away, until the reader moves. */
  #goal: { readonly slot: PageSlot; readonly mark: boolean } | null = null;
  #search = 0;

  constructor(
    private readonly scroller: HTMLElement,
    private readonly open: OpenPdf,
    private readonly listener: PagesListener,
  ) {
    const { signal } = this.#end;
    this.#watch = new IntersectionObserver((entries) => this.#seen(entries), { root: scroller, rootMargin: "60% 0px" });
    this.#resize = new ResizeObserver(() => this.#fit());
    scroller.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
    for (const type of ["wheel", "pointerdown", "keydown"] as const) {
      scroller.addEventListener(type, () => (this.#goal = null), { signal, passive: true });
    }
  }

  get count(): number {
    return this.open.document.numPages;
  }

  get zoom(): number {
    return this.#zoom;
  }

  /** Lays the pages out. All are as large as the first until they are known. */
  async begin(): Promise<void> {
    const first = (await this.open.document.getPage(1)).getViewport({ scale: 1 });
    if (this.#end.signal.aborted) return;
    this.#width = first.width;
    for (let number = 1; number <= this.count; number += 1) {
      const slot = new PageSlot(this.open, number, this.listener.label(number));
      slot.size(first.width, first.height);
      this.#slots.push(slot);
    }
    this.scroller.replaceChildren(...this.#slots.map(({ element }) => element));
    this.#fit();
    this.#resize.observe(this.scroller);
    for (const { element } of this.#slots) this.#watch.observe(element);
    this.#scrolled();
  }

  /** Goes to the top of a page. */
  async go(number: number): Promise<void> {
    const slot = this.#slots[Math.min(Math.max(1, number), this.count) - 1];
    if (!slot) return;
    this.#goal = { slot, mark: false };
    this.#toGoal();
    await slot.load();
    this.#toGoal();
  }

  /** Marks a passage and goes to it. It begins on this page (from 1), or on one beside it. */
  async find(page: number, passage: string): Promise<void> {
    this.#search += 1;
    const search = this.#search;
    for (const slot of this.#slots) slot.mark([]);
    await this.go(page);
    if (passage === "") return;
    const found = await this.#locate(page, passage);
    if (search !== this.#search || this.#end.signal.aborted) return;
    for (const { slot, hits } of found) slot.mark(hits);
    const first = found[0]?.slot;
    this.listener.found(first !== undefined);
    if (!first) return;
    this.#goal = { slot: first, mark: true };
    this.#toGoal();
    await first.show(this.#scale);
    if (search === this.#search) this.#toGoal();
  }

  setZoom(zoom: number): void {
    this.#zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, zoom));
    this.#fit();
  }

  destroy(): void {
    this.#end.abort();
    this.#watch.disconnect();
    this.#resize.disconnect();
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
    for (const slot of this.#near) slot.hide();
    this.scroller.replaceChildren();
  }

  // ---- the passage ----

  async #locate(page: number, passage: string): Promise<{ slot: PageSlot; hits: readonly Hit[] }[]> {
    const at = async (number: number) => {
      const slot = this.#slots[number - 1];
      if (!slot) return null;
      try {
        const { hits, share } = locate(await slot.strings(), passage);
        return { slot, hits, share };
      } catch {
        return null;
      }
    };
    const here = await at(page);
    if (here?.share === 1) return [here];
    // It may go on, or the page may be counted otherwise.
    const beside = [await at(page - 1), here, await at(page + 1)];
    const found = beside.filter((one) => one !== null).filter(({ hits }) => hits.length > 0);
    // A paragraph that goes on for pages is known by the page that it begins on.
    for (let distance = 2; found.length === 0 && distance <= FAR && !this.#end.signal.aborted; distance += 1) {
      for (const number of [page + distance, page - distance]) {
        const far = await at(number);
        if (far && far.share > SURE) return [far];
      }
    }
    return found;
  }

  #toGoal(): void {
    const goal = this.#goal;
    if (!goal) return;
    const { slot, mark } = goal;
    const within = mark ? slot.markTop : null;
    const top = slot.element.offsetTop - AROUND + (within === null ? 0 : within - this.scroller.clientHeight * MARK_AT + AROUND);
    this.scroller.scrollTop = Math.max(0, top);
  }

  // ---- what is seen ----

  #seen(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const slot = this.#slots[Number((target as HTMLElement).dataset["page"]) - 1];
      if (!slot) continue;
      if (isIntersecting) {
        this.#near.add(slot);
        void this.#draw(slot);
      } else if (this.#near.delete(slot)) {
        slot.hide();
      }
    }
  }

  async #draw(slot: PageSlot): Promise<void> {
    try {
      await slot.show(this.#scale);
      if (this.#goal) this.#toGoal();
    } catch {
      // One page that cannot be read is no reason to show none of the others.
    }
  }

  #scrolled(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      const line = this.scroller.scrollTop + this.scroller.clientHeight / 3;
      let [low, high] = [0, this.#slots.length - 1];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if ((this.#slots[middle]?.element.offsetTop ?? 0) <= line) low = middle;
        else high = middle - 1;
      }
      if (low + 1 === this.#page) return;
      this.#page = low + 1;
      this.listener.page(this.#page);
    });
  }

  /** As wide as there is room for, times the zoom. What is read stays in its place. */
  #fit(): void {
    const room = this.scroller.clientWidth - 2 * AROUND;
    if (room <= 0 || this.#slots.length === 0) return;
    const scale = (room / this.#width) * this.#zoom;
    if (Math.abs(scale - this.#scale) < 0.001) return;
    const anchor = this.#slots[Math.max(0, this.#page - 1)]?.element;
    const before = anchor ? (this.scroller.scrollTop - anchor.offsetTop) / Math.max(1, anchor.offsetHeight) : 0;
    this.#scale = scale;
    this.scroller.style.setProperty("--total-scale-factor", String(scale));
    this.scroller.style.setProperty("--scale-round-x", "1px");
    this.scroller.style.setProperty("--scale-round-y", "1px");
    if (this.#goal) this.#toGoal();
    else if (anchor) this.scroller.scrollTop = anchor.offsetTop + before * anchor.offsetHeight;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      for (const slot of this.#near) void this.#draw(slot);
    }, SETTLE_MS);
  }
}

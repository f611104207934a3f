// One page of a PDF on the page: a white sheet of the right size, which is drawn when it comes near and freed when it is
// far. Its text lies over the picture, unseen, to be selected and to find where a passage stands.
import type { PDFPageProxy, RenderTask, TextLayer } from "pdfjs-dist/legacy/build/pdf.mjs";
import type { OpenPdf } from "./engine.ts";
import type { Hit } from "./locate.ts";

/** A canvas of more pixels than this fails on phones. */
const MOST_PIXELS = 12_000_000;

export class PageSlot {
  readonly element = document.createElement("div");
  readonly #canvas = document.createElement("canvas");
  readonly #text = document.createElement("div");
  readonly #marks = document.createElement("div");
  #page: PDFPageProxy | null = null;
  #task: RenderTask | null = null;
  #layer: TextLayer | null = null;
  #hits: readonly Hit[] = [];
  /** The scale that it is drawn at; 0 when it is not. */
  #drawn = 0;
  #turn = 0;
  #textReady: Promise<void> | null = null;

  constructor(
    private readonly open: OpenPdf,
    readonly number: number,
    label: string,
  ) {
    this.element.className = "pdf-page";
    this.element.dataset["page"] = String(number);
    this.element.dataset["testid"] = "pdf-page";
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", label);
    this.#text.className = "textLayer";
    this.#marks.className = "pdf-marks";
    this.#marks.setAttribute("aria-hidden", "true");
  }

  /** Its size in points. */
  size(width: number, height: number): void {
    this.element.style.setProperty("--w", String(width));
    this.element.style.setProperty("--h", String(height));
  }

  async load(): Promise<PDFPageProxy> {
    if (!this.#page) {
      this.#page = await this.open.document.getPage(this.number);
      const { width, height } = this.#page.getViewport({ scale: 1 });
      this.size(width, height);
    }
    return this.#page;
  }

  /** The strings of its text, as the places of a hit count them. */
  async strings(): Promise<readonly string[]> {
    const content = await (await this.load()).getTextContent();
    return content.items.flatMap((item) => ("str" in item ? [item.str] : []));
  }

  mark(hits: readonly Hit[]): void {
    this.#hits = hits;
    this.#placeMarks();
  }

  /** Where the first mark stands, in pixels from the page's top; null when there is none (yet). */
  get markTop(): number | null {
    const first = this.#marks.firstElementChild;
    return first instanceof HTMLElement ? first.offsetTop : null;
  }

  /** Draws it at this scale. Resolves when its text is there. */
  async show(scale: number): Promise<void> {
    if (this.#drawn === scale) return this.#textReady ?? undefined;
    this.#turn += 1;
    const turn = this.#turn;
    this.#drawn = scale;
    const page = await this.load();
    if (turn !== this.#turn) return;
    this.#draw(page, scale);
    this.#textReady ??= this.#layText(page);
    await this.#textReady;
  }

  hide(): void {
    if (this.#drawn === 0) return;
    this.#turn += 1;
    this.#drawn = 0;
    this.#task?.cancel();
    this.#layer?.cancel();
    this.#task = null;
    this.#layer = null;
    this.#textReady = null;
    // A canvas without pixels gives its memory back at once.
    this.#canvas.width = this.#canvas.height = 0;
    this.#text.replaceChildren();
    this.element.replaceChildren();
    this.#page?.cleanup();
  }

  #draw(page: PDFPageProxy, scale: number): void {
    this.#task?.cancel();
    const viewport = page.getViewport({ scale });
    const density = Math.min(devicePixelRatio || 1, 2);
    const most = Math.sqrt(MOST_PIXELS / (viewport.width * viewport.height));
    const ratio = Math.min(density, most);
    // Drawn beside and then put in place: a page that is drawn anew does not go white.
    const canvas = this.#canvas.width === 0 ? this.#canvas : document.createElement("canvas");
    canvas.width = Math.floor(viewport.width * ratio);
    canvas.height = Math.floor(viewport.height * ratio);
    canvas.setAttribute("aria-hidden", "true");
    if (!this.element.firstChild) this.element.append(canvas, this.#marks, this.#text);
    const task = page.render({ canvas, viewport, transform: [ratio, 0, 0, ratio, 0, 0] });
    this.#task = task;
    task.promise.then(
      () => {
        if (this.#task !== task) return;
        this.element.dataset["drawn"] = "";
        const before = this.element.querySelector("canvas");
        if (before && before !== canvas) before.replaceWith(canvas);
      },
      // Cancelled, or a page that cannot be drawn: its text is still there.
      () => undefined,
    );
  }

  async #layText(page: PDFPageProxy): Promise<void> {
    const viewport = page.getViewport({ scale: 1 });
    const layer = new this.open.pdfjs.TextLayer({
      textContentSource: page.streamTextContent({ includeMarkedContent: true, disableNormalization: false }),
      container: this.#text,
      viewport,
    });
    this.#layer = layer;
    try {
      await layer.render();
    } catch {
      return;
    }
    this.#placeMarks();
  }

  /** Draws the marks where the text layer has the passage, as parts of the page, so that they stay right at any scale. */
  #placeMarks(): void {
    const layer = this.#layer;
    this.#marks.replaceChildren();
    if (!layer || layer.textDivs.length === 0) return;
    const page = this.element.getBoundingClientRect();
    if (page.width === 0) return;
    for (const { item, start, end } of this.#hits) {
      const text = layer.textDivs[item]?.firstChild;
      if (!(text instanceof Text)) continue;
      const range = document.createRange();
      range.setStart(text, Math.min(start, text.length));
      range.setEnd(text, Math.min(end, text.length));
      for (const { left, top, width, height } of range.getClientRects()) {
        if (width === 0) continue;
        const mark = document.createElement("div");
        mark.className = "pdf-mark";
        mark.dataset["testid"] = "pdf-mark";
        mark.style.left = `${((left - page.left) / page.width) * 100}%`;
        mark.style.top = `${((top - page.top) / page.height) * 100}%`;
        mark.style.width = `${(width / page.width) * 100}%`;
        mark.style.height = `${(height / page.height) * 100}%`;
        this.#marks.append(mark);
      }
    }
  }
}

// A growing Markdown text on the page. It owns the children of one element and touches only those that changed.
//
// Settled blocks are rendered once, many at a time; the tail is morphed at most once a frame, and less often when it is
// costly, so that a long unfinished list or table cannot take the page's time.
import { BlockStream, type Block } from "./blocks.ts";
import { placeCitations } from "./citations.ts";
import { CodeView } from "./codeview.ts";
import type { Labels } from "./labels.ts";
import { morphChildren, type Claim } from "./morph.ts";
import { sanitize } from "./sanitize.ts";
import { typeset } from "./typeset.ts";

interface Slot {
  block: Block;
  readonly element: HTMLElement;
  readonly code: CodeView | null;
  final: boolean;
}

// The tail may take a quarter of the time.
const REST_FACTOR = 3;
const LONGEST_REST_MS = 400;

export class MarkdownView {
  readonly #root: HTMLElement;
  readonly #labels: Labels;
  #stream = new BlockStream();
  /** The numbers that refer to sources. */
  #cites: ReadonlySet<number> = new Set();
  readonly #slots: Slot[] = [];
  /** Code blocks inside lists and quotes. */
  readonly #nested = new WeakMap<Element, CodeView>();
  #text = "";
  #streaming = false;
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #restUntil = 0;
  #caret: Element | null = null;

  constructor(root: HTMLElement, labels: Labels) {
    this.#root = root;
    this.#labels = labels;
  }

  /** Shows this text from the next frame on. */
  update(text: string, streaming: boolean): void {
    if (text === this.#text && streaming === this.#streaming) return;
    const first = this.#slots.length === 0;
    this.#text = text;
    this.#streaming = streaming;
    // A finished text is shown at once: the page must not jump when a conversation opens.
    if (first || !streaming) this.flush();
    else this.#schedule();
  }

  /** Says which numbers in brackets refer to sources. Others stay text. */
  cite(numbers: ReadonlySet<number>): void {
    if (numbers.size === this.#cites.size && [...numbers].every((number) => this.#cites.has(number))) return;
    this.#cites = numbers;
    this.#stream = new BlockStream(numbers.size > 0);
    this.#dropFrom(0);
    if (this.#text !== "") this.flush();
  }

  /** Shows the last text now. */
  flush(): void {
    this.#cancel();
    const began = performance.now();
    this.#stream.update(this.#text, !this.#streaming);
    this.#render();
    const took = performance.now() - began;
    this.#restUntil = began + took + Math.min(LONGEST_REST_MS, took * REST_FACTOR);
  }

  destroy(): void {
    this.#cancel();
  }

  #schedule(): void {
    if (this.#frame !== 0 || this.#timer !== undefined) return;
    const rest = this.#restUntil - performance.now();
    if (rest > 8) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.flush();
      }, rest);
      return;
    }
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.flush();
    });
  }

  #cancel(): void {
    if (this.#frame !== 0) cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#frame = 0;
    this.#timer = undefined;
  }

  #render(): void {
    const settled = this.#stream.settled;
    const blocks = [...settled, ...this.#stream.tail];
    this.#dropFrom(blocks.length);
    const fresh = Math.min(this.#slots.length, blocks.length);
    for (let at = 0; at < fresh; at += 1) this.#revise(at, blocks[at] as Block, at < settled.length);
    if (fresh < blocks.length) this.#append(blocks.slice(fresh), settled.length - fresh);
    this.#placeCaret();
  }

  #dropFrom(count: number): void {
    while (this.#slots.length > count) this.#slots.pop()?.element.remove();
  }

  /** Makes the slot at `at` show `block`. */
  #revise(at: number, block: Block, final: boolean): void {
    const slot = this.#slots[at] as Slot;
    if (slot.block === block && slot.final === final) return;
    const before = slot.block;
    slot.block = block;
    if (block.kind === "code" && slot.code) {
      slot.code.update(block.text, block.language, final);
    } else if (block.kind === "html" && !slot.code) {
      if (before.kind !== "html" || before.html !== block.html) this.#morph(slot.element, block.html);
      if (before.type !== block.type) slot.element.dataset["type"] = block.type;
    } else {
      const made = this.#make(block, final);
      slot.element.replaceWith(made.element);
      this.#slots[at] = made;
      if (block.kind === "html") this.#morph(made.element, block.html);
    }
    slot.final = final;
  }

  #append(blocks: readonly Block[], finals: number): void {
    const made = blocks.map((block, at) => this.#make(block, at < finals));
    // One pass of the sanitiser for all of them, since each pass has its price. Raw HTML goes through it on its own:
    // only what Markdown alone made is sure to be balanced.
    const plain = made.filter(({ block }) => block.kind === "html" && !/<[a-z!/]/i.test(block.raw));
    const html = plain.map(({ block }) => (block.kind === "html" ? `<div data-block="">${block.html}</div>` : ""));
    const parts = html.length > 1 ? [...sanitize(html.join("")).children] : [];
    const rendered = new Map(parts.length === plain.length ? plain.map((slot, at) => [slot, parts[at]]) : []);
    const fragment = document.createDocumentFragment();
    for (const slot of made) {
      if (slot.block.kind === "html") {
        slot.element.replaceChildren(...(rendered.get(slot) ?? sanitize(slot.block.html)).childNodes);
        placeCitations(slot.element, this.#cites, this.#labels.cite);
        this.#finish(slot.element);
      }
      fragment.append(slot.element);
      this.#slots.push(slot);
    }
    this.#root.append(fragment);
  }

  #make(block: Block, final: boolean): Slot {
    if (block.kind === "code") {
      const code = new CodeView(this.#labels);
      code.update(block.text, block.language, final);
      code.element.classList.add("md-block");
      code.element.dataset["type"] = "code";
      return { block, element: code.element, code, final };
    }
    const element = document.createElement("div");
    element.className = "md-block";
    element.dataset["type"] = block.type;
    return { block, element, code: null, final };
  }

  #morph(element: HTMLElement, html: string): void {
    const next = sanitize(html);
    placeCitations(next, this.#cites, this.#labels.cite);
    morphChildren(element, next, this.#claim);
    this.#finish(element);
  }

  /** Keeps what was enhanced: a formula that is set, a code block with its colours, a table that was scrolled. */
  readonly #claim: Claim = (from, to) => {
    if (from.hasAttribute("data-tex")) {
      if (from.getAttribute("data-tex") === to.getAttribute("data-tex") && from.tagName === to.tagName) return true;
      from.replaceWith(to);
      return true;
    }
    const code = this.#nested.get(from);
    if (code) {
      if (to.tagName === "PRE") code.update(codeOf(to), to.getAttribute("data-lang") ?? "", !this.#streaming);
      else from.replaceWith(to);
      return true;
    }
    if (from.hasAttribute("data-scroll") && to.hasAttribute("data-scroll")) {
      morphChildren(from, to, this.#claim);
      return true;
    }
    return from.getAttribute("data-remote") !== null && from.getAttribute("data-remote") === to.getAttribute("data-remote");
  };

  /** Gives what came out of the sanitiser its behaviour. */
  #finish(element: HTMLElement): void {
    for (const pre of element.querySelectorAll("pre")) {
      if (pre.closest(".md-code")) continue;
      const code = new CodeView(this.#labels);
      code.update(codeOf(pre), pre.getAttribute("data-lang") ?? "", !this.#streaming);
      this.#nested.set(code.element, code);
      pre.replaceWith(code.element);
    }
    for (const table of element.querySelectorAll<HTMLElement>("[data-scroll]")) {
      table.tabIndex = 0;
      table.setAttribute("role", "group");
      table.setAttribute("aria-label", this.#labels.table);
    }
    for (const picture of element.querySelectorAll<HTMLImageElement>("img[data-remote]")) this.#holdPicture(picture);
    typeset(element);
  }

  /** A picture from elsewhere would tell its host who reads what: it becomes a link that the reader may follow. */
  #holdPicture(picture: HTMLImageElement): void {
    const address = picture.dataset["remote"] ?? "";
    const about = picture.alt || hostOf(address);
    if (picture.closest("a")) {
      picture.replaceWith(about);
      return;
    }
    const link = document.createElement("a");
    link.className = "md-picture";
    link.dataset["remote"] = address;
    link.dataset["testid"] = "remote-image";
    link.href = address;
    link.title = address;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    link.textContent = this.#labels.openImage(about);
    picture.replaceWith(link);
  }

  #placeCaret(): void {
    const last = this.#streaming ? caretPlace(this.#slots.at(-1)?.element ?? null) : null;
    const before = this.#caret;
    if (before && before !== last) {
      before.classList.remove("md-caret");
      if (before.classList.length === 0) before.removeAttribute("class");
    }
    last?.classList.add("md-caret");
    this.#caret = last;
  }
}

function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).hostname : address;
}

function codeOf(pre: Element): string {
  return (pre.textContent ?? "").replace(/\n$/, "");
}

/** The innermost block at the end: where the next character will appear. */
function caretPlace(from: Element | null): Element | null {
  let place = from;
  for (;;) {
    const last = place?.lastElementChild;
    if (!last || !/^(?:P|UL|OL|LI|BLOCKQUOTE|H[1-6]|PRE|CODE|DIV|TABLE|TBODY|TR|TD|TH|DETAILS)$/.test(last.tagName)) return place;
    if (last.tagName === "CODE" && place?.tagName !== "PRE") return place;
    if (last.hasAttribute("data-tex")) return place;
    place = last;
  }
}

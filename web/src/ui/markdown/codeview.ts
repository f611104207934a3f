// One code block on the page: its language, a copy button, and the code, which may still grow.
//
// What is added goes into a plain text node at the end, so a growing block never flickers; the colours follow when it
// grew by a fifth, and at the end. That keeps the work of highlighting linear in the length of the code.
import { copyText } from "../clipboard.ts";
import { grammarOf, highlight, loadGrammar } from "./highlight.ts";
import type { Labels } from "./labels.ts";

const SMALLEST_STEP = 240;
// Beyond this the colours cost more than they give.
const MOST_COLOURED = 120_000;

export class CodeView {
  readonly element: HTMLDivElement;
  readonly #coloured: HTMLSpanElement;
  readonly #plain: Text;
  readonly #language: HTMLSpanElement;
  #grammar = "";
  #name: string | null = null;
  #text = "";
  #colouredTo = 0;
  #done = false;

  constructor(labels: Labels) {
    this.element = document.createElement("div");
    this.element.className = "md-code";
    const bar = document.createElement("div");
    bar.className = "md-code-bar";
    this.#language = document.createElement("span");
    this.#language.className = "md-code-language";
    bar.append(this.#language, this.#copyButton(labels));
    const pre = document.createElement("pre");
    pre.tabIndex = 0;
    pre.setAttribute("aria-label", labels.code);
    pre.setAttribute("role", "group");
    const code = document.createElement("code");
    this.#coloured = document.createElement("span");
    this.#plain = document.createTextNode("");
    code.append(this.#coloured, this.#plain);
    pre.append(code);
    this.element.append(bar, pre);
  }

  get text(): string {
    return this.#text;
  }

  update(text: string, language: string, done: boolean): void {
    this.#setLanguage(language);
    if (!text.startsWith(this.#text) || text.length < this.#colouredTo) {
      this.#colouredTo = 0;
      this.#coloured.textContent = "";
      this.#plain.data = text;
    } else if (text.length > this.#text.length) {
      this.#plain.appendData(text.slice(this.#text.length));
    }
    this.#text = text;
    this.#done = done;
    this.#colour();
  }

  #setLanguage(language: string): void {
    if (language === this.#name) return;
    this.#name = language;
    this.#language.textContent = language;
    this.#grammar = grammarOf(language);
    this.#colouredTo = 0;
    if (this.#grammar === "") return;
    void loadGrammar(this.#grammar).then((usable) => {
      if (usable && this.#name === language) this.#colour();
    });
  }

  #colour(): void {
    if (this.#grammar === "" || this.#text.length > MOST_COLOURED) return;
    const end = this.#done ? this.#text.length : this.#text.lastIndexOf("\n") + 1;
    const grown = end - this.#colouredTo;
    if (grown <= 0 || (!this.#done && grown < Math.max(SMALLEST_STEP, this.#text.length / 5))) return;
    const html = highlight(this.#text.slice(0, end), this.#grammar);
    if (html === null) return;
    this.#coloured.innerHTML = html;
    this.#plain.data = this.#text.slice(end);
    this.#colouredTo = end;
  }

  #copyButton(labels: Labels): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "md-code-copy";
    button.textContent = labels.copy;
    button.dataset["testid"] = "copy-code";
    button.addEventListener("click", () => {
      void copyText(this.#text).then((copied) => {
        if (!copied) return;
        button.textContent = labels.copied;
        button.dataset["copied"] = "";
        setTimeout(() => {
          button.textContent = labels.copy;
          delete button.dataset["copied"];
        }, 1_600);
      });
    });
    return button;
  }
}

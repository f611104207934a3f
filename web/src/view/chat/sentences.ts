// What a screen reader is told of a growing answer: whole sentences, each once, without the marks of Markdown.

const END = /[.!?…]["'”’)\]]*(?=\s)|[。！？；]["'”’）】]*|\n/g;

/** Markdown as it would be read aloud. Code and formulas are not. */
export function spoken(markdown: string): string {
  return markdown
    .replace(/^[ \t]*(?:[-*+]|\d{1,9}[.)]|#{1,6}|>)[ \t]+/gm, "")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/[*_~`|]+/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}

export class SentenceFeed {
  #at = 0;
  #inCode = false;

  /** Forgets what was said; text up to `length` counts as said. */
  start(length: number): void {
    this.#at = length;
    this.#inCode = false;
  }

  /** What is new and whole; with `done` also what does not end like a sentence. Empty for nothing yet. */
  next(text: string, done: boolean): string {
    if (text.length < this.#at) this.start(0);
    const rest = text.slice(this.#at);
    let end = 0;
    for (const found of rest.matchAll(END)) end = found.index + found[0].length;
    if (done) end = rest.length;
    this.#at += end;
    return spoken(this.#withoutCode(rest.slice(0, end)));
  }

  #withoutCode(text: string): string {
    const kept: string[] = [];
    for (const line of text.split("\n")) {
      if (/^[ \t]*(?:`{3,}|~{3,})/.test(line)) this.#inCode = !this.#inCode;
      else if (!this.#inCode) kept.push(line);
    }
    return kept.join("\n");
  }
}

// Numbers in brackets that refer to sources, `[1]`, `[1, 2]` or `【1】`, as small buttons. Only numbers that are known to
// refer to something become buttons, and never inside code, links or formulas: `a[1]` in a program stays what it is.

/** What a number is called for a screen reader. */
export type CiteLabel = (number: number) => string;

const REFERENCE = /\[(\d{1,3}(?:\s*[,，、;；]\s*\d{1,3})*)\]|【(\d{1,3}(?:\s*[,，、;；]\s*\d{1,3})*)】/g;
const SKIPPED = "pre, code, kbd, samp, a, button, [data-tex], .md-code, .md-cite";
/** What may still become a reference: it is held back until it is closed. */
const UNFINISHED = /^[[【][\d\s,，、;；]{0,24}$/;

export function mayBecomeReference(text: string): boolean {
  return UNFINISHED.test(text);
}

function numbersOf(list: string): number[] {
  return list.split(/\D+/).filter((digits) => digits !== "").map(Number);
}

interface Found {
  readonly start: number;
  readonly end: number;
  readonly numbers: readonly number[];
}

/** The references of a plain text to numbers that are `known`. Those that name an unknown one stay text. */
export function referencesIn(text: string, known: ReadonlySet<number>): Found[] {
  const found: Found[] = [];
  for (const match of text.matchAll(REFERENCE)) {
    const numbers = numbersOf(match[1] ?? match[2] ?? "");
    if (numbers.every((number) => known.has(number))) {
      found.push({ start: match.index, end: match.index + match[0].length, numbers });
    }
  }
  return found;
}

// Fences, code spans, formulas and links: what is in them is no reference.
const HIDDEN = /^ {0,3}(`{3,}|~{3,})[^]*?(?:^ {0,3}\1[`~]*[ \t]*$|(?![^]))|(`+)(?!`)[^]*?[^`]\2(?!`)|\\\([^]*?\\\)|\\\[[^]*?\\\]|\$\$[^]*?\$\$|!?\[[^\]\n]*\]\([^)\n]*\)/gm;

/** The numbers that a Markdown text refers to, each once, in the order in which they come. */
export function citedIn(markdown: string, known: ReadonlySet<number>): number[] {
  const plain = markdown.replace(HIDDEN, " ");
  return [...new Set(referencesIn(plain, known).flatMap(({ numbers }) => numbers))];
}

function chip(number: number, label: CiteLabel): HTMLElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "md-cite";
  button.dataset["cite"] = String(number);
  button.dataset["testid"] = "citation";
  button.setAttribute("aria-label", label(number));
  button.textContent = String(number);
  return button;
}

/** Puts buttons in the place of references in nodes that are safe already. */
export function placeCitations(root: ParentNode & Node, known: ReadonlySet<number>, label: CiteLabel): void {
  if (known.size === 0) return;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const texts: Text[] = [];
  while (walker.nextNode()) {
    const text = walker.currentNode as Text;
    if (/[[【]\d/.test(text.data) && text.parentElement?.closest(SKIPPED) == null) texts.push(text);
  }
  for (const text of texts) {
    const pieces: (string | Node)[] = [];
    let at = 0;
    for (const { start, end, numbers } of referencesIn(text.data, known)) {
      // No space stands between a word and its number, and the line does not break there.
      pieces.push(text.data.slice(at, start).replace(/[ \t]+$/, ""), ...numbers.map((number) => chip(number, label)));
      at = end;
    }
    if (at === 0) continue;
    pieces.push(text.data.slice(at));
    text.replaceWith(...pieces.filter((piece) => piece !== ""));
  }
}

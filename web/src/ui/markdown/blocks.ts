// A growing Markdown text as a list of blocks of which only the last ones can still change. No DOM.
//
// A block is settled once a later block has a whole line: only then can nothing that follows change it. What is
// settled is parsed once and never again, so the work for a whole answer is linear in its length. The two exceptions
// are rare: a reference definition (`[name]: url`) re-renders the blocks that may use it, and a text that does not
// begin with the earlier one is parsed again from where they part.
import type { Links, Token, Tokens } from "marked";
import { hasOpenBlockMath } from "./math.ts";
import { definitionsIn, languageOf, lex, renderTokens } from "./parser.ts";
import { settle } from "./settle.ts";

export type Block =
  | { readonly kind: "html"; readonly type: string; readonly raw: string; readonly html: string; readonly start: number }
  | {
      readonly kind: "code";
      readonly type: "code";
      readonly raw: string;
      readonly language: string;
      readonly text: string;
      readonly start: number;
    };

interface Group {
  readonly tokens: Token[];
  readonly start: number;
  end: number;
  /** Tags of raw HTML that are open at its end. */
  depth: number;
}

interface OpenFence {
  readonly marker: string;
  readonly language: string;
  readonly bodyStart: number;
  /** Where the first line starts that was not looked at yet. */
  scanned: number;
}

const FENCE = /^(`{3,}|~{3,})([^\n]*)\n/;
const CONTAINER = /<(\/?)(details|div|table|section|article|center|figure|ul|ol|dl|blockquote)\b[^>]*?(\/?)>/gi;
// Below this size a tail is cheap enough to be looked at after each line; above, after it grew by a twelfth.
const SMALL_TAIL = 2_000;

function depthAfter(html: string, depth: number): number {
  let now = depth;
  for (const tag of html.replace(/<!--[^]*?-->/g, "").matchAll(CONTAINER)) {
    if (tag[1] === "/") now = Math.max(0, now - 1);
    else if (tag[3] !== "/") now += 1;
  }
  return now;
}

/** Joins what raw HTML holds together, such as `<details>` and the Markdown inside it. */
function group(tokens: readonly Token[], offset: number): Group[] {
  const groups: Group[] = [];
  let at = offset;
  let open: Group | null = null;
  for (const token of tokens) {
    const start = at;
    at += token.raw.length;
    const depth = token.type === "html" ? depthAfter(token.raw, open?.depth ?? 0) : (open?.depth ?? 0);
    if (open) {
      open.tokens.push(token);
      open.end = at;
      open.depth = depth;
      if (depth === 0) open = null;
      continue;
    }
    const made: Group = { tokens: [token], start, end: at, depth };
    groups.push(made);
    if (depth > 0) open = made;
  }
  return groups;
}

const isBlank = (made: Group): boolean => made.tokens[0]?.type === "space";
const isShown = (made: Group): boolean => !made.tokens.every((token) => token.type === "space" || token.type === "def");

function closingFence(line: string, marker: string): boolean {
  const found = /^ {0,3}(`{3,}|~{3,}) *$/.exec(line)?.[1];
  return found !== undefined && found[0] === marker[0] && found.length >= marker.length;
}

/** Whether nothing that follows can change this group, though it is the last one. */
function isComplete(made: Group): boolean {
  const token = made.tokens[0];
  if (!token || made.tokens.length > 1 || made.depth > 0) return false;
  if (token.type === "blockMath" || token.type === "hr") return true;
  if (token.type === "heading") return /^ {0,3}#/.test(token.raw);
  if (token.type !== "code") return false;
  const marker = /^ {0,3}(`{3,}|~{3,})/.exec(token.raw)?.[1];
  const lines = token.raw.trimEnd().split("\n");
  return marker !== undefined && lines.length > 1 && closingFence(lines.at(-1) ?? "", marker);
}

function toBlock(made: Group): Block {
  const raw = made.tokens.map((token) => token.raw).join("");
  const token = made.tokens[0];
  if (token?.type === "code" && made.tokens.length === 1) {
    const { text, lang } = token as Tokens.Code;
    return { kind: "code", type: "code", raw, language: languageOf(lang), text, start: made.start };
  }
  return { kind: "html", type: token?.type ?? "html", raw, html: renderTokens(made.tokens), start: made.start };
}

export class BlockStream {
  #text = "";
  /** Where what is not settled starts. */
  #start = 0;
  #settled: Block[] = [];
  #links: Links = {};
  #fence: OpenFence | null = null;
  #triedAt = 0;
  #done = false;
  #tail: readonly Block[] | null = null;

  /** `cites`: numbers in brackets refer to sources, and are held back until they are whole. */
  constructor(private readonly cites = false) {}

  get settled(): readonly Block[] {
    return this.#settled;
  }

  /** The blocks that may still change, as they are best shown now. */
  get tail(): readonly Block[] {
    this.#tail ??= this.#done ? [] : this.#makeTail();
    return this.#tail;
  }

  /** Takes the whole text as it is now. `done` says that no more of it comes. */
  update(text: string, done: boolean): void {
    const next = text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
    if (next === this.#text && done === this.#done) return;
    if (this.#done || !next.startsWith(this.#text)) this.#reopen(next);
    this.#text = next;
    this.#done = done;
    this.#tail = null;
    if (done) this.#settle(next.length, true);
    else this.#advance();
  }

  #advance(): void {
    for (;;) {
      if (this.#fence && !this.#followFence(this.#fence)) return;
      const end = this.#text.lastIndexOf("\n") + 1;
      const size = end - this.#start;
      const grown = end - this.#triedAt;
      if (size <= 0 || grown <= 0 || (size > SMALL_TAIL && grown < size / 12)) return;
      this.#triedAt = end;
      this.#settle(end, false);
      if (!this.#fence) return;
    }
  }

  /** Settles what can be settled of the text before `end`. */
  #settle(end: number, all: boolean): void {
    const { tokens } = lex(this.#text.slice(this.#start, end), this.#links);
    const groups = group(tokens, this.#start);
    const count = all ? groups.length : this.#countSettled(groups, end);
    const ready = groups.slice(0, count);
    for (const made of ready) if (isShown(made)) this.#settled.push(toBlock(made));
    this.#start = ready.at(-1)?.end ?? this.#start;
    if (definitionsIn(ready.flatMap((made) => made.tokens), this.#links)) this.#relink();
    const rest = groups[count];
    this.#fence = rest && !all ? this.#openFence(rest) : null;
    if (all) this.#fence = null;
  }

  #countSettled(groups: readonly Group[], end: number): number {
    let last = groups.length - 1;
    while (last >= 0 && isBlank(groups[last] as Group)) last -= 1;
    if (last < 0) return 0;
    const limit = isComplete(groups[last] as Group) ? last + 1 : last;
    for (let at = 0; at < limit; at += 1) {
      const made = groups[at] as Group;
      const type = made.tokens[0]?.type;
      const mayHold = type !== "code" && type !== "blockMath" && type !== "space";
      if (mayHold && /(?:^|\n) {0,3}(?:\$\$|\\\[)/.test(this.#text.slice(made.start, made.end))) {
        if (hasOpenBlockMath(this.#text.slice(made.start, end))) return at;
      }
    }
    return limit;
  }

  #openFence(made: Group): OpenFence | null {
    const token = made.tokens[0];
    if (token?.type !== "code" || made.tokens.length > 1) return null;
    const found = FENCE.exec(this.#text.slice(made.start, made.end));
    if (!found) return null;
    const bodyStart = made.start + found[0].length;
    return { marker: found[1] ?? "", language: languageOf(found[2]), bodyStart, scanned: bodyStart };
  }

  /** Looks for the end of the open code block in the new lines; true when it was found and settled. */
  #followFence(fence: OpenFence): boolean {
    for (;;) {
      const lineEnd = this.#text.indexOf("\n", fence.scanned);
      if (lineEnd < 0) return false;
      if (closingFence(this.#text.slice(fence.scanned, lineEnd), fence.marker)) {
        this.#fence = null;
        this.#settle(lineEnd, true);
        this.#triedAt = 0;
        return true;
      }
      fence.scanned = lineEnd + 1;
    }
  }

  #makeTail(): readonly Block[] {
    const fence = this.#fence;
    if (fence) {
      const partial = this.#text.slice(fence.scanned);
      const end = /^ {0,3}[`~]+ *$/.test(partial) ? fence.scanned : this.#text.length;
      const text = this.#text.slice(fence.bodyStart, end).replace(/\n$/, "");
      return [{ kind: "code", type: "code", raw: "", language: fence.language, text, start: this.#start }];
    }
    const source = settle(this.#text.slice(this.#start), this.cites);
    if (source.trim() === "") return [];
    return group(lex(source, this.#links).tokens, this.#start).filter(isShown).map(toBlock);
  }

  #relink(): void {
    for (const [at, block] of this.#settled.entries()) {
      if (block.kind !== "html" || !block.raw.includes("[")) continue;
      const html = renderTokens(lex(block.raw, this.#links).tokens);
      if (html !== block.html) this.#settled[at] = { ...block, html };
    }
  }

  /** Takes back what a different or longer text may change: it shares only its beginning with the present one. */
  #reopen(next: string): void {
    let shared = 0;
    const most = Math.min(next.length, this.#text.length);
    while (shared < most && next.charCodeAt(shared) === this.#text.charCodeAt(shared)) shared += 1;
    const lines = next.lastIndexOf("\n", shared - 1) + 1;
    let keep = Object.keys(this.#links).length > 0 ? 0 : this.#settled.length;
    while (keep > 0 && (this.#settled[keep]?.start ?? Infinity) >= lines) keep -= 1;
    for (let at = Math.max(0, keep - 4); at < keep; at += 1) {
      if (hasOpenBlockMath(next.slice(this.#settled[at]?.start ?? 0, lines))) keep = at;
    }
    this.#start = this.#settled[keep]?.start ?? (keep === 0 ? 0 : this.#start);
    this.#settled.length = keep;
    if (keep === 0) {
      this.#start = 0;
      this.#links = {};
    }
    this.#fence = null;
    this.#triedAt = 0;
  }
}

// Markdown to tokens and tokens to HTML, as pure text: no DOM, and nothing is safe to show before sanitize.ts saw it.
import { Lexer, Marked, Parser, Renderer, type Links, type Token, type Tokens } from "marked";
import { eastAsianAddress, eastAsianStrong } from "./eastasian.ts";
import { blockMath, escapeHtml, inlineMath } from "./math.ts";

const marked = new Marked({
  gfm: true,
  breaks: true,
  extensions: [blockMath, inlineMath, eastAsianStrong, eastAsianAddress],
  renderer: {
    code({ text, lang }) {
      return `<pre data-lang="${escapeHtml(languageOf(lang))}"><code>${escapeHtml(text)}\n</code></pre>\n`;
    },
    html({ text }) {
      return withoutHandlers(text);
    },
    checkbox({ checked }) {
      return `<span data-task="${checked ? "done" : "open"}">${checked ? "☑" : "☐"}</span> `;
    },
    table(token) {
      return `<div data-scroll="table">${Renderer.prototype.table.call(this, token)}</div>\n`;
    },
  },
});

/**
 * Raw HTML whose event handlers have lost their names. Not what keeps the page safe, that is sanitize.ts: a browser
 * complains about a forbidden handler while the sanitiser parses it, and the console is for real trouble.
 */
function withoutHandlers(html: string): string {
  return html.replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/([\s/"'])on\w+(?=\s*=)/gi, "$1data-dropped"));
}

/** The language that a fence names, in lower case; empty for none. */
export function languageOf(info: string | undefined): string {
  return /^[\w+#.-]*/.exec(info?.trim() ?? "")?.[0].toLowerCase() ?? "";
}

export interface Lexed {
  /** Top-level tokens; their `raw` texts join to the source. */
  readonly tokens: readonly Token[];
}

/** Cuts a text into tokens. `links` are the reference definitions known from elsewhere in the document. */
export function lex(source: string, links: Links): Lexed {
  const lexer = new Lexer(marked.defaults);
  Object.assign(lexer.tokens.links, links);
  return { tokens: lexer.lex(source) };
}

export function renderTokens(tokens: readonly Token[]): string {
  return Parser.parse([...tokens], marked.defaults);
}

/** The reference definitions in these tokens, the first one of a name first. */
export function definitionsIn(tokens: readonly Token[], into: Links): boolean {
  let found = false;
  for (const token of tokens) {
    if (token.type === "def") {
      const { tag, href, title } = token as Tokens.Def;
      if (!Object.hasOwn(into, tag)) {
        into[tag] = { href, title };
        found = true;
      }
    } else if (token.type === "list") {
      for (const item of (token as Tokens.List).items) found = definitionsIn(item.tokens, into) || found;
    } else if (token.type === "blockquote") {
      found = definitionsIn((token as Tokens.Blockquote).tokens, into) || found;
    }
  }
  return found;
}

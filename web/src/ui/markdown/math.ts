// Formulas as Markdown syntax: where one starts and ends. Not the typesetting, which is typeset.ts.
//
// A block formula stands on lines of its own between `$$` and `$$` or `\[` and `\]`, with no blank line inside. An
// inline one stands between `$…$`, `$$…$$`, `\(…\)` or `\[…\]`. Prices are not formulas: `$5 and $10` stays text.
import type { TokenizerAndRendererExtension, Tokens } from "marked";

export interface MathToken extends Tokens.Generic {
  type: "blockMath" | "inlineMath";
  raw: string;
  tex: string;
  display: boolean;
}

const BLOCK =
  /^ {0,3}(?:\$\$((?:(?!\$\$|\n[ \t]*(?:\n|$))[^])+?)\$\$|\\\[((?:(?!\\\]|\n[ \t]*(?:\n|$))[^])+?)\\\])[ \t]*(?:\n|$)/;
const BLOCK_OPENING = /(^|\n) {0,3}(?:\$\$|\\\[)/g;
const DISPLAY = /^\$\$((?:(?!\$\$)[^`])+?)\$\$|^\\\[((?:(?!\\\])[^`])+?)\\\]/;
const PARENS = /^\\\(((?:(?!\\\))[^])+?)\\\)/;
// The text must not begin or end with a space, and no digit may follow: `$5, $6` and `$5-$10` are prices.
const DOLLARS = /^\$(?![\s$])((?:\\[^]|[^\\$`])+?)\$(?![\d$])/;
const PRICE = /^\d[\d.,]*(?:\s*(?:[a-z]{2,}|[\u2e80-\u9fff(])|\s+[a-z]+\s)/i;
const WORD_AFTER = /^(?:th|st|nd|rd|s)?(?![a-z])/i;

function dollars(src: string): MathToken | undefined {
  const found = DOLLARS.exec(src);
  const tex = found?.[1];
  if (!found || tex === undefined || /\s$/.test(tex) || PRICE.test(tex)) return undefined;
  const after = src.slice(found[0].length, found[0].length + 3);
  if (!WORD_AFTER.test(after)) return undefined;
  return { type: "inlineMath", raw: found[0], tex, display: false };
}

function inline(src: string): MathToken | undefined {
  const display = DISPLAY.exec(src);
  if (display) return { type: "inlineMath", raw: display[0], tex: (display[1] ?? display[2] ?? "").trim(), display: true };
  const parens = PARENS.exec(src);
  if (parens) return { type: "inlineMath", raw: parens[0], tex: (parens[1] ?? "").trim(), display: false };
  return src.startsWith("$") ? dollars(src) : undefined;
}

/** Where a whole block formula starts that ends the paragraph at the start of `src`; -1 for none. */
export function blockMathStart(src: string): number {
  const blank = /\n[ \t]*\n/.exec(src);
  const paragraph = blank ? src.slice(0, blank.index + 1) : src;
  for (const opening of paragraph.matchAll(BLOCK_OPENING)) {
    if (opening[1] === "") continue;
    const at = opening.index + 1;
    if (BLOCK.test(paragraph.slice(at))) return at;
  }
  return -1;
}

/** Whether a block formula was opened and neither closed nor given up by a blank line: more text may complete it. */
export function hasOpenBlockMath(src: string): boolean {
  for (const opening of src.matchAll(BLOCK_OPENING)) {
    const at = opening.index + (opening[1]?.length ?? 0);
    const rest = src.slice(at);
    if (!BLOCK.test(rest) && !/\n[ \t]*\n/.test(rest)) return true;
  }
  return false;
}

/** Where the next inline formula may start; -1 for none. A dollar right after a letter or digit does not count. */
function inlineMathStart(src: string): number {
  for (let at = 0; at < src.length; at += 1) {
    const code = src.charCodeAt(at);
    if (code === 0x5c) {
      const next = src[at + 1];
      if (next === "(" || next === "[") return at;
      at += 1;
    } else if (code === 0x24 && (at === 0 || !/[a-z0-9]/i.test(src[at - 1] ?? ""))) {
      return at;
    }
  }
  return -1;
}

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => escapes[char] ?? char);
}

function renderMath(token: Tokens.Generic): string {
  const { tex, display, type } = token as MathToken;
  const tag = type === "blockMath" ? "div" : "span";
  const source = escapeHtml(tex);
  return `<${tag} data-tex="${source}"${display ? ' data-display="true"' : ""}>${source}</${tag}>`;
}

export const blockMath: TokenizerAndRendererExtension = {
  name: "blockMath",
  level: "block",
  start: (src) => {
    const at = blockMathStart(src);
    return at < 0 ? undefined : at;
  },
  tokenizer(src): MathToken | undefined {
    const found = BLOCK.exec(src);
    if (!found) return undefined;
    return { type: "blockMath", raw: found[0], tex: (found[1] ?? found[2] ?? "").trim(), display: true };
  },
  renderer: renderMath,
};

export const inlineMath: TokenizerAndRendererExtension = {
  name: "inlineMath",
  level: "inline",
  start: (src) => {
    const at = inlineMathStart(src);
    return at < 0 ? undefined : at;
  },
  tokenizer: (src) => inline(src),
  renderer: renderMath,
};

// What CommonMark gets wrong for Chinese and Japanese text, as two small syntax extensions.
//
// `**注意：**请看` is not bold by the standard, since its rule for where emphasis ends counts on spaces between words;
// and a bare address swallows the Chinese text that follows it. Models write both all the time.
import type { TokenizerAndRendererExtension, Tokens } from "marked";
import { escapeHtml } from "./math.ts";

const EAST_ASIAN = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\u201c\u201d\u2018\u2019\u3000-\u303f]/;
const STRONG = /^\*\*(?![\s*])((?:\\[^]|[^\\*`\n]|`[^`\n]*`)+?)\*\*(?!\*)/;
const ADDRESS = /^https?:\/\/[^\s<>"'`[\](){}\u2018-\u201d\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]+/i;

export const eastAsianStrong: TokenizerAndRendererExtension = {
  name: "eastAsianStrong",
  level: "inline",
  start: (src) => {
    const at = src.indexOf("**");
    return at < 0 ? undefined : at;
  },
  tokenizer(src) {
    const found = STRONG.exec(src);
    const text = found?.[1];
    if (!found || text === undefined || /\s$/.test(text)) return undefined;
    if (!EAST_ASIAN.test(text) && !EAST_ASIAN.test(src.charAt(found[0].length))) return undefined;
    return { type: "strong", raw: found[0], text, tokens: this.lexer.inlineTokens(text, []) } satisfies Tokens.Strong;
  },
};

export const eastAsianAddress: TokenizerAndRendererExtension = {
  name: "eastAsianAddress",
  level: "inline",
  tokenizer(src) {
    const found = ADDRESS.exec(src);
    if (!found || !EAST_ASIAN.test(src.charAt(found[0].length))) return undefined;
    const href = found[0].replace(/[.,:;!?]+$/, "");
    const text = escapeHtml(href);
    return {
      type: "link", raw: href, text, href, title: null, autolink: true,
      tokens: [{ type: "text", raw: href, text, escaped: true }],
    } satisfies Tokens.Link;
  },
};

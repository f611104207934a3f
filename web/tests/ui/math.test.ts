// What is a formula and what is money; what is bold in Chinese; where an address ends.
import { describe, expect, it } from "vitest";
import { lex, renderTokens } from "../../src/ui/markdown/parser.ts";

const html = (text: string): string => renderTokens(lex(text, {}).tokens).trim();
const formulas = (text: string): string[] => [...html(text).matchAll(/data-tex="([^"]*)"/g)].map((found) => found[1] ?? "");

describe("formulas", () => {
  it.each<[string, string[]]>([
    ["$x$", ["x"]],
    ["a $x^2$ b $y_1$ c", ["x^2", "y_1"]],
    ["\\(a+b\\) and \\[c\\]", ["a+b", "c"]],
    ["$$x$$ inline", ["x"]],
    ["$$\nx\n$$", ["x"]],
    ["\\[\na\n+ b\n= c\n\\]", ["a\n+ b\n= c"]],
    ["Text\n$$\na\n- b\n$$\nmore", ["a\n- b"]],
    ["the $n$th and $x$-axis, 其中$y$是", ["n", "x", "y"]],
    ["- item $x$\n- $$y$$", ["x", "y"]],
    ["| $a$ | b |\n|---|---|\n| $c$ | d |", ["a", "c"]],
    ["**$x$** and *$y$*", ["x", "y"]],
    ["$5 and $10", []],
    ["$5-$10, $1,000 or US$5 and CA$7", []],
    ["It costs $5 (or 3$)", []],
    ["from $20 to $30.", []],
    ["$ x $", []],
    ["\\$x\\$", []],
    ["`$x$` and ``$y$``", []],
    ["```\n$x$\n```", []],
    ["$a `b$ c`", []],
    ["$$\nnever closed\n\nnext", []],
    ["$PATH and $HOME", []],
  ])("%j", (text, expected) => {
    expect(formulas(text)).toEqual(expected);
  });

  it("keeps the source readable and escaped", () => {
    expect(html("$a<b$")).toBe('<p><span data-tex="a&lt;b">a&lt;b</span></p>');
  });
});

describe("East Asian text", () => {
  it.each([
    ["**注意：**请看", "<p><strong>注意：</strong>请看</p>"],
    ["这是**“引号”**中文", "<p>这是<strong>“引号”</strong>中文</p>"],
    ["**重点**。", "<p><strong>重点</strong>。</p>"],
    ["a ** b ** c", "<p>a ** b ** c</p>"],
  ])("%j", (text, expected) => {
    expect(html(text)).toBe(expected);
  });

  it("ends an address where the Chinese text begins", () => {
    expect(html("见https://example.org/a，然后")).toContain('<a href="https://example.org/a">https://example.org/a</a>，然后');
  });
});

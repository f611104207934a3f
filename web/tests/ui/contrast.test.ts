// Text can be read: every pair of ink and paper reaches AA, in light and in dark.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("../../src/ui/tokens.css", import.meta.url), "utf8");
const tokens = new Map([...css.matchAll(/--([\w-]+):\s*light-dark\((#\w{6}),\s*(#\w{6})\)/g)].map(([, name, light, dark]) => [name ?? "", [light ?? "", dark ?? ""]]));

function luminance(hex: string): number {
  const parts = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
  const [r = 0, g = 0, b = 0] = parts.map((part) => (part <= 0.040_45 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

const PAPERS = ["paper", "paper-rail", "paper-soft", "paper-raised"];
const PAIRS: [string, string][] = [
  ...PAPERS.flatMap((paper): [string, string][] => ["ink", "ink-soft", "ink-faint"].map((ink) => [ink, paper])),
  ...["paper", "paper-raised", "paper-code"].map((paper): [string, string] => ["ember", paper]),
  ...["keyword", "string", "number", "title", "type", "comment"].map((part): [string, string] => [`code-${part}`, "paper-code"]),
  ["ink", "paper-code"], ["ink-faint", "paper-code"], ["on-ember", "ember"], ["on-ember", "ember-deep"],
  ["danger", "danger-soft"], ["danger", "paper"], ["danger", "paper-raised"], ["warning", "warning-soft"], ["ink", "warning-soft"],
  ["success", "paper"], ["success", "paper-code"], ["ink", "danger-soft"], ["ink-soft", "trough"], ["ink", "chosen"],
];

describe.each([["light", 0], ["dark", 1]] as const)("%s", (_, at) => {
  it.each(PAIRS)("%s on %s", (ink, paper) => {
    const [text, ground] = [tokens.get(ink)?.[at] ?? "", tokens.get(paper)?.[at] ?? ""];
    expect(text).not.toBe("");
    expect(ground).not.toBe("");
    expect(contrast(text, ground)).toBeGreaterThanOrEqual(4.5);
  });
});

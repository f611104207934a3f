// @vitest-environment jsdom
// Numbers that refer to sources: which become buttons, and that they do so without flicker while a text arrives.
import { beforeAll, describe, expect, it } from "vitest";
import { citedIn } from "../../src/ui/markdown/citations.ts";
import { MarkdownView } from "../../src/ui/markdown/markdownview.ts";

const labels = {
  copy: "Copy",
  copied: "Copied",
  code: "Code",
  table: "Table",
  openImage: (name: string) => name,
  cite: (number: number) => `Source ${number}`,
};
const KNOWN = new Set([1, 2, 3, 12]);

let frames: FrameRequestCallback[] = [];
beforeAll(() => {
  globalThis.requestAnimationFrame = (run) => frames.push(run);
  globalThis.cancelAnimationFrame = () => { frames = []; };
});

function make(known: ReadonlySet<number> = KNOWN): { root: HTMLElement; view: MarkdownView } {
  const root = document.createElement("div");
  const view = new MarkdownView(root, labels);
  view.cite(known);
  return { root, view };
}

/** The text with each button as ‹number›. */
function shown(markdown: string, known?: ReadonlySet<number>): string {
  const { root, view } = make(known);
  view.update(markdown, false);
  return told(root);
}

function told(root: HTMLElement): string {
  const copy = root.cloneNode(true) as HTMLElement;
  for (const button of copy.querySelectorAll("[data-cite]")) button.replaceWith(`‹${button.textContent}›`);
  return (copy.textContent ?? "").trim();
}

describe("a reference", () => {
  it.each([
    ["Two days [1].", "Two days‹1›."],
    ["Both [1][2].", "Both‹1›‹2›."],
    ["Both [1, 2] and [3,12].", "Both‹1›‹2› and‹3›‹12›."],
    ["Apart [1] [2]", "Apart‹1›‹2›"],
    ["两天【1】。还有[2、3]。", "两天‹1›。还有‹2›‹3›。"],
    ["**Bold [1]** and *[2]*", "Bold‹1› and ‹2›"],
    ["- item [1]\n- [2] first", "item‹1›\n‹2› first"],
    ["| a |\n|---|\n| x [1] |", "a\n\n\n\n\nx‹1›"],
    ["# Title [1]", "Title‹1›"],
  ])("%j", (markdown, wanted) => {
    expect(shown(markdown).replace(/\n+/g, "\n")).toBe(wanted.replace(/\n+/g, "\n"));
  });

  it.each([
    ["Unknown [4] and [1, 4].", "Unknown [4] and [1, 4]."],
    ["`a[1]` and a[1]", "a[1] and a‹1›"],
    ["[1](https://example.org) [2]", "1‹2›"],
    ["See [1].\n\n[1]: https://example.org", "See 1."],
    ["$x[1]$ and \\[1\\]", "x[1] and 1"],
    ["![1](https://example.org/a.png)", "Open"],
    ["[x] [1x] [] [1.2] [0]", "[x] [1x] [] [1.2] [0]"],
  ])("is not %j", (markdown, wanted) => {
    expect(shown(markdown).replace(/^1$/, "Open")).toBe(wanted);
  });

  it("is text where nothing is cited, and in code blocks", () => {
    expect(shown("Two [1].", new Set())).toBe("Two [1].");
    const { root, view } = make();
    view.update("```js\na[1] = b[2];\n```\n\n<code>[1]</code>", false);
    expect(root.querySelectorAll("[data-cite]")).toHaveLength(0);
  });

  it("has a name, and becomes one when the sources are told later", () => {
    const { root, view } = make(new Set());
    view.update("Two [1].", false);
    expect(root.querySelector("button")).toBeNull();
    view.cite(KNOWN);
    expect(root.querySelector("button")?.getAttribute("aria-label")).toBe("Source 1");
  });
});

describe("a text that arrives in pieces", () => {
  const TEXT =
    "Fire keeps two days [1], says **the book [2]** and *more [1, 3]*. Not [4] or `a[1]`, see [1](https://example.org).\n\n" +
    "- one [2][3]\n- 【12】两\n\nThe end [12]";

  it("shows a number whole or not at all, and never takes one back", () => {
    const { root, view } = make();
    let count = 0;
    const known = new Map<number, Element>();
    for (let cut = 1; cut <= TEXT.length; cut += 1) {
      view.update(TEXT.slice(0, cut), true);
      view.flush();
      const text = told(root);
      // In code it is no number.
      expect(text, `cut at ${cut}`).not.toMatch(/(?<!a)[[【][\d, ]*$/);
      // A number that may still be a link's text is the one thing that can be taken back.
      if (/\[1\](?:\(\S*)?$/.test(TEXT.slice(0, cut))) continue;
      const buttons = [...root.querySelectorAll("[data-cite]")];
      expect(buttons.length, `cut at ${cut}`).toBeGreaterThanOrEqual(count);
      count = buttons.length;
      for (const [at, button] of buttons.entries()) {
        if (cut < TEXT.indexOf("\n\n")) expect(known.get(at) ?? button, `cut at ${cut}`).toBe(button);
        known.set(at, button);
      }
    }
    view.update(TEXT, false);
    expect(told(root)).toBe(shown(TEXT));
    expect(count).toBe(8);
  });

  it("holds nothing back for good", () => {
    const { root, view } = make();
    view.update("Ends with [1", true);
    view.flush();
    expect(told(root)).toBe("Ends with");
    view.update("Ends with [1", false);
    expect(told(root)).toBe("Ends with [1");
  });
});

describe("what a text cites", () => {
  it("is each number once, as it comes, outside of code and links", () => {
    const text = "B [2], a [1][2].\n```\nx[3]\n```\n`[3]` \\([3]\\) [3](https://example.org) 【12】";
    expect(citedIn(text, KNOWN)).toEqual([2, 1, 12]);
    expect(citedIn("```\nopen [1]", KNOWN)).toEqual([]);
  });
});

// @vitest-environment jsdom
// The Markdown view: whatever way a text arrives, the page ends up the same.
import { beforeAll, describe, expect, it } from "vitest";
import { BlockStream, type Block } from "../../src/ui/markdown/blocks.ts";
import { MarkdownView } from "../../src/ui/markdown/markdownview.ts";

const labels = { copy: "Copy", copied: "Copied", code: "Code", table: "Table", openImage: (name: string) => `Open picture: ${name}`, cite: (number: number) => `Source ${number}` };

const SAMPLES: Record<string, string> = {
  prose: "# Title\n\nSome *text* with **bold**, `code`, ~~old~~ and [a link](https://example.org/a_b).\nSecond line.\n\nSetext\n===\n\n> quote\n> more\n\n---\n\nEnd https://example.org/x.",
  lists: "Steps:\n\n1. one\n2. two\n   - a\n   - b\n\n     para in b\n3. three\n\n   ```js\n   let x = 1;\n   ```\n4. four\n\n- [x] done\n- [ ] open\n\n2024 was\n\n1. a\n\n2. b",
  code: "Look:\n```python\ndef f():\n    return '```'\n\n~~~\n```\nafter\n\n    indented\n\n    more\n\n~~~\nopen to the end\n```\nstill",
  longfence: "````md\n```js\nx\n```\n````\ntext\n``` \nplain\n```",
  table: "Intro:\n| a | b |\n|---|:-:|\n| 1 | `x` |\n| 2 | $y$ |\n\nafter\n\n| not | a table |\n\nend",
  math: "Inline $a^2 + b_1$ and \\(c\\), price $5 and $10.\n\n$$\nx = \\frac{1}{2}\n+ y\n- z\n$$\n\nSo\n\\[\na\n=\nb\n\\]\nwhere $x$-axis, the $n$th.\n\n$$ open\n\nnot math",
  html: "A <b>bold</b> word<br>next\n\n<details>\n<summary>More</summary>\n\nInside *it*\n\n- x\n\n</details>\n\nAfter <div unfinished\n\n<!-- comment -->\n\nEnd <",
  references: "See [docs] and [the site][s].\n\n- item [s]\n\n[docs]: https://example.org/docs\n[s]: https://example.org 'T'\n\nLast [docs].",
  chinese: "**注意：**请看这里。这是**“引号”**中文，见https://example.org/a，然后。\n\n1. **第一**：$x$是变量\n2. 第二\n\n| 列 | 值 |\n|---|---|\n| 一 | 二 |",
  windows: "one\r\n\r\n- a\r\n- b\r\n\r\n```\r\ncode\r\n```\r\nend\r\n",
  nasty: "** * _ ` [x](  ![y]( <a href=\"\n\n***bold and italic** rest*\n\n``a ` b`` $ x $ \\$ 3$\n\n[a](b\n\n#no heading\n#\n\n- \n-\n\n>\n\n|\n|-|",
};

function render(text: string): string {
  const root = document.createElement("div");
  new MarkdownView(root, labels).update(text, false);
  return root.innerHTML;
}

function canonical(root: HTMLElement): string {
  root.normalize();
  return root.innerHTML;
}

const blocksOf = (stream: BlockStream): unknown[] =>
  stream.settled.map((block) => (block.kind === "code" ? [block.language, block.text] : [block.type, block.html]));

function parse(text: string): unknown[] {
  const stream = new BlockStream();
  stream.update(text, true);
  return blocksOf(stream);
}

describe.each(Object.entries(SAMPLES))("a text that arrives in pieces: %s", (_, text) => {
  it("is parsed as if it had come at once, wherever it was cut", () => {
    const whole = parse(text);
    for (let cut = 0; cut <= text.length; cut += 1) {
      const stream = new BlockStream();
      stream.update(text.slice(0, cut), false);
      void stream.tail;
      stream.update(text, true);
      expect(blocksOf(stream), `cut at ${cut}`).toEqual(whole);
    }
  });

  it("is parsed the same after each single character", () => {
    const stream = new BlockStream();
    for (let cut = 1; cut <= text.length; cut += 1) {
      stream.update(text.slice(0, cut), false);
      void stream.tail;
    }
    stream.update(text, true);
    expect(blocksOf(stream)).toEqual(parse(text));
  });

  it("goes on after it was finished, and can be replaced", () => {
    const whole = parse(text);
    for (let cut = 0; cut <= text.length; cut += 1) {
      const stream = new BlockStream();
      stream.update(text.slice(0, cut), true);
      stream.update(text.slice(0, cut + 2), false);
      stream.update(text, true);
      expect(blocksOf(stream), `stopped at ${cut}`).toEqual(whole);
      stream.update(`${text.slice(0, cut)} x`, false);
      stream.update(text, true);
      expect(blocksOf(stream), `replaced at ${cut}`).toEqual(whole);
    }
  });

  it("leaves the same page as if it had come at once", () => {
    const root = document.createElement("div");
    const view = new MarkdownView(root, labels);
    const step = Math.ceil(text.length / 40);
    for (let cut = 1; cut <= text.length; cut += step) {
      view.update(text.slice(0, cut), true);
      view.flush();
    }
    view.update(text, false);
    expect(canonical(root)).toBe(render(text));
  });
});

describe("the work", () => {
  let long = "";
  beforeAll(() => {
    const piece = "A paragraph with **bold** text and `code`.\n\n- item one\n- item two\n\n```js\nconst x = 1;\n```\n\n";
    long = piece.repeat(500);
  });

  it("does not look at settled text again", () => {
    const stream = new BlockStream();
    stream.update(long, false);
    const before = [...stream.settled];
    stream.update(`${long}one more`, false);
    expect(before.length).toBeGreaterThan(1_400);
    expect(stream.settled.every((block, at) => at >= before.length || block === before[at])).toBe(true);
    expect(stream.tail.length).toBeLessThan(3);
  });

  it("keeps the nodes of finished blocks", () => {
    const root = document.createElement("div");
    const view = new MarkdownView(root, labels);
    const text = "First *paragraph*.\n\n```js\nlet a;\n```\n\nLast one grow";
    view.update(text, true);
    view.flush();
    const nodes = [...root.children].slice(0, 2);
    const inner = root.querySelector("em");
    const tail = root.lastElementChild?.firstElementChild;
    view.update(`${text}s and grows`, true);
    view.flush();
    expect([...root.children].slice(0, 2)).toEqual(nodes);
    expect(root.querySelector("em")).toBe(inner);
    expect(root.lastElementChild?.firstElementChild).toBe(tail);
  });
});

const ENTITIES: Record<string, string> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&" };

/** What a reader sees of these blocks, without spaces. */
function seen(blocks: readonly Block[]): string {
  const texts = blocks.map((block) =>
    block.kind === "code"
      ? block.text
      : block.html.replace(/<[^>]*>/g, "").replace(/&(?:lt|gt|quot|amp|#39);/g, (entity) => ENTITIES[entity] ?? entity),
  );
  return texts.join("").replace(/\s+/g, "");
}

describe("what is shown while it grows", () => {
  it.each(["prose", "code", "table", "chinese"])("never shows what it takes back: %s", (name) => {
    const text = SAMPLES[name] ?? "";
    const whole = new BlockStream();
    whole.update(text, true);
    const final = seen(whole.settled);
    const stream = new BlockStream();
    for (let cut = 1; cut <= text.length; cut += 1) {
      stream.update(text.slice(0, cut), false);
      const shown = seen([...stream.settled, ...stream.tail]);
      expect(final.slice(0, shown.length), JSON.stringify(text.slice(0, cut))).toBe(shown);
    }
  });


  const shown = (text: string): string => {
    const root = document.createElement("div");
    const view = new MarkdownView(root, labels);
    view.update(text, true);
    view.flush();
    return root.textContent ?? "";
  };
  it.each([
    ["some **bold", "some bold"],
    ["some **", "some "],
    ["a `co", "a co"],
    ["a [link](https://exam", "a link"],
    ["a [li", "a li"],
    ["![alt](http", ""],
    ["sum $\\frac{1", "sum "],
    ["costs $5", "costs $5"],
    ["text\n\n-", "text"],
    ["text\n\n```py", "text"],
    ["text\n\n| a | b |\n|--", "text"],
    ["text\n\n1", "text"],
    ["a <spa", "a "],
    ["- item **bo", "item bo"],
    ["\\[ x + ", ""],
  ])("%j shows %j", (text, expected) => {
    expect(shown(text).trim()).toBe(expected.trim());
  });
});

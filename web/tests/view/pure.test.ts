// The parts of the views that decide: which keys, which entries, which sentences.
import { describe, expect, it } from "vitest";
import { SentenceFeed } from "../../src/view/chat/sentences.ts";
import { choose, fit, type PaletteEntry } from "../../src/view/palette/entries.ts";

describe("the announcer", () => {
  it("says whole sentences, each once", () => {
    const feed = new SentenceFeed();
    expect(feed.next("The sky is", false)).toBe("");
    expect(feed.next("The sky is blue. It", false)).toBe("The sky is blue.");
    expect(feed.next("The sky is blue. It is wide.", false)).toBe("");
    expect(feed.next("The sky is blue. It is wide. Pi is 3.14 or", false)).toBe("It is wide.");
    expect(feed.next("The sky is blue. It is wide. Pi is 3.14 or so", true)).toBe("Pi is 3.14 or so");
  });

  it("knows where a Chinese sentence ends", () => {
    const feed = new SentenceFeed();
    expect(feed.next("天很蓝。云", false)).toBe("天很蓝。");
  });

  it("leaves out code and the marks of Markdown", () => {
    const feed = new SentenceFeed();
    expect(feed.next("## A **bold** [link](https://x.y)\n```js\nlet x;\n", false)).toBe("A bold link");
    expect(feed.next("## A **bold** [link](https://x.y)\n```js\nlet x;\n```\nDone.\n", false)).toBe("Done.");
  });

  it("starts again when the text was replaced", () => {
    const feed = new SentenceFeed();
    feed.next("One sentence. And", false);
    expect(feed.next("New. ", false)).toBe("New.");
  });
});

const entry = (label: string, group = "g"): PaletteEntry => ({ id: label, label, group, hint: "", checked: false, run: () => undefined });

describe("the palette", () => {
  it("fits when each word is in the label", () => {
    expect(fit("Plan a weekend", "week plan")).toBeGreaterThan(0);
    expect(fit("Plan a weekend", "weeks")).toBe(0);
    expect(fit("如何学习弹吉他", "吉他")).toBeGreaterThan(0);
  });

  it("puts the best first and keeps the headings in order", () => {
    const groups = choose([entry("A new thing", "a"), entry("New chat", "a"), entry("Renew", "b")], "new", {});
    expect(groups.map(({ label }) => label)).toEqual(["a", "b"]);
    expect(groups[0]?.entries.map(({ label }) => label)).toEqual(["New chat", "A new thing"]);
  });

  it("shows no more of a heading than asked", () => {
    const many = Array.from({ length: 9 }, (_, at) => entry(`c${at}`));
    expect(choose(many, "", { g: 4 })[0]?.entries).toHaveLength(4);
  });
});

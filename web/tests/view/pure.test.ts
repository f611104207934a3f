// The parts of the views that decide: which keys, which entries, which sentences.
import { describe, expect, it } from "vitest";
import { SentenceFeed } from "../../src/view/chat/sentences.ts";
import type { MessageView } from "../../src/state/types.ts";
import { Steady } from "../../src/view/chat/steady.ts";
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

const message = (id: string, change: Partial<MessageView> = {}): MessageView => ({
  id, parentId: "", role: "user", parts: [{ kind: "text", text: id }], epoch: 0, status: "done", activity: null, finish: "none",
  error: null, model: "", promptTokens: 0, completionTokens: 0, createdAt: 0, authorId: "", authorName: "", siblingIds: [id], siblingIndex: 0,
  can: { edit: true, regenerate: false, continue: false, retry: false }, ...change,
});
const unable = { edit: false, regenerate: false, continue: false, retry: false };

describe("messages that look the same", () => {
  it("stay the same objects while an answer runs and after it", () => {
    const steady = new Steady();
    const [first] = steady.keep([message("a")], false);
    const during = steady.keep([message("a", { can: unable }), message("b", { status: "streaming" })], true);
    expect(during[0]).toBe(first);
    expect(steady.keep([message("a"), message("b")], false)[0]).toBe(first);
  });

  it("change when something that is seen changed", () => {
    const steady = new Steady();
    const [first] = steady.keep([message("a")], false);
    expect(steady.keep([message("a", { siblingIds: ["a", "b"] })], true)[0]).not.toBe(first);
    expect(steady.keep([message("a", { can: unable })], false)[0]?.can.edit).toBe(false);
    const grown = message("a", { status: "streaming", parts: [{ kind: "text", text: "more" }] });
    expect(steady.keep([grown], true)[0]).toBe(grown);
  });
});

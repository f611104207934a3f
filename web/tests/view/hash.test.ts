// A `#name` in a message, and what an answer drew on. Pure.
import { describe, expect, it } from "vitest";
import type { CitationView, PartView } from "../../src/state/part-types.ts";
import type { MessageView } from "../../src/state/types.ts";
import { attachedTo, drawnOn, hasContent, searchedInVain, searchOf } from "../../src/view/chat/content.ts";
import { fitting, hashAt, withoutHash } from "../../src/view/chat/hash.ts";
import { Steady } from "../../src/view/chat/steady.ts";

/** The text with the caret as `|`. */
function found(text: string): string | null {
  const caret = text.indexOf("|");
  return hashAt(text.replace("|", ""), caret)?.query ?? null;
}

describe("a #name", () => {
  it.each([
    ["#|", ""],
    ["Ask #man|", "man"],
    ["Ask #man| now", "man"],
    ["#火炉|", "火炉"],
    ["请看#手册|", "手册"],
    ["（见＃手册|", "手册"],
    ["请看＃手|册", "手"],
    ["line\n#a|", "a"],
    ["(#a|", "a"],
  ])("%j", (text, query) => {
    expect(found(text)).toBe(query);
  });

  it.each(["# heading|", "a#b|", "C#|", "https://example.org/#part|", "##|", "#a b|", `#${"x".repeat(70)}|`, "no|"])("is not %j", (text) => {
    expect(found(text)).toBeNull();
  });

  it("goes without leaving a hole", () => {
    const take = (text: string): string => {
      const caret = text.indexOf("|");
      const plain = text.replace("|", "");
      const word = hashAt(plain, caret);
      if (!word) throw new Error("none");
      const left = withoutHash(plain, word);
      return `${left.text.slice(0, left.caret)}|${left.text.slice(left.caret)}`;
    };
    expect(take("Ask #man| about wood")).toBe("Ask |about wood");
    expect(take("Ask #man|")).toBe("Ask |");
    expect(take("#man| first")).toBe("|first");
    expect(take("请看#手册|里的内容")).toBe("请看|里的内容");
  });

  it("finds what begins with it first", () => {
    const names = ["Old manuals", "Notes", "Manual"].map((name) => ({ name }));
    expect(fitting(names, "MAN").map(({ name }) => name)).toEqual(["Manual", "Old manuals"]);
    expect(fitting(names, "")).toHaveLength(3);
  });
});

const citation = (number: number, more: Partial<CitationView> = {}): CitationView => ({
  kind: "citation", number, documentId: `d${number}`, fileId: "", title: "a", quote: "q", mediaType: "", page: 0, headings: [], ordinal: 0, ...more,
});

function message(parts: readonly PartView[]): MessageView {
  return {
    id: "m", parentId: "", role: "assistant", parts, epoch: 0, status: "done", activity: null, finish: "complete", error: null,
    model: "", promptTokens: 0, completionTokens: 0, createdAt: 0, authorId: "", authorName: "", siblingIds: ["m"], siblingIndex: 0,
    can: { edit: false, regenerate: true, continue: false, retry: false },
  };
}

describe("what an answer drew on", () => {
  const search: PartView = { kind: "search", query: "q", sources: ["A", "b.pdf"], passageCount: 0, unread: ["b.pdf"] };

  it("is what its text cites, and besides what it was given", () => {
    const drawn = drawnOn(message([search, citation(2), citation(1), citation(3), { kind: "text", text: "Two [3], one [1]." }]));
    expect(drawn.cited.map(({ number }) => number)).toEqual([1, 3]);
    expect(drawn.others.map(({ number }) => number)).toEqual([2]);
  });

  it("is nothing before there is a text", () => {
    expect(hasContent(message([search, citation(1)]))).toBe(false);
    expect(hasContent(message([search, { kind: "text", text: "x" }]))).toBe(true);
  });

  it("tells in vain only of what could be searched", () => {
    expect(searchOf(message([search]))).toBe(search);
    expect(searchedInVain(search)).toEqual(["A"]);
    expect(searchedInVain({ ...search, passageCount: 1 })).toEqual([]);
  });

  it("and what came with a question are apart", () => {
    const file: PartView = { kind: "file", fileId: "f", name: "a", mediaType: "", documentId: "", size: 0 };
    expect(attachedTo(message([file, { kind: "text", text: "x" }]))).toEqual([file]);
  });

  it("keeps the object of a message that was read again", () => {
    const steady = new Steady();
    const [first] = steady.keep([message([citation(1)])], false);
    expect(steady.keep([message([citation(1)])], false)[0]).toBe(first);
    expect(steady.keep([message([citation(1, { quote: "other" })])], false)[0]).not.toBe(first);
  });
});

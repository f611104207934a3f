// Where a passage stands in the text of a page.
import { describe, expect, it } from "vitest";
import { locate } from "../../src/ui/pdf/locate.ts";

/** The passage as it is marked: the marked part of each string. */
function marked(strings: readonly string[], passage: string): string[] {
  return locate(strings, passage).hits.map(({ item, start, end }) => (strings[item] ?? "").slice(start, end));
}

const PAGE = ["Chapter 2", "Care of ", "the hearth", "Ashes are to be re-", "moved every sec-", "ond day, but never", " hot. A hearth warms."];

describe("a passage", () => {
  it("is found over line breaks, hyphens and spaces", () => {
    expect(marked(PAGE, "Ashes are to be removed every second day, but never hot.")).toEqual(["Ashes are to be re", "moved every sec", "ond day, but never", "hot"]);
    expect(locate(PAGE, "Ashes are to be removed every second day").share).toBe(1);
  });

  it("is found whatever the width of its letters, ligatures and case", () => {
    expect(marked(["The ﬁre of Ｐａｇｅ ２"], "the fire of page 2")).toEqual(["The ﬁre of Ｐａｇｅ ２"]);
    expect(marked(["Soft\u00adhyphen and\u200b more"], "softhyphen AND more")).toEqual(["Soft\u00adhyphen and\u200b more"]);
  });

  it("is found in Chinese, with letters outside of the first plane", () => {
    expect(marked(["第二章", "炉灰每两天", "清理一次，", "但不能趁热。"], "炉灰每两天清理一次，但不能趁热。")).toEqual(["炉灰每两天", "清理一次", "但不能趁热"]);
    expect(marked(["看𠮷字", "和火炉"], "𠮷字和火炉")).toEqual(["𠮷字", "和火炉"]);
  });

  it("is found in pieces where something stands between them", () => {
    const page = ["A fire that is lit in the morning keeps until noon", "Fireside manual, page 12", "when its door stays closed and the damper is half open."];
    const found = locate(page, "A fire that is lit in the morning keeps until noon when its door stays closed and the damper is half open.");
    expect(found.hits.map(({ item }) => item)).toEqual([0, 2]);
    expect(found.share).toBeGreaterThan(0.9);
  });

  it("goes on from the page before", () => {
    const passage = `${"What stands on the first of two pages, at some length. ".repeat(3)}And this is how it ends on the second one, which begins with it.`;
    const found = locate(["And this is how it ends on the second one,", "which begins with it.", "Then comes another chapter."], passage);
    expect(found.hits.map(({ item }) => item)).toEqual([0, 1]);
  });

  it("is not found by chance", () => {
    expect(locate(PAGE, "The damper has to be cleaned by a sweep once in a year, says the law.")).toEqual({ hits: [], share: 0 });
    expect(locate(PAGE, "")).toEqual({ hits: [], share: 0 });
    expect(locate([], "ashes")).toEqual({ hits: [], share: 0 });
    expect(locate(PAGE, "—…")).toEqual({ hits: [], share: 0 });
  });

  it("is where most of its pieces are", () => {
    const words = "the ember glows beneath the ashes until the morning comes";
    const page = ["the ember glows beneath the ash", ...Array.from({ length: 40 }, (_, at) => `filler line number ${at}`), `${words} and goes on`];
    expect(locate(page, `${words}, and so it goes`).hits.map(({ item }) => item)).toEqual([41]);
  });
});

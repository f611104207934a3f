// Which models the picker shows, and under which headings.
import { describe, expect, it } from "vitest";
import type { ModelView } from "../../src/state/types.ts";
import { groupModels } from "../../src/view/chat/modelgroups.ts";

function model(id: string, change: Partial<ModelView> = {}): ModelView {
  const [runner = "", name = id] = id.split("/");
  const known = { description: "", contextLength: 0, available: true, reason: "", isDefault: false, loaded: false };
  return { id, name, runner, ...known, aliasOf: [], ...change };
}

const all = [
  model("box/qwen3:8b"),
  model("cloud/gpt-large", { description: "The big one" }),
  model("fast", { runner: "aliases", aliasOf: ["box/qwen3:8b"] }),
  model("box/llama3.2"),
];
const shown = (query: string): [string, string[]][] =>
  groupModels(all, query).map(({ runner, models }) => [runner, models.map(({ id }) => id)]);

describe("the picker", () => {
  it("shows aliases first, then each runner's models", () => {
    expect(shown("")).toEqual([
      ["", ["fast"]],
      ["box", ["box/qwen3:8b", "box/llama3.2"]],
      ["cloud", ["cloud/gpt-large"]],
    ]);
  });

  it("finds by each word, in the id, the name or the description", () => {
    expect(shown("BOX llama")).toEqual([["box", ["box/llama3.2"]]]);
    expect(shown("big")).toEqual([["cloud", ["cloud/gpt-large"]]]);
    expect(shown("nothing")).toEqual([]);
  });
});

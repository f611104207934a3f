// Which models the picker shows, under which headings. Pure.
import type { ModelView } from "../../state/types.ts";

export interface ModelGroup {
  /** The runner; empty for aliases. */
  readonly runner: string;
  readonly models: readonly ModelView[];
}

/** Aliases first, then each runner's models in the order given; only those that hold each word of the query. */
export function groupModels(models: readonly ModelView[], query: string): readonly ModelGroup[] {
  const words = query.toLocaleLowerCase().split(/\s+/).filter((word) => word !== "");
  const groups = new Map<string, ModelView[]>([["", []]]);
  for (const model of models) {
    const text = `${model.name} ${model.id} ${model.description}`.toLocaleLowerCase();
    if (!words.every((word) => text.includes(word))) continue;
    const runner = model.aliasOf.length > 0 ? "" : model.runner;
    const group = groups.get(runner) ?? [];
    groups.set(runner, group);
    group.push(model);
  }
  return [...groups].filter(([, group]) => group.length > 0).map(([runner, group]) => ({ runner, models: group }));
}

// The models that can be chosen.

import type { Model } from "../gen/fireside/v1/model_pb.ts";
import { ModelState, ModelTask } from "../gen/fireside/v1/model_pb.ts";
import { calling, type Api, type RetryOptions } from "../rpc/api.ts";
import { appError } from "./errors.ts";
import type { LiveClient } from "./live-client.ts";
import { Store } from "./store.ts";
import type { Models, ModelsState, ModelView } from "./types.ts";

/** A server with more models than this has other problems than a picker. */
const PAGES = 10;

export class ModelList extends Store<ModelsState> implements Models {
  #all: readonly ModelView[] = [];
  readonly #listed = new Set<string>();
  #turn = 0;

  constructor(
    private readonly api: Api,
    live: LiveClient,
    private readonly retry: RetryOptions,
  ) {
    super({ phase: "loading", models: [], defaultId: "", hint: "", error: null });
    live.listen({
      fresh: () => {
        this.reload();
      },
      account: ({ kind }) => {
        if (kind.case === "modelsChanged") this.reload();
      },
    });
  }

  find(id: string): ModelView | null {
    const wanted = id === "" ? this.get().defaultId : id;
    return this.#all.find((model) => model.id === wanted) ?? null;
  }

  /** Whether a model was listed and is no more. One that never was may still be there: not all are listed. */
  lost(id: string): boolean {
    return this.#listed.has(id) && this.find(id) === null;
  }

  reload(): void {
    this.#turn += 1;
    void this.#load(this.#turn);
  }

  async #load(turn: number): Promise<void> {
    const models: Model[] = [];
    let pageToken = "";
    let hint = "";
    for (let page = 0; page < PAGES; page += 1) {
      const outcome = await calling(
        (options) => this.api.models.listModels({ pageSize: 100, pageToken }, options),
        this.retry,
      );
      if (turn !== this.#turn) return;
      if (!outcome.ok) {
        // What was listed before is better than nothing.
        if (this.get().phase !== "ready") this.update({ phase: "failed", error: appError(outcome.failure) });
        return;
      }
      models.push(...outcome.value.models);
      hint = outcome.value.hint;
      pageToken = outcome.value.nextPageToken;
      if (pageToken === "") break;
    }
    this.#all = models.map(modelView);
    for (const { id } of models) this.#listed.add(id);
    const shown = models.flatMap((model, index) => (isOffered(model) ? [this.#all[index] as ModelView] : []));
    const defaultId = models.find((model) => model.default)?.id ?? "";
    this.set({ phase: "ready", models: shown, defaultId, hint, error: null });
  }
}

/** Whether people may choose it to chat with. */
function isOffered({ hidden, tasks }: Model): boolean {
  return !hidden && (tasks.length === 0 || tasks.some((task) => task !== ModelTask.EMBED));
}

function modelView(model: Model): ModelView {
  return {
    id: model.id,
    name: model.displayName === "" ? model.id : model.displayName,
    runner: model.runner,
    description: model.description,
    contextLength: model.contextLength,
    available: model.state !== ModelState.UNAVAILABLE,
    reason: model.stateMessage,
    isDefault: model.default,
    loaded: model.loaded,
    aliasOf: model.aliasOf,
  };
}

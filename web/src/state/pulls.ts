// The downloads of models that this tab asked runners for. They end with the tab: the server stops what nobody awaits.

import { failureOf } from "../rpc/failure.ts";
import { appError } from "./errors.ts";
import type { RunnerApi } from "./runners.ts";
import type { PullView } from "./runner-types.ts";

export class Pulls {
  readonly #aborts = new Map<number, AbortController>();
  #views: readonly PullView[] = [];
  #next = 1;

  constructor(
    private readonly api: RunnerApi,
    private readonly changed: (views: readonly PullView[]) => void,
    private readonly done: () => void,
  ) {}

  start(runner: string, model: string): void {
    const running = this.#views.some((pull) => pull.runner === runner && pull.model === model && pull.phase === "running");
    if (model === "" || running) return;
    const id = this.#next;
    this.#next += 1;
    const abort = new AbortController();
    this.#aborts.set(id, abort);
    // Another try takes the place of what failed or ended before.
    const others = this.#views.filter((pull) => pull.runner !== runner || pull.model !== model);
    const view: PullView = {
      id, runner, model, phase: "running", status: "", completedBytes: 0, totalBytes: 0, error: null,
    };
    this.#show([...others, view]);
    void this.#read(view, abort.signal);
  }

  /** Ends a download that runs, or forgets one that ended. */
  end(id: number): void {
    this.#aborts.get(id)?.abort();
    this.#aborts.delete(id);
    this.#show(this.#views.filter((pull) => pull.id !== id));
  }

  async #read({ id, runner, model }: PullView, signal: AbortSignal): Promise<void> {
    try {
      for await (const report of this.api.pullModel({ runner, model }, { signal })) {
        if (signal.aborted) return;
        this.#update(id, {
          status: report.status,
          completedBytes: Number(report.completedBytes),
          totalBytes: Number(report.totalBytes),
        });
      }
      this.#update(id, { phase: "done" });
      this.done();
    } catch (caught) {
      if (!signal.aborted) this.#update(id, { phase: "failed", error: appError(failureOf(caught)) });
    }
  }

  #update(id: number, change: Partial<PullView>): void {
    this.#show(this.#views.map((pull) => (pull.id === id ? { ...pull, ...change } : pull)));
  }

  #show(views: readonly PullView[]): void {
    this.#views = views;
    this.changed(views);
  }
}

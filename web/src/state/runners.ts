// The runners and aliases as the settings screen looks after them: a list that is kept fresh while somebody looks,
// and changes that show at once. Loaded with that screen; what a form holds is not here.

import { createClient, type CallOptions, type Client, type Transport } from "@connectrpc/connect";

import type { ModelAlias, Runner } from "../gen/fireside/v1/runner_pb.ts";
import { RunnerService } from "../gen/fireside/v1/runner_service_pb.ts";
import { calling, type Outcome } from "../rpc/api.ts";
import type { Clock } from "../rpc/clock.ts";
import { Code, type Failure } from "../rpc/failure.ts";
import { appError } from "./errors.ts";
import type { LiveClient } from "./live-client.ts";
import type { NoticeKey, NoticeList } from "./notices.ts";
import { Pulls } from "./pulls.ts";
import { fieldErrors, mistakesIn, secretOf, specOf } from "./runner-form.ts";
import type { ModelsOutcome, RunnerDraft, Runners, RunnersState, SaveOutcome, TestOutcome } from "./runner-types.ts";
import { aliasView, healthView, isShown, runnerModel, runnerView } from "./runner-views.ts";
import { Store } from "./store.ts";

export type RunnerApi = Client<typeof RunnerService>;

export interface RunnersOptions {
  readonly transport: Transport;
  readonly live: LiveClient;
  readonly notices: NoticeList;
  readonly clock: Clock;
  readonly random: () => number;
}

/** How often the list is read while somebody looks at it: how runners are changes without an event. Milliseconds. */
const EVERY_MS = 4_000;

const SAVED: SaveOutcome = { ok: true, error: null, fields: {}, stale: false };

export class RunnerAdmin extends Store<RunnersState> implements Runners {
  readonly #api: RunnerApi;
  readonly #pulls: Pulls;
  #records: readonly Runner[] = [];
  #aliases: readonly ModelAlias[] = [];
  /** Changes on their way to the server, by the name of their runner; empty for the order and aliases. */
  readonly #pending = new Map<string, number>();
  /** Grows with each change made here: what was read before it is stale. */
  #revision = 0;
  #watchers = 0;
  #cancelTimer: () => void = () => undefined;
  #unlisten: () => void = () => undefined;
  /** Changes go to the server one after another, as they were made. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: RunnersOptions) {
    super({ phase: "loading", error: null, runners: [], aliases: [], pulls: [] });
    this.#api = createClient(RunnerService, options.transport);
    this.#pulls = new Pulls(
      this.#api,
      (pulls) => {
        this.update({ pulls });
      },
      () => {
        this.reload();
      },
    );
  }

  // ---- reading ----

  watch(): () => void {
    this.#watchers += 1;
    if (this.#watchers === 1) {
      this.#unlisten = this.options.live.listen({
        fresh: () => {
          this.reload();
        },
        account: ({ kind }) => {
          if (kind.case === "modelsChanged") this.reload();
        },
      });
    }
    this.reload();
    let watching = true;
    return () => {
      if (!watching) return;
      watching = false;
      this.#watchers -= 1;
      if (this.#watchers > 0) return;
      this.#unlisten();
      this.#cancelTimer();
    };
  }

  reload(): void {
    void this.#read();
  }

  async #read(): Promise<void> {
    this.#cancelTimer();
    this.#revision += 1;
    const revision = this.#revision;
    const [runners, aliases] = await Promise.all([
      this.#call((options) => this.#api.listRunners({}, options)),
      this.#call((options) => this.#api.listModelAliases({}, options)),
    ]);
    if (revision !== this.#revision) return;
    if (this.#watchers > 0) {
      this.#cancelTimer = this.options.clock.after(EVERY_MS, () => {
        this.reload();
      });
    }
    // What is being changed is shown as it will be, not as the server still has it.
    if (this.#pending.size > 0) return;
    if (runners.ok && aliases.ok) {
      this.#records = runners.value.runners;
      this.#aliases = aliases.value.aliases;
      this.#publish({ phase: "ready", error: null });
      return;
    }
    const cause = runners.ok ? (aliases.ok ? null : aliases.failure) : runners.failure;
    if (cause === null) return;
    // A list that is there stays; the connection says what is wrong.
    if (this.get().phase !== "ready") this.update({ phase: "failed", error: appError(cause) });
  }

  async models(name: string): Promise<ModelsOutcome> {
    const outcome = await this.#call((options) => this.#api.getRunner({ name }, options));
    if (!outcome.ok) return { ok: false, error: appError(outcome.failure) };
    return { ok: true, models: outcome.value.models.map(runnerModel) };
  }

  // ---- a form's verbs ----

  async save(draft: RunnerDraft): Promise<SaveOutcome> {
    const fields = mistakesIn(draft);
    if (Object.keys(fields).length > 0) return { ...SAVED, ok: false, fields };
    const spec = specOf(draft);
    const secret = secretOf(draft);
    const kept = secret === undefined ? {} : { secret };
    const outcome = await this.#change(draft.name, async (options): Promise<Runner | undefined> => {
      if (draft.etag === "") return (await this.#api.createRunner({ spec, secret: secret ?? "" }, options)).runner;
      return (await this.#api.updateRunner({ spec, ...kept, etag: draft.etag }, options)).runner;
    });
    if (outcome.ok) this.#learn(outcome.value);
    this.reload();
    return outcome.ok ? SAVED : refused(outcome.failure, "name");
  }

  async test(draft: RunnerDraft, signal: AbortSignal): Promise<TestOutcome> {
    const fields = mistakesIn(draft);
    if (Object.keys(fields).length > 0) return { ok: false, error: null, fields };
    const secret = secretOf(draft);
    const request = { spec: specOf(draft), ...(secret === undefined ? {} : { secret }) };
    const outcome = await this.#call((options) => this.#api.testRunner(request, options), { attempts: 1, signal });
    if (!outcome.ok) return { ...refused(outcome.failure, "name"), ok: false };
    return { ok: true, status: healthView(outcome.value.status), models: outcome.value.models.map(runnerModel) };
  }

  async saveAlias(alias: string, targets: readonly string[], isNew: boolean): Promise<SaveOutcome> {
    const wanted = alias.trim();
    const chosen = targets.map((target) => target.trim()).filter((target) => target !== "");
    if (wanted === "") return { ...SAVED, ok: false, fields: { alias: { key: "alias.wrong.name", message: "" } } };
    if (chosen.length === 0) return { ...SAVED, ok: false, fields: { targets: { key: "alias.wrong.targets", message: "" } } };
    if (isNew && this.#aliases.some((known) => known.alias === wanted)) {
      return { ...SAVED, ok: false, fields: { alias: { key: "alias.wrong.taken", message: "" } } };
    }
    const request = { alias: { alias: wanted, targets: chosen } };
    const outcome = await this.#change("", (options) => this.#api.setModelAlias(request, options));
    this.reload();
    return outcome.ok ? SAVED : refused(outcome.failure, "alias");
  }

  // ---- verbs that show at once ----

  switch(name: string, on: boolean): void {
    const record = this.#records.find(({ spec }) => spec?.name === name);
    if (record?.spec === undefined || record.spec.disabled === !on) return;
    const spec = { ...record.spec, disabled: !on };
    this.#show(this.#records.map((other) => (other === record ? { ...record, spec } : other)));
    this.#tell(name, "notice.runner.switch", async (options) => {
      // A change before this one, still on its way when this was asked for, has given it another etag.
      const etag = this.#records.find((other) => other.spec?.name === name)?.etag ?? "";
      const { runner } = await this.#api.updateRunner({ spec, etag }, options);
      const renewed = runner?.etag ?? "";
      this.#show(this.#records.map((other) => (other.spec?.name === name ? { ...other, etag: renewed } : other)));
    });
  }

  remove(name: string): void {
    this.#show(this.#records.filter(({ spec }) => spec?.name !== name));
    this.#tell(name, "notice.runner.delete", (options) => this.#api.deleteRunner({ name }, options));
  }

  move(name: string, place: number): void {
    const shown = this.#records.filter(isShown);
    const moved = shown.find(({ spec }) => spec?.name === name);
    if (moved === undefined) return;
    const order = shown.filter((record) => record !== moved);
    order.splice(Math.max(0, Math.min(place, order.length)), 0, moved);
    // The server wants all names: what is not shown stays where it is.
    for (const [index, record] of this.#records.entries()) if (!isShown(record)) order.splice(index, 0, record);
    if (order.every((record, index) => record === this.#records[index])) return;
    this.#show(order);
    const names = order.map(({ spec }) => spec?.name ?? "");
    this.#tell("", "notice.runner.order", (options) => this.#api.orderRunners({ names }, options));
  }

  removeAlias(alias: string): void {
    this.#aliases = this.#aliases.filter((other) => other.alias !== alias);
    this.#show(this.#records);
    this.#tell("", "notice.alias.delete", (options) => this.#api.deleteModelAlias({ alias }, options));
  }

  pull(runner: string, model: string): void {
    this.#pulls.start(runner, model.trim());
  }

  endPull(id: number): void {
    this.#pulls.end(id);
  }

  // ---- calls ----

  #call<T>(
    call: (options: CallOptions) => Promise<T>,
    more: { readonly attempts?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Outcome<T>> {
    return calling(call, { clock: this.options.clock, random: this.options.random, ...more });
  }

  /** Makes a change after those before it. Once: repeated, it could be refused for what it did itself. */
  #change<T>(name: string, call: (options: CallOptions) => Promise<T>): Promise<Outcome<T>> {
    this.#count(name, 1);
    const run = async (): Promise<Outcome<T>> => {
      const outcome = await this.#call(call, { attempts: 1 });
      this.#count(name, -1);
      return outcome;
    };
    const last = this.#queue.then(run);
    this.#queue = last;
    return last;
  }

  #count(name: string, by: number): void {
    const count = (this.#pending.get(name) ?? 0) + by;
    if (count > 0) this.#pending.set(name, count);
    else this.#pending.delete(name);
    this.#revision += 1;
    this.#publish();
  }

  /** Makes a change that is shown already; when it fails, the list is read anew and a notice says so. */
  #tell(name: string, action: NoticeKey, call: (options: CallOptions) => Promise<unknown>): void {
    void this.#change(name, call).then((outcome) => {
      const gone = !outcome.ok && outcome.failure.code === Code.NotFound;
      if (!outcome.ok && !gone) this.options.notices.push(action, appError(outcome.failure));
      this.reload();
    });
  }

  // ---- showing ----

  #learn(runner: Runner | undefined): void {
    if (runner?.spec === undefined) return;
    const { name } = runner.spec;
    const known = this.#records.some(({ spec }) => spec?.name === name);
    const replaced = this.#records.map((record) => (record.spec?.name === name ? runner : record));
    this.#show(known ? replaced : [...replaced, runner]);
  }

  #show(records: readonly Runner[]): void {
    this.#records = records;
    this.#publish();
  }

  #publish(change: Partial<RunnersState> = {}): void {
    const runners = this.#records.filter(isShown).flatMap((record) => {
      const view = runnerView(record, this.#pending.has(record.spec?.name ?? ""));
      return view === null ? [] : [view];
    });
    this.update({ runners, aliases: this.#aliases.map(aliasView), ...change });
  }
}

/** What a form shows of a refusal. */
function refused(cause: Failure, named: "name" | "alias"): SaveOutcome {
  const fields = { ...fieldErrors(cause.violations) };
  if (cause.code === Code.AlreadyExists && named === "name") fields.name = { key: "runner.wrong.taken", message: "" };
  if (cause.reason === "SECRET_REQUIRED") fields.secret = { key: "runner.wrong.secret", message: "" };
  const told = Object.keys(fields).length > 0;
  return { ok: false, error: told ? null : appError(cause), fields, stale: cause.code === Code.Aborted };
}

// The service of runners in memory: what a test puts in, in its order, with etags.

import { clone, create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";

import { ModelSchema } from "../../src/gen/fireside/v1/model_pb.ts";
import {
  ModelAliasSchema,
  RunnerHealth,
  RunnerSchema,
  RunnerSource,
  RunnerSpecSchema,
  RunnerStatusSchema,
  type ModelAlias,
  type Runner,
  type RunnerSpec,
} from "../../src/gen/fireside/v1/runner_pb.ts";
import { RunnerService, type PullModelResponseSchema } from "../../src/gen/fireside/v1/runner_service_pb.ts";

type Unary = <T>(method: string, context: HandlerContext, answer: () => T) => Promise<T>;

export class TestRunners {
  runners: Runner[] = [];
  aliases: ModelAlias[] = [];
  readonly secrets = new Map<string, string>();
  /** What was tried, with the secret that came along. */
  readonly tested: { readonly spec: RunnerSpec; readonly secret: string | undefined }[] = [];
  /** Ends the downloads that run. */
  finishPull: () => void = () => undefined;
  pullsCut = 0;
  #revision = 0;

  add(name: string, init: Partial<Runner> = {}): Runner {
    const spec = create(RunnerSpecSchema, { name, kind: 3, addresses: [`http://${name}:11434`] });
    const source = RunnerSource.API;
    const status = create(RunnerStatusSchema, { health: RunnerHealth.OK, modelCount: 1 });
    const runner = create(RunnerSchema, { spec, source, status, etag: this.#etag(), ...init });
    this.runners.push(runner);
    return runner;
  }

  get names(): string[] {
    return this.runners.map(({ spec }) => spec?.name ?? "");
  }

  find(name: string): Runner {
    const found = this.runners.find(({ spec }) => spec?.name === name);
    if (found === undefined) throw new ConnectError("no such runner", Code.NotFound);
    return found;
  }

  create(spec: RunnerSpec, secret: string): Runner {
    if (this.names.includes(spec.name)) throw new ConnectError("taken", Code.AlreadyExists);
    const runner = this.add(spec.name, { spec, hasSecret: secret !== "" });
    this.secrets.set(spec.name, secret);
    return runner;
  }

  change(spec: RunnerSpec, secret: string | undefined, etag: string): Runner {
    const runner = this.find(spec.name);
    if (etag !== "" && etag !== runner.etag) throw new ConnectError("stale", Code.Aborted);
    runner.spec = spec;
    runner.etag = this.#etag();
    if (secret !== undefined) {
      runner.hasSecret = secret !== "";
      this.secrets.set(spec.name, secret);
    }
    return runner;
  }

  #etag(): string {
    this.#revision += 1;
    return `e${this.#revision}`;
  }
}

/** A pull reports twice, then waits for the test or for the caller to go. */
async function* pull(book: TestRunners, context: HandlerContext): AsyncGenerator<MessageInitShape<typeof PullModelResponseSchema>> {
  yield { status: "pulling manifest" };
  yield { status: "pulling", completedBytes: 30n, totalBytes: 120n };
  await new Promise<void>((resolve) => {
    book.finishPull = resolve;
    context.signal.addEventListener("abort", () => {
      book.pullsCut += 1;
      resolve();
    });
  });
}

export function serveRunners(router: ConnectRouter, book: TestRunners, unary: Unary): void {
  const copy = (runner: Runner): Runner => clone(RunnerSchema, runner);
  const spec = ({ spec: given }: { spec?: RunnerSpec | undefined }): RunnerSpec => given ?? create(RunnerSpecSchema);
  router.service(RunnerService, {
    listRunners: (_, c) => unary("listRunners", c, () => ({ runners: book.runners.map(copy) })),
    getRunner: (r, c) =>
      unary("getRunner", c, () => ({
        runner: copy(book.find(r.name)),
        models: [create(ModelSchema, { id: `${r.name}/m`, loaded: true })],
      })),
    createRunner: (r, c) => unary("createRunner", c, () => ({ runner: copy(book.create(spec(r), r.secret)) })),
    updateRunner: (r, c) => unary("updateRunner", c, () => ({ runner: copy(book.change(spec(r), r.secret, r.etag)) })),
    deleteRunner: (r, c) =>
      unary("deleteRunner", c, () => {
        book.runners.splice(book.runners.indexOf(book.find(r.name)), 1);
        return {};
      }),
    orderRunners: (r, c) =>
      unary("orderRunners", c, () => {
        book.runners = r.names.map((name) => book.find(name));
        return { runners: book.runners.map(copy) };
      }),
    testRunner: (r, c) =>
      unary("testRunner", c, () => {
        book.tested.push({ spec: spec(r), secret: r.secret });
        return { status: { health: RunnerHealth.OK, modelCount: 1 }, models: [{ id: `${r.spec?.name}/m` }] };
      }),
    pullModel: (_, c) => pull(book, c),
    listModelAliases: (_, c) => unary("listModelAliases", c, () => ({ aliases: book.aliases })),
    setModelAlias: (r, c) =>
      unary("setModelAlias", c, () => {
        const alias = create(ModelAliasSchema, { alias: r.alias?.alias ?? "", targets: r.alias?.targets ?? [], source: RunnerSource.API });
        book.aliases = [...book.aliases.filter((other) => other.alias !== alias.alias), alias];
        return { alias };
      }),
    deleteModelAlias: (r, c) =>
      unary("deleteModelAlias", c, () => {
        book.aliases = book.aliases.filter((other) => other.alias !== r.alias);
        return {};
      }),
  });
}

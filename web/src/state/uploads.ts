// All uploads of this page: which of them run, what is refused before anything is sent, and what the views see of it.
// One file on its way is upload-task.ts. Loaded with the first file that is added.

import { createClient, type Client, type Transport } from "@connectrpc/connect";

import { FileService } from "../gen/fireside/v1/file_service_pb.ts";
import { UploadService } from "../gen/fireside/v1/upload_service_pb.ts";
import { calling } from "../rpc/api.ts";
import { backoff, wait, type Clock } from "../rpc/clock.ts";
import { isTransient } from "../rpc/failure.ts";
import { appError } from "./errors.ts";
import { newId } from "./ids.ts";
import type { LiveClient } from "./live-client.ts";
import { Coalescer, slowly } from "./scheduler.ts";
import type { KeyStore } from "./storage.ts";
import { Store } from "./store.ts";
import type { AppError } from "./types.ts";
import { limitsView, refusalOfFile } from "./upload-limits.ts";
import { Pace, Rate } from "./upload-pace.ts";
import { sumsOf, type Append, type Check } from "./upload-piece.ts";
import { markOf, UploadRegistry } from "./upload-registry.ts";
import { UploadTask, type Hash, type TaskServices } from "./upload-task.ts";
import type { Incoming, LocalFile, Uploads, UploadsState, UploadTarget, UploadView } from "./upload-types.ts";
import { UnfinishedUploads } from "./upload-unfinished.ts";

export interface UploadOptions {
  readonly transport: Transport;
  readonly live: LiveClient;
  /** The account's. */
  readonly storage: KeyStore;
  readonly clock: Clock;
  readonly random: () => number;
  readonly hash: Hash;
  /** Where it can be done better than by reading the piece and sending its bytes. */
  readonly append?: Append | undefined;
  /** Where checksums can be computed elsewhere than where the page is drawn. */
  readonly check?: Check | undefined;
}

/** Files that are sent at a time. Over HTTP/1.1 a browser has six connections, and the page needs some. */
const AT_A_TIME = 3;
/** One more for a message's attachments, which do not wait for a library of thousands. */
const ATTACHMENTS = 4;
/** How often views are told at most: of what happened, and of how far uploads came, which costs as much as sending. Milliseconds. */
const TELL_MS = 60;
const MOVE_MS = 250;
const TICK_MS = 1_000;
/** For how long what the limits were is good enough. Milliseconds. */
const FRESH_MS = 10_000;
const BEST_PIECE = 1024 * 1024;
const LARGEST_PIECE = 4 * 1024 * 1024;

const WAITING = new Set(["queued", "checking", "sending", "finishing", "waiting"]);

export class UploadEngine extends Store<UploadsState> implements Uploads {
  readonly #tasks = new Map<string, UploadTask>();
  /** Those that nothing speaks against. */
  readonly #admitted = new Set<UploadTask>();
  readonly #services: TaskServices;
  readonly #files: Client<typeof FileService>;
  readonly #registry: UploadRegistry;
  readonly #unfinished: UnfinishedUploads;
  readonly #rate = new Rate();
  #pace = new Pace(BEST_PIECE, LARGEST_PIECE);
  #limitsAt = -Infinity;
  #admission: Promise<void> = Promise.resolve();
  #hurry: () => void = () => undefined;
  readonly #news: Coalescer;
  readonly #moves: Coalescer;
  #ticking = false;

  constructor(private readonly options: UploadOptions) {
    super({ items: [], unfinished: [], limits: null, rate: 0 });
    const { transport, storage, clock, random, hash, live } = options;
    this.#news = new Coalescer(slowly(clock, TELL_MS), () => { this.#tell(); });
    this.#moves = new Coalescer(slowly(clock, MOVE_MS), () => { this.#tell(); });
    this.#files = createClient(FileService, transport);
    this.#registry = new UploadRegistry(storage, clock, newId(clock.now()));
    const api = createClient(UploadService, transport);
    this.#services = {
      api,
      append: options.append ?? (async ({ slice, uploadId, offset, sums }, call) => {
        const data = new Uint8Array(await slice.arrayBuffer());
        return api.appendUpload({ uploadId, offset, segmentCrc32s: [...sums], data }, call);
      }),
      check: options.check ?? sumsOf,
      clock,
      random,
      hash,
      registry: this.#registry,
      pace: () => this.#pace,
      arrived: (bytes) => { this.#rate.arrived(bytes, clock.now()); },
      changed: () => { this.#news.soon(); },
      moved: () => { this.#moves.soon(); },
    };
    this.#unfinished = new UnfinishedUploads(this.#services);
    live.link.subscribe(({ kind }) => {
      if (kind === "live") this.#kick();
    });
    live.listen({
      fresh: () => { if (this.#unfinished.looked) this.look(); },
      // Another tab may go on with what this one had, at once.
      left: () => { this.#registry.leave(); },
    });
  }

  override get(): UploadsState {
    this.#news.flush();
    this.#moves.flush();
    return super.get();
  }

  add(files: readonly Incoming[], target: UploadTarget): readonly string[] {
    const fresh: UploadTask[] = [];
    const ids = files.map((incoming) => {
      const known = this.#underWay(markOf(incoming.file), target.collectionId, incoming.folder);
      if (known !== null) return known.id;
      const task = new UploadTask(this.#services, incoming, target);
      this.#tasks.set(task.id, task);
      fresh.push(task);
      return task.id;
    });
    if (fresh.length > 0) this.#admit(fresh);
    this.#news.soon();
    return ids;
  }

  item(id: string): UploadView | null {
    return this.#tasks.get(id)?.view() ?? null;
  }

  pause(id: string): void {
    const task = this.#tasks.get(id);
    if (task !== undefined && WAITING.has(task.phase)) task.hold("paused");
    this.#fill();
  }

  resume(id: string): void {
    const task = this.#tasks.get(id);
    if (task?.phase === "paused" || task?.phase === "elsewhere") this.#again(task);
  }

  retry(id: string): void {
    const task = this.#tasks.get(id);
    if (task?.phase === "waiting") task.kick();
    else if (task?.phase === "failed" || task?.phase === "elsewhere") this.#again(task);
    else if (task?.phase === "refused") {
      task.hold("queued");
      this.#limitsAt = -Infinity;
      this.#admit([task]);
    }
  }

  pauseAll(): void {
    for (const task of this.#library()) if (WAITING.has(task.phase)) task.hold("paused");
  }

  resumeAll(): void {
    for (const task of this.#library()) if (task.phase === "paused") task.hold("queued");
    this.#fill();
  }

  clear(): void {
    for (const task of this.#library()) if (task.phase === "done" || task.phase === "refused") this.#drop(task);
    this.#news.soon();
  }

  remove(id: string, { keep = false }: { readonly keep?: boolean } = {}): void {
    const task = this.#tasks.get(id);
    if (task === undefined) return;
    const { phase, begun, uploadId } = task;
    const fileId = task.view().file?.fileId ?? "";
    task.stop();
    this.#drop(task);
    if (phase === "done") {
      if (fileId !== "" && !keep && task.target.collectionId === "") this.#call((options) => this.#files.deleteFile({ fileId }, options));
    } else if (phase !== "elsewhere") {
      this.#registry.end(uploadId);
      // A call that was under way may have begun it.
      if (begun || WAITING.has(phase)) this.#cancel(uploadId);
    }
    this.#fill();
    this.#news.soon();
  }

  look(): void {
    void this.#unfinished.read();
  }

  goOn(unfinishedId: string, file: LocalFile): boolean {
    const record = this.#unfinished.get(unfinishedId);
    if (record === null || record.size !== BigInt(file.size)) return false;
    // Without a fingerprint, as other clients begin uploads, the name tells.
    if (record.fingerprint === "" ? record.name !== file.name : record.fingerprint !== markOf(file)) return false;
    const { collectionId, folder } = record;
    if (this.#underWay(markOf(file), collectionId, folder) !== null) return true;
    const task = new UploadTask(this.#services, { file, folder }, { collectionId });
    task.adopt(record.id);
    this.#tasks.set(task.id, task);
    this.#again(task);
    return true;
  }

  discard(unfinishedId: string): void {
    this.#unfinished.drop(unfinishedId);
    this.#registry.end(unfinishedId);
    this.#cancel(unfinishedId);
    this.#news.soon();
  }

  // ---- what may be sent ----

  #library(): UploadTask[] {
    return [...this.#tasks.values()].filter(({ target }) => target.collectionId !== "");
  }

  /** The same file on its way to the same place. */
  #underWay(mark: string, collectionId: string, folder: string): UploadTask | null {
    for (const task of this.#tasks.values()) {
      const same = task.mark === mark && task.folder === folder && task.target.collectionId === collectionId;
      if (same && (WAITING.has(task.phase) || task.phase === "paused")) return task;
    }
    return null;
  }

  /** One batch after the other, since each counts on what those before will take. */
  #admit(tasks: readonly UploadTask[]): void {
    this.#admission = this.#admission.then(() => this.#judge(tasks));
  }

  async #judge(tasks: readonly UploadTask[]): Promise<void> {
    const [error, others] = await Promise.all([this.#readLimits(), this.#takenElsewhere(tasks)]);
    const { limits } = super.get();
    let pending = 0;
    for (const task of this.#admitted) if (!task.begun && task.phase !== "failed") pending += task.file.size;
    for (const task of tasks) {
      if (!this.#tasks.has(task.id) || task.phase !== "queued") continue;
      const known = this.#registry.find(task.mark, task.target.collectionId, task.folder)?.uploadId
        ?? this.#unfinished.find(task.mark, task.target.collectionId, task.folder)?.id;
      const refusal = limits === null || known !== undefined ? null : refusalOfFile(task.file, task.folder, limits, pending);
      if (known !== undefined) task.adopt(known);
      if (refusal !== null) task.refuse(refusal);
      else if (error !== null) task.refuse(error, "failed");
      else if (known !== undefined && others.has(known)) task.elsewhere();
      else {
        pending += task.file.size;
        this.#admitted.add(task);
      }
    }
    this.#fill();
  }

  #takenElsewhere(tasks: readonly UploadTask[]): Promise<ReadonlySet<string>> {
    const doubtful = tasks.some(({ mark, target, folder }) => (this.#registry.find(mark, target.collectionId, folder)?.tab ?? "") !== "");
    return doubtful ? this.#registry.heldByOthers() : Promise.resolve(new Set());
  }

  /** Reads the limits, for as long as that takes. Resolves with what makes them unreadable for good. */
  async #readLimits(): Promise<AppError | null> {
    const { clock, random } = this.options;
    if (clock.now() - this.#limitsAt < FRESH_MS) return null;
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await calling((options) => this.#services.api.getUploadLimits({}, options), { clock, random, attempts: 1 });
      if (outcome.ok) {
        this.#take(outcome.value.limits);
        return null;
      }
      const { failure } = outcome;
      if (!isTransient(failure) && appError(failure).kind !== "unauthenticated") return appError(failure);
      const enough = new AbortController();
      this.#hurry = () => { enough.abort(); };
      await wait(clock, Math.max(failure.retryAfterMs, backoff(attempt, 500, 15_000, random)), enough.signal);
    }
  }

  #take(limits: Parameters<typeof limitsView>[0] | undefined): void {
    if (limits === undefined) return;
    const first = this.#limitsAt === -Infinity && super.get().limits === null;
    this.#limitsAt = this.options.clock.now();
    const largest = (this.options.append === undefined ? 0 : limits.maxStreamedPieceBytes) || limits.maxPieceBytes || LARGEST_PIECE;
    if (first) this.#pace = new Pace(limits.pieceBytes || BEST_PIECE, largest);
    this.update({ limits: limitsView(limits) });
  }

  // ---- what runs ----

  #again(task: UploadTask): void {
    task.hold("queued");
    this.#admitted.add(task);
    this.#fill();
  }

  #fill(): void {
    const waiting = [...this.#admitted].filter((task) => task.phase === "queued" && !task.running);
    let running = 0;
    for (const task of this.#admitted) if (task.running) running += 1;
    const start = (task: UploadTask, most: number): void => {
      if (running >= most) return;
      running += 1;
      if (running === 1) this.#rate.begin(this.options.clock.now());
      void task.run().then(() => { this.#ended(task); });
    };
    for (const task of waiting) if (task.target.collectionId === "") start(task, ATTACHMENTS);
    for (const task of waiting) if (task.target.collectionId !== "") start(task, AT_A_TIME);
    if (running > 0) this.#tick();
    this.#news.soon();
  }

  #ended(task: UploadTask): void {
    if (task.phase === "done") {
      this.#unfinished.drop(task.uploadId);
      this.#admitted.delete(task);
    }
    // What was full may not be any more, or is now.
    if (task.phase === "failed") this.#limitsAt = -Infinity;
    this.#fill();
  }

  #kick(): void {
    this.#hurry();
    for (const task of this.#tasks.values()) task.kick();
  }

  /** What is shown of speed grows old while nothing arrives. */
  #tick(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.options.clock.after(TICK_MS, () => {
      this.#ticking = false;
      let running = false;
      for (const task of this.#admitted) {
        if (!task.running) continue;
        task.age();
        running = true;
      }
      if (!running) return;
      this.#news.soon();
      this.#tick();
    });
  }

  #drop(task: UploadTask): void {
    this.#tasks.delete(task.id);
    this.#admitted.delete(task);
    if (task.phase === "done") this.#unfinished.drop(task.uploadId);
  }

  #cancel(uploadId: string): void {
    this.#unfinished.drop(uploadId);
    this.#call((options) => this.#services.api.cancelUpload({ uploadId }, options));
  }

  /** What nobody waits for: what stays by that, the server throws away by itself in time. */
  #call(call: Parameters<typeof calling>[0]): void {
    const { clock, random } = this.options;
    void calling(call, { clock, random });
  }

  // ---- what is told ----

  #tell(): void {
    const tasks = [...this.#tasks.values()];
    const own = new Set(tasks.map(({ uploadId }) => uploadId));
    this.update({
      items: tasks.map((task) => task.view()),
      unfinished: this.#unfinished.views(own),
      rate: this.#rate.of(this.options.clock.now()),
    });
  }
}

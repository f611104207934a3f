// One file on its way: hashed, begun, sent piece by piece from wherever the server says it is, finished. It tries again
// by itself over whatever may pass. When it may run, and what is shown of all, is uploads.ts.

import type { CallOptions, Client } from "@connectrpc/connect";

import type { UploadService, FinishedUpload } from "../gen/fireside/v1/upload_service_pb.ts";
import { calling } from "../rpc/api.ts";
import { backoff, wait, type Clock } from "../rpc/clock.ts";
import { Code, failure, type Failure } from "../rpc/failure.ts";
import { appError } from "./errors.ts";
import { newId } from "./ids.ts";
import type { AppError } from "./types.ts";
import { uploadError } from "./upload-limits.ts";
import { Rate, timeLeft, type Pace } from "./upload-pace.ts";
import { readPiece, Unreadable, type Append, type Check, type Piece } from "./upload-piece.ts";
import { markOf, type UploadRegistry } from "./upload-registry.ts";
import { errorOf, isDoubt, remedyOf } from "./upload-remedy.ts";
import type { Incoming, LocalFile, UploadedFile, UploadPhase, UploadTarget, UploadView } from "./upload-types.ts";

export type UploadApi = Client<typeof UploadService>;

/** Computes the SHA-256 of a file, elsewhere than where the page is drawn. Empty where that is not possible. */
export type Hash = (file: LocalFile, signal: AbortSignal) => Promise<Uint8Array<ArrayBuffer>>;

export interface TaskServices {
  readonly api: UploadApi;
  readonly append: Append;
  readonly check: Check;
  readonly clock: Clock;
  readonly random: () => number;
  readonly hash: Hash;
  readonly registry: UploadRegistry;
  /** The pace of the line, which all uploads share. */
  readonly pace: () => Pace;
  /** Bytes that arrived, of whichever upload. */
  readonly arrived: (bytes: number) => void;
  readonly changed: () => void;
  /** More of it arrived. */
  readonly moved: () => void;
}

/** Up to here the hash is computed first: what the server has already is not sent at all. */
const CHEAP_BYTES = 64 * 1024 * 1024;
const PIECE_TIMEOUT_MS = 60_000;
const BASE_MS = 700;
const LIMIT_MS = 15_000;
/** A piece that is being looked at, while the one before is under way. */
interface Next {
  readonly offset: number;
  readonly piece: Promise<Piece>;
}

/** A failed call on its way up to the one place that decides about it. */
class Trouble extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
  }
}

export class UploadTask {
  readonly id = newId();
  /** Tells the same file again. */
  readonly mark: string;
  #uploadId: string;
  /** Others began it, or this browser did before the page was loaded. */
  #adopted = false;
  /** The server has said that it has the upload. */
  #begun = false;
  #phase: UploadPhase = "queued";
  #error: AppError | null = null;
  #sent = 0;
  #reused = false;
  #file: UploadedFile | null = null;
  #sha256: Promise<Uint8Array<ArrayBuffer>> | null = null;
  #known: Uint8Array<ArrayBuffer> | null = null;
  #run: AbortController | null = null;
  /** Ends the wait before the next attempt. */
  #hurry: () => void = () => undefined;
  /** Contradictions since the last piece that arrived. */
  #doubts = 0;
  #attempt = 0;
  readonly #rate = new Rate();
  #view: UploadView | null = null;

  constructor(
    private readonly services: TaskServices,
    private readonly incoming: Incoming,
    readonly target: UploadTarget,
  ) {
    this.mark = markOf(incoming.file);
    this.#uploadId = newId(services.clock.now());
  }

  get phase(): UploadPhase {
    return this.#phase;
  }

  get uploadId(): string {
    return this.#uploadId;
  }

  get folder(): string {
    return this.incoming.folder;
  }

  get file(): LocalFile {
    return this.incoming.file;
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** It has a call under way, or waits for the next. */
  get running(): boolean {
    return this.#run !== null;
  }

  /** What is shown of it: the same object until something changes. */
  view(): UploadView {
    if (this.#view !== null) return this.#view;
    const { file, folder } = this.incoming;
    const rate = this.#phase === "sending" ? this.#rate.of(this.services.clock.now()) : 0;
    this.#view = {
      id: this.id,
      collectionId: this.target.collectionId,
      folder,
      name: file.name,
      size: file.size,
      sent: this.#sent,
      phase: this.#phase,
      error: this.#error,
      rate,
      remainingMs: timeLeft(file.size - this.#sent, rate),
      reused: this.#reused,
      file: this.#file,
    };
    return this.#view;
  }

  /** What it shows may be different by now: time passed. */
  age(): void {
    if (this.#phase === "sending") this.#view = null;
  }

  /** Goes on with an upload that was begun already. */
  adopt(uploadId: string): void {
    this.#uploadId = uploadId;
    this.#adopted = true;
  }

  refuse(error: AppError, phase: "refused" | "failed" = "refused"): void {
    this.#set(phase, error);
  }

  /** It waits for its turn, or for the person. */
  hold(phase: "queued" | "paused"): void {
    this.stop();
    this.#set(phase);
  }

  elsewhere(): void {
    this.stop();
    this.services.registry.yield(this.#uploadId);
    this.#set("elsewhere");
  }

  /** Gives up what is under way here, and says nothing of it to the server. */
  stop(): void {
    this.#run?.abort();
    this.#run = null;
  }

  /** Tries again at once, if it waits for that. */
  kick(): void {
    this.#hurry();
  }

  /** Begins anew with another id: the one before is gone. */
  renew(): void {
    this.services.registry.end(this.#uploadId);
    this.#uploadId = newId(this.services.clock.now());
    this.#adopted = false;
    this.#begun = false;
    this.#sent = 0;
  }

  /** Runs it until it is done, failed, or told otherwise. */
  async run(): Promise<void> {
    const run = new AbortController();
    this.#run = run;
    this.#attempt = 0;
    this.#doubts = 0;
    this.#register();
    while (!run.signal.aborted) {
      try {
        this.#finished(await this.#try(run.signal));
        break;
      } catch (caught) {
        if (run.signal.aborted) break;
        if (!(await this.#cured(caught, run.signal))) break;
      }
    }
    if (this.#run === run) this.#run = null;
    this.services.changed();
  }

  // ---- one attempt ----

  async #try(signal: AbortSignal): Promise<FinishedUpload> {
    const { file } = this.incoming;
    if (file.size <= CHEAP_BYTES && this.#known === null) {
      this.#set("checking");
      this.#known = await this.#hashed(signal);
    }
    const there = await this.#begin(signal);
    if (there.finished !== null) {
      this.#reused = this.#sent < file.size;
      return there.finished;
    }
    await this.#send(there.offset, signal);
    this.#set("finishing");
    const uploadId = this.#uploadId;
    // A large file was hashed on the way, piece by piece.
    const sha256 = this.#known ?? (await this.#hashed(signal));
    signal.throwIfAborted();
    const { finished } = await this.#call(signal, (options) => this.services.api.finishUpload({ uploadId, sha256 }, options));
    if (finished === undefined) throw new Trouble(failure(Code.Internal, "The server says nothing of the file."));
    return finished;
  }

  /** Finds out how far it is on the server, where it is begun if need be. */
  async #begin(signal: AbortSignal): Promise<{ readonly offset: number; readonly finished: FinishedUpload | null }> {
    const { api } = this.services;
    const uploadId = this.#uploadId;
    if (this.#phase !== "checking") this.#set("sending");
    if (this.#begun || this.#adopted) {
      const known = await this.#call(signal, (options) => api.getUpload({ uploadId }, options)).catch((caught: unknown) => {
        // One that was begun long ago may be forgotten by now; then it begins anew.
        if (this.#begun || !(caught instanceof Trouble) || caught.failure.code !== Code.NotFound) throw caught;
        return null;
      });
      if (known !== null) return this.#there(known.outcome);
      this.renew();
    }
    this.#register();
    const { file, folder } = this.incoming;
    const created = await this.#call(signal, (options) => api.createUpload({
      uploadId: this.#uploadId,
      name: file.name,
      size: BigInt(file.size),
      mediaType: file.type.length > 128 ? "" : file.type,
      collectionId: this.target.collectionId,
      folder,
      fingerprint: this.mark,
      ...(this.#known === null ? {} : { sha256: this.#known }),
    }, options));
    return this.#there(created.outcome);
  }

  #there(outcome: { case: "upload"; value: { offset: bigint } } | { case: "finished"; value: FinishedUpload } | { case?: undefined; value?: undefined }) {
    this.#begun = true;
    this.#attempt = 0;
    if (outcome.case === "finished") return { offset: this.#sent, finished: outcome.value };
    const offset = Number(outcome.value?.offset ?? 0);
    this.#sent = offset;
    this.#rate.begin(this.services.clock.now());
    return { offset, finished: null };
  }

  async #send(from: number, signal: AbortSignal): Promise<void> {
    const { file } = this.incoming;
    const { append, clock } = this.services;
    this.#set("sending");
    let offset = from;
    let next: Next | null = null;
    while (offset < file.size) {
      const piece: Piece = await (next?.offset === offset ? next : this.#read(offset)).piece;
      signal.throwIfAborted();
      const begun = clock.now();
      // The next one is looked at while this one is under way.
      next = offset + piece.size < file.size ? this.#read(offset + piece.size) : null;
      const answer = await this.#call(signal, (options) => append(piece, { ...options, timeoutMs: PIECE_TIMEOUT_MS }));
      const now = clock.now();
      const arrived = Number(answer.offset) - offset;
      if (arrived <= 0) throw new Trouble(failure(Code.FailedPrecondition, "", "OFFSET_MISMATCH"));
      offset += arrived;
      this.#sent = offset;
      this.#doubts = 0;
      this.services.pace().arrived(piece.size, now - begun);
      this.services.arrived(arrived);
      this.#rate.arrived(arrived, now);
      this.#view = null;
      this.services.moved();
    }
  }

  #read(offset: number): Next {
    const { file } = this.incoming;
    const piece = readPiece(this.services.check, file, this.#uploadId, offset, Math.min(file.size - offset, this.services.pace().size));
    piece.catch(() => undefined);
    return { offset, piece };
  }

  #hashed(signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    // An attempt that failed leaves its hash to the next one.
    this.#sha256 ??= this.services.hash(this.incoming.file, signal).then((digest) => (this.#known = digest), (caught: unknown) => {
      this.#sha256 = null;
      throw signal.aborted ? caught : new Unreadable();
    });
    return this.#sha256;
  }

  async #call<T>(signal: AbortSignal, call: (options: CallOptions) => Promise<T>): Promise<T> {
    const { clock, random } = this.services;
    const outcome = await calling(call, { clock, random, attempts: 1, signal });
    signal.throwIfAborted();
    if (!outcome.ok) throw new Trouble(outcome.failure);
    return outcome.value;
  }

  // ---- how an attempt ended ----

  #finished({ file, document }: FinishedUpload): void {
    this.services.registry.end(this.#uploadId);
    this.#sent = this.incoming.file.size;
    this.#file = {
      fileId: file?.id ?? "",
      documentId: document?.id ?? file?.documentId ?? "",
      name: file?.name ?? this.incoming.file.name,
      mediaType: file?.mediaType ?? "",
      size: Number(file?.size ?? 0n),
    };
    this.#set("done");
  }

  /** Does what can be done about what went wrong; false when that is nothing. */
  async #cured(caught: unknown, signal: AbortSignal): Promise<boolean> {
    if (!(caught instanceof Trouble)) {
      this.#set("failed", uploadError("upload.error.unreadable"));
      return false;
    }
    const cause = caught.failure;
    const remedy = remedyOf(cause, { begun: this.#begun, adopted: this.#adopted, doubts: this.#doubts });
    if (isDoubt(cause)) this.#doubts += 1;
    // A browser that sent a piece again by itself learns of the cut that way alone.
    if (cause.reason === "OFFSET_MISMATCH") this.services.pace().cut(this.services.clock.now());
    if (remedy === "again") {
      this.services.pace().cut(this.services.clock.now());
      this.#set("waiting", appError(cause));
      await this.#pause(cause, signal);
      return !signal.aborted;
    }
    if (remedy === "elsewhere") this.elsewhere();
    if (remedy === "give up") {
      // The server has thrown it away.
      if (cause.reason === "FILE_CORRUPT") this.renew();
      this.#set("failed", errorOf(cause));
    }
    if (remedy === "anew") this.renew();
    return remedy === "anew" || remedy === "look";
  }

  async #pause(cause: Failure, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.services;
    this.#attempt += 1;
    // A cut alone does not mean that the server is away: the first look comes soon.
    const ms = Math.max(cause.retryAfterMs, this.#attempt === 1 ? 100 : backoff(this.#attempt, BASE_MS, LIMIT_MS, random));
    const enough = new AbortController();
    const stop = (): void => { enough.abort(); };
    this.#hurry = stop;
    signal.addEventListener("abort", stop, { once: true });
    await wait(clock, ms, enough.signal);
    signal.removeEventListener("abort", stop);
    this.#hurry = () => undefined;
  }

  #register(): void {
    const { mark, incoming, target } = this;
    this.services.registry.hold({ uploadId: this.#uploadId, mark, collectionId: target.collectionId, folder: incoming.folder });
  }

  #set(phase: UploadPhase, error: AppError | null = null): void {
    if (this.#phase === phase && this.#error === error) return;
    this.#phase = phase;
    this.#error = error;
    this.#touched();
  }

  #touched(): void {
    this.#view = null;
    this.services.changed();
  }
}

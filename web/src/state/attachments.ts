// What goes with the drafts: files are uploaded at once and belong to the draft when they arrived; how far the server is
// with reading them is followed. Loaded with the first attachment.

import { createClient, type Client, type Transport } from "@connectrpc/connect";

import { DocumentState, type Document } from "../gen/fireside/v1/document_pb.ts";
import { FileService } from "../gen/fireside/v1/file_service_pb.ts";
import { KnowledgeService } from "../gen/fireside/v1/knowledge_service_pb.ts";
import { calling } from "../rpc/api.ts";
import type { Clock } from "../rpc/clock.ts";
import { Code } from "../rpc/failure.ts";
import type { AttachmentDesk, Attachments, AttachmentsState, AttachmentView } from "./attachment-types.ts";
import type { LiveClient } from "./live-client.ts";
import type { Attached, FileView } from "./part-types.ts";
import { isPicture } from "./sources.ts";
import { Store } from "./store.ts";
import type { Draft } from "./types.ts";
import type { LocalFile, UploadPhase, Uploads, UploadView } from "./upload-types.ts";

export interface AttachmentOptions {
  readonly transport: Transport;
  readonly live: LiveClient;
  readonly uploads: Uploads;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Documents that are remembered: one may have been read before it is known whose it is. */
const REMEMBERED = 300;
const UNDER_WAY: ReadonlySet<UploadPhase> = new Set(["queued", "checking", "sending", "finishing"]);

/** How far the server is with reading files. */
class Reading extends Store<number> {
  readonly #api: Client<typeof KnowledgeService>;
  readonly #known = new Map<string, Document | "gone">();
  readonly #asked = new Set<string>();

  constructor(private readonly options: AttachmentOptions) {
    super(0);
    this.#api = createClient(KnowledgeService, options.transport);
    options.live.listen({
      account: ({ kind }) => {
        if (kind.case === "documentChanged" && kind.value.collectionId === "") this.#learn(kind.value.id, kind.value);
      },
      // What was told while nobody listened is asked for anew.
      fresh: () => {
        this.#asked.clear();
        this.set(this.get() + 1);
      },
    });
  }

  /** What is known of a document; asks the server where nothing is, or not the end of it. */
  of(documentId: string): Document | "gone" | null {
    const known = this.#known.get(documentId) ?? null;
    const over = known === "gone" || (known !== null && isOver(known.state));
    if (documentId !== "" && !over && !this.#asked.has(documentId)) this.#ask(documentId);
    return known;
  }

  again(documentId: string): void {
    void calling((options) => this.#api.retryDocument({ documentId }, options), this.options).then((outcome) => {
      if (outcome.ok && outcome.value.document !== undefined) this.#learn(documentId, outcome.value.document);
    });
  }

  #ask(documentId: string): void {
    this.#asked.add(documentId);
    void calling((options) => this.#api.getDocument({ documentId }, options), this.options).then((outcome) => {
      if (outcome.ok && outcome.value.document !== undefined) this.#learn(documentId, outcome.value.document);
      else if (!outcome.ok && outcome.failure.code === Code.NotFound) this.#learn(documentId, "gone");
    });
  }

  #learn(documentId: string, document: Document | "gone"): void {
    this.#known.delete(documentId);
    this.#known.set(documentId, document);
    const oldest = this.#known.keys().next();
    if (this.#known.size > REMEMBERED && !oldest.done) this.#known.delete(oldest.value);
    this.set(this.get() + 1);
  }
}

function isOver(state: DocumentState): boolean {
  return state === DocumentState.READY || state === DocumentState.FAILED || state === DocumentState.DELETED;
}

class DraftAttachments extends Store<AttachmentsState> implements Attachments {
  /** Uploads that are for this draft. */
  readonly #own = new Set<string>();
  readonly #files: Client<typeof FileService>;
  readonly #endings: readonly (() => void)[];

  constructor(
    private readonly options: AttachmentOptions,
    private readonly reading: Reading,
    private readonly draft: Draft,
    private readonly kept: readonly Attached[],
  ) {
    super({ files: [], collections: [], pending: 0, failed: 0 });
    this.#files = createClient(FileService, options.transport);
    this.#endings = [
      options.uploads.subscribe(() => { this.#look(); }),
      reading.subscribe(() => { this.#show(); }),
      draft.attached.subscribe(() => { this.#show(); }),
    ];
  }

  addFiles(files: readonly LocalFile[]): void {
    const incoming = files.map((file) => ({ file, folder: "" }));
    for (const id of this.options.uploads.add(incoming, { collectionId: "" })) this.#own.add(id);
    this.#look();
  }

  addCollection(collectionId: string, name: string): void {
    this.draft.attach([{ kind: "collection", collectionId, name }]);
  }

  remove(key: string): void {
    if (this.#own.delete(key)) {
      this.options.uploads.remove(key);
      this.#show();
      return;
    }
    const gone = this.draft.attached.get().filter((item) => item.kind === "file" && item.fileId === key);
    this.draft.detach(key);
    this.#forget(gone);
  }

  retry(key: string): void {
    const { uploads } = this.options;
    if (this.#own.has(key)) {
      const { phase } = uploads.item(key) ?? {};
      if (phase === "paused" || phase === "elsewhere") uploads.resume(key);
      else uploads.retry(key);
      return;
    }
    const file = this.draft.attached.get().find((item) => item.kind === "file" && item.fileId === key);
    if (file?.kind === "file") this.reading.again(file.documentId);
  }

  close(sent: boolean): void {
    for (const end of this.#endings) end();
    for (const id of this.#own) this.options.uploads.remove(id);
    if (!sent) this.#forget(this.draft.attached.get());
  }

  /** One that another message uses stays, and the server says so; nobody has to know. */
  #forget(items: readonly Attached[]): void {
    for (const item of items) {
      if (item.kind === "collection" || this.kept.includes(item)) continue;
      const { fileId } = item;
      void calling((options) => this.#files.deleteFile({ fileId }, options), this.options);
    }
  }

  /** Takes what arrived over into the draft. */
  #look(): void {
    const { uploads } = this.options;
    for (const id of [...this.#own]) {
      const upload = uploads.item(id);
      if (upload === null) this.#own.delete(id);
      else if (upload.phase === "done") {
        this.#own.delete(id);
        if (upload.file !== null) this.draft.attach([{ kind: "file", ...upload.file }]);
        uploads.remove(id, { keep: true });
      }
    }
    this.#show();
  }

  #show(): void {
    const attached = this.draft.attached.get();
    const here = attached.flatMap((item) => (item.kind === "file" ? [this.#arrived(item)] : []));
    const coming = [...this.#own].flatMap((id) => {
      const upload = this.options.uploads.item(id);
      return upload === null ? [] : [onItsWay(upload)];
    });
    // What asks for something comes first.
    const files = [...here, ...coming].sort((a, b) => Number(b.phase === "failed") - Number(a.phase === "failed"));
    this.set({
      files,
      collections: attached.flatMap((item) => (item.kind === "collection" ? [item] : [])),
      pending: coming.filter(({ phase }) => phase !== "failed").length,
      failed: files.filter(({ phase }) => phase === "failed").length,
    });
  }

  #arrived({ fileId, name, mediaType, size, documentId }: FileView): AttachmentView {
    const view = { key: fileId, name, mediaType, size, fileId, documentId, progress: null, error: null, reason: "", retryable: false };
    const document = this.reading.of(documentId);
    if (document === "gone") return { ...view, phase: "failed" };
    // A model that takes pictures needs no text of them.
    if (document === null || isPicture(mediaType)) return { ...view, phase: "ready" };
    if (document.state === DocumentState.FAILED) {
      const { message = "", retryable = false } = document.failure ?? {};
      return { ...view, phase: "unreadable", reason: message, retryable };
    }
    if (document.state !== DocumentState.UPLOADED && document.state !== DocumentState.EXTRACTING) return { ...view, phase: "ready" };
    return { ...view, phase: "reading", progress: document.total > 0 ? document.done / document.total : null };
  }
}

function onItsWay({ id, name, size, sent, phase, error, file }: UploadView): AttachmentView {
  const view = { key: id, name, size, mediaType: file?.mediaType ?? "", fileId: "", documentId: "", error, reason: "" };
  if (phase === "failed" || phase === "refused") return { ...view, phase: "failed", progress: null, retryable: phase === "failed" };
  const progress = size > 0 ? sent / size : 0;
  if (UNDER_WAY.has(phase)) return { ...view, phase: "uploading", progress, retryable: false };
  return { ...view, phase: "waiting", progress, retryable: true };
}

export class DraftDesk implements AttachmentDesk {
  readonly #reading: Reading;
  readonly #made = new WeakMap<Draft, Attachments>();

  constructor(private readonly options: AttachmentOptions) {
    this.#reading = new Reading(options);
  }

  of(draft: Draft, kept: readonly Attached[] = []): Attachments {
    let made = this.#made.get(draft);
    if (made === undefined) {
      made = new DraftAttachments(this.options, this.#reading, draft, kept);
      this.#made.set(draft, made);
    }
    return made;
  }
}

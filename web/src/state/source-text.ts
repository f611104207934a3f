// The text of a document around a passage, as the server took it out: for what no viewer shows. Fetched with the panel.

import { createClient, type Client, type Transport } from "@connectrpc/connect";

import { DocumentState, type Document, type Passage } from "../gen/fireside/v1/document_pb.ts";
import { KnowledgeService } from "../gen/fireside/v1/knowledge_service_pb.ts";
import { calling, type Outcome } from "../rpc/api.ts";
import type { Clock } from "../rpc/clock.ts";
import { Code, type Failure } from "../rpc/failure.ts";
import { appError } from "./errors.ts";
import type { SourcePassage, SourceRef, SourceText, SourceTextState } from "./source-types.ts";
import { Store } from "./store.ts";

export interface SourceTextOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Passages read at a time, and of those how many above the one that is shown. */
const PAGE = 24;
const ABOVE = 6;

/** Characters that a repeated sentence has at most, and at least. */
const LONGEST = 800;
const SHORTEST = 12;
/** Where in a passage its own heading may stand. */
const LEAD = 300;

const START: SourceTextState = {
  phase: "loading",
  passages: [],
  before: false,
  after: false,
  loadingMore: false,
  pending: false,
  error: null,
};

type Answer = { readonly document?: Document | undefined; readonly passages: readonly Passage[]; readonly total: number };

export class DocumentText extends Store<SourceTextState> implements SourceText {
  readonly #api: Client<typeof KnowledgeService>;
  #passages: readonly Passage[] = [];
  #total = 0;

  constructor(
    private readonly options: SourceTextOptions,
    private readonly source: SourceRef,
  ) {
    super(START);
    this.#api = createClient(KnowledgeService, options.transport);
    this.reload();
  }

  reload(): void {
    this.set(START);
    const first = Math.max(0, this.source.ordinal - ABOVE);
    void this.#read(first, PAGE).then((outcome) => {
      if (!outcome.ok) this.#failed(outcome.failure);
      else this.#show(outcome.value.passages, outcome.value);
    });
  }

  more(where: "before" | "after"): void {
    const state = this.get();
    if (state.phase !== "ready" || state.loadingMore || !state[where]) return;
    this.update({ loadingMore: true, error: null });
    const begin = this.#passages[0]?.ordinal ?? 0;
    const end = (this.#passages.at(-1)?.ordinal ?? -1) + 1;
    const first = where === "before" ? Math.max(0, begin - PAGE) : end;
    const limit = where === "before" ? begin - first : PAGE;
    void this.#read(first, limit).then((outcome) => {
      if (!outcome.ok) {
        this.update({ loadingMore: false, error: appError(outcome.failure) });
        return;
      }
      const { passages } = outcome.value;
      this.#show(where === "before" ? [...passages, ...this.#passages] : [...this.#passages, ...passages], outcome.value);
    });
  }

  #read(firstOrdinal: number, limit: number): Promise<Outcome<Answer>> {
    const request = { documentId: this.source.documentId, firstOrdinal, limit };
    return calling((options) => this.#api.readDocument(request, options), this.options);
  }

  #failed(cause: Failure): void {
    const missing = cause.code === Code.NotFound || cause.code === Code.PermissionDenied;
    this.update({ phase: missing ? "missing" : "failed", error: appError(cause) });
  }

  #show(passages: readonly Passage[], { total, document }: Answer): void {
    this.#passages = passages;
    this.#total = total;
    const state = document?.state;
    this.update({
      phase: "ready",
      passages: views(passages, this.source),
      before: (passages[0]?.ordinal ?? 0) > 0,
      after: passages.length > 0 && (passages.at(-1)?.ordinal ?? 0) + 1 < this.#total,
      loadingMore: false,
      pending: total === 0 && (state === DocumentState.UPLOADED || state === DocumentState.EXTRACTING),
      error: null,
    });
  }
}

/**
 * How much of the end of one text the next begins with: a long paragraph is cut so that the next passage says the last
 * sentence again, for the model's sake. People need it once.
 */
function overlap(before: string, after: string): number {
  for (let length = Math.min(LONGEST, before.length, after.length); length >= SHORTEST; length -= 1) {
    if (before.endsWith(after.slice(0, length))) return length;
  }
  return 0;
}

/** The texts of passages, without what they repeat. The one that is cited stays whole. */
function withoutRepeats(passages: readonly Passage[], source: SourceRef): string[] {
  const texts = passages.map(({ text }) => text);
  for (let at = 1; at < texts.length; at += 1) {
    const [before = "", after = ""] = [passages[at - 1]?.text, passages[at]?.text];
    const length = overlap(before, after);
    if (passages[at]?.ordinal === source.ordinal) texts[at - 1] = texts[at - 1]?.slice(0, -length || undefined).trimEnd() ?? "";
    else texts[at] = after.slice(length).trimStart();
  }
  return texts;
}

/** The passages with the headings that change between them. */
function views(passages: readonly Passage[], source: SourceRef): readonly SourcePassage[] {
  let under: readonly string[] = [];
  let above = "";
  const texts = withoutRepeats(passages, source);
  return passages.map(({ ordinal, page, headings, text }, place) => {
    const shared = headings.findIndex((heading, level) => heading !== under[level]);
    // Many a heading is part of a passage, of the one before or of this one.
    const said = `${above}\n${text.slice(0, LEAD)}\n`;
    const fresh = (shared < 0 ? [] : headings.slice(shared))
      .map((heading, at) => ({ level: shared + at, text: heading }))
      .filter((heading) => !said.includes(`\n${heading.text}\n`));
    under = headings;
    above = `\n${text}`;
    return { ordinal, page, headings: fresh, text: texts[place] ?? text, cited: source.quote !== "" && ordinal === source.ordinal };
  });
}

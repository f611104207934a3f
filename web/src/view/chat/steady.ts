// Keeps the objects of messages that look the same, so that starting an answer does not touch every message above it.
//
// While an answer runs nothing else can be edited or regenerated, so the state gives each message anew with other
// abilities. The views are told that once (`busy`) and keep showing the objects that they have.
import type { CitationView, PartView } from "../../state/part-types.ts";
import type { MessageView } from "../../state/types.ts";

function samePart(a: PartView, b: PartView): boolean {
  if (a === b) return true;
  if (a.kind === "text" && b.kind === "text") return a.text === b.text;
  if (a.kind === "citation" && b.kind === "citation") return sameCitation(a, b);
  if (a.kind === "search" && b.kind === "search") return a.passageCount === b.passageCount && a.query === b.query;
  if (a.kind === "file" && b.kind === "file") return a.fileId === b.fileId && a.documentId === b.documentId;
  if (a.kind === "collection" && b.kind === "collection") return a.collectionId === b.collectionId && a.name === b.name;
  return a.kind === "reasoning" && b.kind === "reasoning" && a.text === b.text && a.done === b.done && a.durationMs === b.durationMs;
}

function sameCitation(a: CitationView, b: CitationView): boolean {
  return a.number === b.number && a.documentId === b.documentId && a.ordinal === b.ordinal && a.quote === b.quote && a.fileId === b.fileId;
}

function sameList<T>(a: readonly T[], b: readonly T[], same: (x: T, y: T) => boolean): boolean {
  return a === b || (a.length === b.length && a.every((item, at) => same(item, b[at] as T)));
}

function sameAbilities(a: MessageView["can"], b: MessageView["can"]): boolean {
  return a.edit === b.edit && a.regenerate === b.regenerate && a.continue === b.continue && a.retry === b.retry;
}

/** Whether two views of one finished message show the same; what can be done with it aside. */
function sameLook(a: MessageView, b: MessageView): boolean {
  return (
    a.status === "done" && b.status === "done" &&
    a.epoch === b.epoch && a.finish === b.finish && a.error === b.error && a.model === b.model &&
    a.siblingIndex === b.siblingIndex && a.completionTokens === b.completionTokens &&
    sameList(a.siblingIds, b.siblingIds, Object.is) && sameList(a.parts, b.parts, samePart)
  );
}

export class Steady {
  #shown = new Map<string, MessageView>();
  /** What was decided for an object that came before. */
  #decided = new WeakMap<MessageView, MessageView>();
  #busy = false;

  /** The same list, with the objects of last time where they will do. */
  keep(messages: readonly MessageView[], busy: boolean): readonly MessageView[] {
    if (busy !== this.#busy) this.#decided = new WeakMap();
    this.#busy = busy;
    const kept = messages.map((message) => {
      const known = this.#decided.get(message);
      if (known) return known;
      const before = this.#shown.get(message.id);
      const will = before && sameLook(before, message) && (busy || sameAbilities(before.can, message.can)) ? before : message;
      this.#decided.set(message, will);
      return will;
    });
    this.#shown = new Map(kept.map((message) => [message.id, message]));
    return kept;
  }
}

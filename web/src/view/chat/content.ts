// What a message holds, as the views ask for it. Pure.
import type { CitationView, CollectionRef, FileView, PartView, SearchView } from "../../state/part-types.ts";
import type { MessageView } from "../../state/types.ts";
import { citedIn } from "../../ui/markdown/citations.ts";

/** The text of a message, as it was written. */
export function plainText(message: MessageView): string {
  return message.parts.flatMap((part) => (part.kind === "text" ? [part.text] : [])).join("\n\n");
}

/** Whether there is anything of it to be seen. */
export function hasContent(message: MessageView): boolean {
  return message.parts.some((part) => {
    if (part.kind === "text" || part.kind === "reasoning") return part.text.trim() !== "";
    return part.kind !== "search" && part.kind !== "citation";
  });
}

export function citationsOf(message: MessageView): readonly CitationView[] {
  return message.parts.filter((part): part is CitationView => part.kind === "citation");
}

export function searchOf(message: MessageView): SearchView | null {
  return message.parts.find((part): part is SearchView => part.kind === "search") ?? null;
}

/** What came with a message besides its words. */
export function attachedTo(message: MessageView): readonly (FileView | CollectionRef)[] {
  const attached = (part: PartView): part is FileView | CollectionRef => part.kind === "file" || part.kind === "collection";
  return message.parts.filter(attached);
}

export interface Drawn {
  /** The citations that the text refers to, by number. */
  readonly cited: readonly CitationView[];
  /** Those that the model was given besides. */
  readonly others: readonly CitationView[];
}

/** What an answer drew on. */
export function drawnOn(message: MessageView): Drawn {
  const all = [...citationsOf(message)].sort((a, b) => a.number - b.number);
  const known = new Set(all.map(({ number }) => number));
  const used = new Set(all.length === 0 ? [] : citedIn(plainText(message), known));
  return { cited: all.filter(({ number }) => used.has(number)), others: all.filter(({ number }) => !used.has(number)) };
}

/** What of the search could be searched, and found nothing. */
export function searchedInVain({ sources, unread, passageCount }: SearchView): readonly string[] {
  return passageCount > 0 ? [] : sources.filter((name) => !unread.includes(name));
}

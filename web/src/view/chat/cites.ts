// How citations are spoken of, in the reader's language.
import type { CitationView } from "../../state/part-types.ts";
import { t } from "../../ui/i18n/locale.svelte.ts";

/** Each number, with what a screen reader calls it. */
export function citeLabels(citations: readonly CitationView[]): ReadonlyMap<number, string> {
  return new Map(citations.map((citation) => [citation.number, labelOf(citation)]));
}

function labelOf({ number, title, page }: CitationView): string {
  return page > 0 ? t("cite.label.page", { number, title, page: String(page) }) : t("cite.label", { number, title });
}

/** The name of a source, with its page. */
export function placeOf({ title, page }: CitationView): string {
  return page > 0 ? `${title} · ${t("cite.page", { page: String(page) })}` : title;
}

/** What follows a text that was copied. */
export function listOfSources(citations: readonly CitationView[]): string {
  if (citations.length === 0) return "";
  return [t("cite.list"), ...citations.map((citation) => `[${citation.number}] ${placeOf(citation)}`)].join("\n");
}

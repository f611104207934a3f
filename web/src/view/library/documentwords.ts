// What is said of a document: how far it is, and why it cannot be read.
import type { DocumentView } from "../../state/library-types.ts";
import { byteSize, t, tOr } from "../../ui/i18n/locale.svelte.ts";
import { percent } from "../uploads/words.ts";
import "./texts.ts";

export function failureText({ reason, message }: DocumentView): string {
  return tOr(`document.reason.${reason}`, { message });
}

/** How much of what is going on now is done; null for not known. */
export function shareOf({ state, done, total }: DocumentView): number | null {
  return (state === "extracting" || state === "embedding") && total > 0 ? done / total : null;
}

function stateText(view: DocumentView): string {
  const { state, done, total } = view;
  if (state === "ready") return "";
  if (state === "extracting" && total > 0) return t("document.state.extracting.part", { done, total });
  if (state === "embedding" && total > 0) return t("document.state.embedding.part", { percent: percent(done / total) });
  return t(`document.state.${state}`);
}

/** One line about a document. */
export function aboutOf(view: DocumentView): string {
  const parts = [stateText(view)];
  if (view.state === "ready" && view.pages > 0) parts.push(t("document.pages", { count: view.pages }));
  if (view.state !== "failed") parts.push(byteSize(view.size));
  if (view.version > 1) parts.push(t("document.versions.count", { count: view.version }));
  if (view.state !== "ready" && view.readyVersion > 0) parts.push(t("document.older"));
  return parts.filter((part) => part !== "").join(" · ");
}

// Several names as a sentence lists them.
import { localeTag, t } from "../../ui/i18n/locale.svelte.ts";
import "./texts.ts";

const NAMED = 6;

/** Names as they are listed in a sentence; of many, the first. */
export function namesOf(names: readonly string[]): string {
  const shown = names.slice(0, NAMED);
  if (names.length > NAMED) shown.push(t("sources.more", { count: names.length - NAMED }));
  return new Intl.ListFormat(localeTag(), { type: "conjunction" }).format(shown);
}

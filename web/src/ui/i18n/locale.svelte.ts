// The language that the app is shown in. `t` reads it, so whatever uses `t` follows a switch.
import type { LanguageCode, TextKey } from "./catalogue.ts";
import { chooseLanguage, formatText, isTextKey, tagOf, type Params } from "./text.ts";

const state = $state<{ language: LanguageCode }>({ language: chooseLanguage(globalThis.navigator?.languages ?? []) });

/** `auto` takes the browser's. */
export function setLanguage(wanted: "auto" | LanguageCode): void {
  state.language = wanted === "auto" ? chooseLanguage(navigator.languages) : wanted;
  document.documentElement.lang = tagOf(state.language);
}

export function language(): LanguageCode {
  return state.language;
}

/** For Intl. */
export function localeTag(): string {
  return tagOf(state.language);
}

export function t(key: TextKey, params?: Params): string {
  return formatText(key, state.language, params);
}

/** The text of a key that comes from elsewhere; `params.message` when the catalogue does not have it. */
export function tOr(key: string, params: Params): string {
  return isTextKey(key) ? formatText(key, state.language, params) : String(params["message"] ?? "");
}

export function dateTime(milliseconds: number): string {
  return new Intl.DateTimeFormat(tagOf(state.language), { dateStyle: "medium", timeStyle: "short" }).format(milliseconds);
}

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

const ORDINALS: Readonly<Record<Intl.LDMLPluralRule, string>> = { zero: "th", one: "st", two: "nd", few: "rd", many: "th", other: "th" };

/** A place in an order as it is said: 1st, 22nd; in Chinese the number alone. */
export function ordinal(place: number): string {
  const number = new Intl.NumberFormat(localeTag()).format(place);
  if (state.language !== "en") return number;
  return number + ORDINALS[new Intl.PluralRules("en", { type: "ordinal" }).select(place)];
}

/** How long ago something was, or how soon it will be: milliseconds, negative for what lies ahead. */
export function ago(milliseconds: number): string {
  const format = new Intl.RelativeTimeFormat(localeTag(), { numeric: "auto", style: "short" });
  const seconds = Math.round(-milliseconds / 1000);
  if (Math.abs(seconds) < 60) return format.format(seconds, "second");
  if (Math.abs(seconds) < 3600) return format.format(Math.round(seconds / 60), "minute");
  if (Math.abs(seconds) < 86_400) return format.format(Math.round(seconds / 3600), "hour");
  return format.format(Math.round(seconds / 86_400), "day");
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** An amount of bytes in the unit that suits it. */
export function byteSize(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const unit = UNITS[power] ?? "byte";
  const maximumFractionDigits = power < 2 ? 0 : 1;
  // The short word for bytes knows no plural.
  const unitDisplay = power === 0 ? "long" : "short";
  return new Intl.NumberFormat(localeTag(), { style: "unit", unit, unitDisplay, maximumFractionDigits }).format(bytes / 1000 ** power);
}

// Turns a key and its parameters into a text of one language. Pure; which language is shown is locale.svelte.ts.
import { catalogue, type Entry, type LanguageCode, type TextKey } from "./catalogue.ts";

export type Params = Readonly<Record<string, string | number>>;

const TAGS: Readonly<Record<LanguageCode, string>> = { en: "en", zh: "zh-Hans" };
const rules = new Map<LanguageCode, Intl.PluralRules>();

function form(count: number, language: LanguageCode): "one" | "other" {
  const known = rules.get(language) ?? new Intl.PluralRules(TAGS[language]);
  rules.set(language, known);
  return known.select(count) === "one" ? "one" : "other";
}

/** All that can be said now: the catalogue, and what came with the screens that were fetched. */
const texts: Record<string, Entry> = { ...catalogue };

/** Adds the texts of a screen that is fetched when it is first wanted. */
export function registerTexts(more: Readonly<Record<string, Entry>>): void {
  Object.assign(texts, more);
}

export function isTextKey(key: string): key is TextKey {
  return Object.hasOwn(texts, key);
}

/** The tag for `lang` attributes and for Intl. */
export function tagOf(language: LanguageCode): string {
  return TAGS[language];
}

export function formatText(key: TextKey, language: LanguageCode, params: Params = {}): string {
  const entry = texts[key];
  if (entry === undefined) throw new Error(`The texts with ${key} have not been fetched.`);
  const chosen = entry[language === "zh" ? 1 : 0];
  const pattern = typeof chosen === "string" ? chosen : chosen[form(Number(params["count"] ?? 0), language)];
  return pattern.replace(/\{(\w+)\}/g, (hole, name: string) => {
    const value = params[name];
    if (value === undefined) return hole;
    return typeof value === "number" ? new Intl.NumberFormat(TAGS[language]).format(value) : value;
  });
}

/** The first language of the reader that the catalogue has; English when there is none. */
export function chooseLanguage(preferred: readonly string[]): LanguageCode {
  for (const tag of preferred) {
    const base = tag.toLowerCase().split("-")[0];
    if (base === "zh" || base === "en") return base;
  }
  return "en";
}

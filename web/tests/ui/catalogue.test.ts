// The catalogue is complete in both languages, the views use nothing that it lacks, and it holds nothing unused.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { parse } from "svelte/compiler";
import { describe, expect, it } from "vitest";
import { ERROR_KEYS } from "../../src/state/errors.ts";
import { NOTICE_KEYS } from "../../src/state/notices.ts";
import { UPLOAD_ERROR_KEYS } from "../../src/state/upload-limits.ts";
import { accountTexts } from "../../src/ui/i18n/account-catalogue.ts";
import { adminTexts } from "../../src/ui/i18n/admin-catalogue.ts";
import { catalogue, type Entry, type TextKey } from "../../src/ui/i18n/catalogue.ts";
import { entranceTexts } from "../../src/ui/i18n/entrance-catalogue.ts";
import { libraryTexts } from "../../src/ui/i18n/library-catalogue.ts";
import { runnerTexts } from "../../src/ui/i18n/runners-catalogue.ts";
import { sharingTexts } from "../../src/ui/i18n/sharing-catalogue.ts";
import { sourceTexts } from "../../src/ui/i18n/sources-catalogue.ts";
import { uploadTexts } from "../../src/ui/i18n/upload-catalogue.ts";
import { chooseLanguage, formatText, isTextKey } from "../../src/ui/i18n/text.ts";

const SRC = fileURLToPath(new URL("../../src", import.meta.url));
/** Those of screens that are fetched when first wanted are catalogues of their own. */
const all = { ...catalogue, ...entranceTexts, ...accountTexts, ...adminTexts, ...runnerTexts, ...sharingTexts, ...sourceTexts, ...libraryTexts, ...uploadTexts };
const entries = Object.entries(all) as [TextKey, Entry][];
const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((hole) => hole[1] ?? "").sort();

function sources(folder: string): string[] {
  return readdirSync(join(SRC, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => /\.(?:svelte|ts)$/.test(path))
    .map((path) => join(SRC, folder, path));
}

describe("the catalogue", () => {
  it("says the same in both languages", () => {
    for (const [key, [en, zh]] of entries) {
      const english = typeof en === "string" ? [en] : [en.one, en.other];
      for (const text of [...english, zh]) expect(text, key).toMatch(/^\S(?:.*\S)?$/);
      for (const text of english) expect(holes(text), key).toEqual(holes(zh));
    }
  });

  it("has a text for each error and notice of the state", () => {
    for (const key of [...ERROR_KEYS, ...NOTICE_KEYS]) expect(isTextKey(key), key).toBe(true);
    for (const key of UPLOAD_ERROR_KEYS) expect(Object.hasOwn(uploadTexts, key), key).toBe(true);
  });

  it("names each text once", () => {
    const parts = [catalogue, entranceTexts, accountTexts, adminTexts, runnerTexts, sharingTexts, sourceTexts, libraryTexts, uploadTexts];
    expect(parts.reduce((sum, part) => sum + Object.keys(part).length, 0)).toBe(entries.length);
  });

  it("holds nothing that is not used", () => {
    const code = [...sources("ui"), ...sources("view"), ...sources("state")]
      .filter((path) => !path.endsWith("catalogue.ts"))
      .map((path) => readFileSync(path, "utf8"))
      .join("\n");
    const families = [...code.matchAll(/`([a-z.]+\.)\$\{/gi)].map((found) => found[1] ?? "");
    const unused = entries.filter(
      ([key]) => !code.includes(`"${key}"`) && !families.some((family) => key.startsWith(family)),
    );
    expect(unused.map(([key]) => key)).toEqual([]);
  });

  it("counts as the language does", () => {
    expect(formatText("palette.results", "en", { count: 1 })).toBe("1 result");
    expect(formatText("palette.results", "en", { count: 1200 })).toBe("1,200 results");
    expect(formatText("palette.results", "zh", { count: 1 })).toBe("1 个结果");
  });

  it("is chosen from what the reader prefers", () => {
    expect(chooseLanguage(["fr-FR", "zh-TW", "en"])).toBe("zh");
    expect(chooseLanguage(["en-GB", "zh"])).toBe("en");
    expect(chooseLanguage([])).toBe("en");
  });
});

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

const SPOKEN = new Set(["aria-label", "title", "placeholder", "alt", "label"]);

/** Words that a reader would see or hear and that do not come from the catalogue. */
function wordsIn(node: unknown, found: string[]): void {
  if (Array.isArray(node)) {
    for (const child of node) wordsIn(child, found);
    return;
  }
  if (typeof node !== "object" || node === null) return;
  const { type } = node as Node;
  if (type === "Attribute") {
    const { name, value } = node as unknown as { name: string; value: unknown };
    const parts = SPOKEN.has(name) && Array.isArray(value) ? (value as Node[]) : [];
    for (const part of parts) if (part.type === "Text" && /\p{L}/u.test(String(part["data"]))) found.push(String(part["data"]));
    return;
  }
  if (type === "StyleDirective") return;
  if (type === "Text" && /\p{L}/u.test(String((node as Node)["data"]))) found.push(String((node as Node)["data"]).trim());
  for (const value of Object.values(node)) wordsIn(value, found);
}

describe("the views", () => {
  it("have no words of their own", () => {
    const views = [...sources("ui"), ...sources("view")].filter((path) => path.endsWith(".svelte"));
    expect(views.length).toBeGreaterThan(20);
    for (const path of views) {
      const found: string[] = [];
      wordsIn(parse(readFileSync(path, "utf8"), { modern: true }).fragment, found);
      expect(found, path).toEqual([]);
    }
  });
});

// Formulas set by KaTeX, which is fetched with its style and fonts when the first formula is met.
import type KatexModule from "katex";

let katex: typeof KatexModule | null = null;
let loading: Promise<void> | null = null;

async function fetchKatex(): Promise<void> {
  try {
    const [module] = await Promise.all([import("katex"), import("katex/dist/katex.min.css")]);
    katex = module.default;
  } catch {
    // The source stays readable; the next formula tries again.
    loading = null;
  }
}

function setOne(element: HTMLElement, api: typeof KatexModule): void {
  const tex = element.dataset["tex"] ?? "";
  if (element.dataset["set"] === tex) return;
  element.dataset["set"] = tex;
  try {
    api.render(tex, element, {
      displayMode: element.dataset["display"] === "true",
      throwOnError: true,
      strict: "ignore",
      trust: false,
      maxSize: 20,
      maxExpand: 200,
    });
  } catch {
    element.textContent = tex;
    element.dataset["set"] = "failed";
  }
}

/** Sets each formula below `root`: at once when KaTeX is there, otherwise when it has come. */
export function typeset(root: ParentNode): void {
  const formulas = [...root.querySelectorAll<HTMLElement>("[data-tex]")];
  if (formulas.length === 0) return;
  const api = katex;
  if (api) {
    for (const formula of formulas) setOne(formula, api);
    return;
  }
  loading ??= fetchKatex();
  void loading.then(() => {
    const loaded = katex;
    if (loaded) for (const formula of formulas) setOne(formula, loaded);
  });
}

// Colours for code, fetched when the first code block asks for them: the core once, each language when it is first met.
import type { HLJSApi, LanguageFn } from "highlight.js";

type Loader = () => Promise<{ default: LanguageFn }>;

const LOADERS: Readonly<Record<string, Loader>> = {
  bash: () => import("highlight.js/lib/languages/bash"),
  c: () => import("highlight.js/lib/languages/c"),
  cpp: () => import("highlight.js/lib/languages/cpp"),
  csharp: () => import("highlight.js/lib/languages/csharp"),
  css: () => import("highlight.js/lib/languages/css"),
  dart: () => import("highlight.js/lib/languages/dart"),
  diff: () => import("highlight.js/lib/languages/diff"),
  dockerfile: () => import("highlight.js/lib/languages/dockerfile"),
  elixir: () => import("highlight.js/lib/languages/elixir"),
  go: () => import("highlight.js/lib/languages/go"),
  graphql: () => import("highlight.js/lib/languages/graphql"),
  haskell: () => import("highlight.js/lib/languages/haskell"),
  http: () => import("highlight.js/lib/languages/http"),
  ini: () => import("highlight.js/lib/languages/ini"),
  java: () => import("highlight.js/lib/languages/java"),
  javascript: () => import("highlight.js/lib/languages/javascript"),
  json: () => import("highlight.js/lib/languages/json"),
  julia: () => import("highlight.js/lib/languages/julia"),
  kotlin: () => import("highlight.js/lib/languages/kotlin"),
  latex: () => import("highlight.js/lib/languages/latex"),
  lua: () => import("highlight.js/lib/languages/lua"),
  makefile: () => import("highlight.js/lib/languages/makefile"),
  markdown: () => import("highlight.js/lib/languages/markdown"),
  matlab: () => import("highlight.js/lib/languages/matlab"),
  nginx: () => import("highlight.js/lib/languages/nginx"),
  perl: () => import("highlight.js/lib/languages/perl"),
  php: () => import("highlight.js/lib/languages/php"),
  powershell: () => import("highlight.js/lib/languages/powershell"),
  protobuf: () => import("highlight.js/lib/languages/protobuf"),
  python: () => import("highlight.js/lib/languages/python"),
  r: () => import("highlight.js/lib/languages/r"),
  ruby: () => import("highlight.js/lib/languages/ruby"),
  rust: () => import("highlight.js/lib/languages/rust"),
  scala: () => import("highlight.js/lib/languages/scala"),
  scss: () => import("highlight.js/lib/languages/scss"),
  shell: () => import("highlight.js/lib/languages/shell"),
  sql: () => import("highlight.js/lib/languages/sql"),
  swift: () => import("highlight.js/lib/languages/swift"),
  typescript: () => import("highlight.js/lib/languages/typescript"),
  xml: () => import("highlight.js/lib/languages/xml"),
  yaml: () => import("highlight.js/lib/languages/yaml"),
};

const ALIASES: Readonly<Record<string, string>> = {
  "c#": "csharp", "c++": "cpp", cc: "cpp", cjs: "javascript", console: "shell", cs: "csharp", docker: "dockerfile",
  ex: "elixir", golang: "go", gql: "graphql", h: "c", hpp: "cpp", hs: "haskell", htm: "xml", html: "xml", js: "javascript",
  json5: "json", jsonc: "json", jsx: "javascript", kt: "kotlin", make: "makefile", md: "markdown", mjs: "javascript",
  patch: "diff", pl: "perl", proto: "protobuf", ps1: "powershell", py: "python", python3: "python", rb: "ruby",
  rs: "rust", sh: "bash", svelte: "xml", svg: "xml", tex: "latex", toml: "ini", ts: "typescript", tsx: "typescript",
  vue: "xml", yml: "yaml", zsh: "bash",
};

const ready = new Set<string>();
const pending = new Map<string, Promise<boolean>>();
let core: HLJSApi | null = null;

/** The highlighter's own name of a language; empty when it does not know it. */
export function grammarOf(language: string): string {
  const name = ALIASES[language] ?? language;
  return Object.hasOwn(LOADERS, name) ? name : "";
}

async function fetchGrammar(name: string, load: Loader): Promise<boolean> {
  try {
    const [api, grammar] = await Promise.all([import("highlight.js/lib/core"), load()]);
    core ??= api.default;
    core.registerLanguage(name, grammar.default);
    ready.add(name);
    return true;
  } catch {
    // Offline, or a newer version was deployed: the code stays plain, and the next block tries again.
    pending.delete(name);
    return false;
  }
}

/** Fetches what `name` (from grammarOf) needs. Resolves with whether it can be used. */
export function loadGrammar(name: string): Promise<boolean> {
  const load = LOADERS[name];
  if (!load) return Promise.resolve(false);
  const known = pending.get(name);
  if (known) return known;
  const made = fetchGrammar(name, load);
  pending.set(name, made);
  return made;
}

/** HTML with the colours in, escaped; null while the grammar is not there. */
export function highlight(code: string, name: string): string | null {
  if (!core || !ready.has(name)) return null;
  return core.highlight(code, { language: name, ignoreIllegals: true }).value;
}

// Makes the unfinished end of a text fit to be shown: what was begun is closed, what cannot be told yet is held back.
//
// A lone `-` may become a list, a rule or a heading; `**bo` will be bold; half an address is no link yet. Shown as they
// are they would flicker. This changes only what is shown while the text grows: the finished text is parsed as it is.

import { mayBecomeReference } from "./citations.ts";

const MARKERS_ONLY = /^[ \t]*(?:[-*+_=#>~`|:\\$]|\d{1,9}[.)]?|\[[ xX]?\]?|[ \t])*$/;
const FENCE_LINE = /^[ \t]*(?:[-*+>]|\d{1,9}[.)])*[ \t]*(?:`{3,}|~{3,})[^`\n]*$/;
const DELIMITER_ROW = /^[ \t]*\|[ \t:|-]*$/;
// Inline syntax that is longer than this is not waited for.
const LOOK_BACK = 2_000;
const MAX_HELD = 160;

function endsInFence(text: string): boolean {
  let marker = "";
  for (const line of text.split("\n")) {
    const found = /^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}|~{3,})(.*)$/.exec(line);
    const run = found?.[1];
    if (!run) continue;
    if (marker === "") marker = run;
    else if (run[0] === marker[0] && run.length >= marker.length && found[2]?.trim() === "") marker = "";
  }
  return marker !== "";
}

function dropUnsettledLines(text: string): string {
  const lines = text.split("\n");
  const last = lines.at(-1) ?? "";
  if (last !== "" && (MARKERS_ONLY.test(last) || FENCE_LINE.test(last) || /^[ \t]*\|/.test(last))) lines[lines.length - 1] = "";
  // The head of a table waits for the row of dashes below it; without that it would be shown as a paragraph first.
  let at = lines.length - 1;
  while (at >= 0 && lines[at] === "" && at >= lines.length - 1) at -= 1;
  const isRow = (line: string | undefined): boolean => line !== undefined && /^[ \t]*\|/.test(line);
  const head = lines[at];
  if (isRow(head) && !isRow(lines[at - 1]) && !DELIMITER_ROW.test(head ?? "")) lines.splice(at);
  return lines.join("\n");
}

interface Scan {
  /** Where to cut the text; its length when nothing is held back. */
  cut: number;
  /** What closes the text, the innermost first. */
  closers: string;
  /** Characters that are left out, by index. */
  readonly without: Set<number>;
  /** Numbers in brackets refer to sources: they come whole or not at all. */
  readonly cites: boolean;
}

function findRun(text: string, from: number, run: string): number {
  const char = run.charAt(0);
  let at = text.indexOf(run, from);
  while (at >= 0) {
    let end = at;
    while (text[end] === char) end += 1;
    if (end - at === run.length) return at;
    at = text.indexOf(run, end);
  }
  return -1;
}

function runAt(text: string, at: number): string {
  let end = at;
  while (text[end] === text[at]) end += 1;
  return text.slice(at, end);
}

/** Where the formula at `at` ends; its start when it is not closed yet; -1 when there is none. */
function formulaEnd(text: string, at: number): { end: number; open: boolean } | null {
  const two = text.slice(at, at + 2);
  const closer = two === "\\(" ? "\\)" : two === "\\[" ? "\\]" : two === "$$" ? "$$" : "";
  if (closer !== "") {
    const end = text.indexOf(closer, at + 2);
    return end < 0 ? { end: at, open: true } : { end: end + 2, open: false };
  }
  if (text[at] !== "$") return null;
  const end = text.indexOf("$", at + 1);
  if (end >= 0) return { end: end + 1, open: false };
  const rest = text.slice(at + 1);
  const likely = /^(?:[\\a-zA-Z({|]|$)/.test(rest) && rest.length < MAX_HELD && !/[\n`]/.test(rest);
  return likely ? { end: at, open: true } : null;
}

/** Where the parenthesis at `at` is closed; -1 when it is not yet. */
function closingParen(text: string, at: number): number {
  let depth = 0;
  for (let place = at; place < text.length; place += 1) {
    const char = text[place];
    if (char === "(") depth += 1;
    else if (char === ")") depth -= 1;
    if (depth === 0) return place + 1;
  }
  return -1;
}

/** What to do about the bracket at `at`: skip to an index, or cut there. */
function linkEnd(text: string, at: number, scan: Scan): number {
  const close = text.indexOf("]", at + 1);
  const image = text[at - 1] === "!";
  if (scan.cites && !image) {
    if (close < 0 && mayBecomeReference(text.slice(at))) {
      scan.cut = at;
      return at + 1;
    }
    if (close === text.length - 1 && mayBecomeReference(text.slice(at, close))) return close + 1;
  }
  if (close < 0) {
    if (image) scan.cut = at - 1;
    else scan.without.add(at);
    return at + 1;
  }
  if (close === text.length - 1) {
    if (image) scan.cut = at - 1;
    else scan.without.add(at);
    scan.cut = Math.min(scan.cut, close);
    return at + 1;
  }
  if (text[close + 1] !== "(") return at + 1;
  const end = closingParen(text, close + 1);
  if (end >= 0) return end;
  if (image) scan.cut = at - 1;
  else {
    scan.without.add(at);
    scan.cut = close;
  }
  return at + 1;
}

function scanInline(text: string, cites: boolean): Scan {
  const scan: Scan = { cut: text.length, closers: "", without: new Set(), cites };
  const open: { mark: string; at: number }[] = [];
  let at = 0;
  while (at < scan.cut) {
    const char = text.charAt(at);
    const formula = char === "\\" || char === "$" ? formulaEnd(text, at) : null;
    if (formula) {
      if (formula.open) scan.cut = Math.min(scan.cut, formula.end);
      at = Math.max(formula.end, at + 1);
    } else if (char === "\\") {
      if (text.slice(at + 1).trim() === "") scan.cut = at;
      at += 2;
    } else if (char === "`") {
      const run = runAt(text, at);
      const end = findRun(text, at + run.length, run);
      if (end < 0) {
        const empty = text.slice(at + run.length, scan.cut).trim() === "";
        if (empty) scan.cut = at;
        else scan.closers = run;
        break;
      }
      at = end + run.length;
    } else if (char === "*" || char === "~" || char === "_") {
      const run = runAt(text, at);
      at = mark(text, at, run, open, scan);
    } else if (char === "[") {
      at = linkEnd(text, at, scan);
    } else if (cites && char === "【" && mayBecomeReference(text.slice(at))) {
      scan.cut = at;
    } else if (char === "<" && text.length - at < MAX_HELD && /^<\/?(?:[a-z][^>]*)?$/i.test(text.slice(at))) {
      scan.cut = at;
    } else if (char === "!" && at === text.length - 1 && /\s/.test(text[at - 1] ?? " ")) {
      scan.cut = at;
    } else {
      at += 1;
    }
  }
  for (const { mark: closer, at: from } of open.reverse()) {
    if (from < scan.cut) scan.closers += closer;
  }
  return scan;
}

function mark(text: string, at: number, run: string, open: { mark: string; at: number }[], scan: Scan): number {
  const end = at + run.length;
  const unpaired = run.length > 3 || (run[0] === "~" && run.length !== 2);
  if (unpaired) {
    if (end >= text.length) scan.cut = Math.min(scan.cut, at);
    return end;
  }
  const before = text[at - 1] ?? " ";
  const after = text[end] ?? " ";
  if (run[0] === "_" && /\w/.test(before) && /\w/.test(after)) return end;
  const top = open.at(-1);
  if (top?.mark === run && !/\s/.test(before)) open.pop();
  else if (end >= scan.cut) scan.cut = Math.min(scan.cut, at);
  else if (!/\s/.test(after)) open.push({ mark: run, at });
  return end;
}

function closeInline(text: string, cites: boolean): string {
  const blank = text.lastIndexOf("\n\n");
  const paragraph = Math.max(blank < 0 ? 0 : blank + 2, text.length - LOOK_BACK);
  // A list item or a heading is a paragraph of its own.
  const line = text.lastIndexOf("\n") + 1;
  const marker = /^[ \t]*(?:[-*+]|\d{1,9}[.)]|#{1,6})[ \t]+/.exec(text.slice(line));
  const from = line >= paragraph && marker ? line + marker[0].length : paragraph;
  const lead = /^[ \t]*(?:(?:[-*+>]|\d{1,9}[.)]|#{1,6})[ \t]+)*/.exec(text.slice(from))?.[0].length ?? 0;
  const start = from + lead;
  const part = text.slice(start);
  const scan = scanInline(part, cites);
  let shown = part.slice(0, scan.cut);
  if (scan.without.size > 0) shown = dropAt(shown, scan.without);
  if (scan.closers === "") return text.slice(0, start) + shown;
  return text.slice(0, start) + shown.trimEnd() + scan.closers;
}

function dropAt(text: string, without: ReadonlySet<number>): string {
  let kept = "";
  for (let at = 0; at < text.length; at += 1) if (!without.has(at)) kept += text.charAt(at);
  return kept;
}

/** The unfinished end of a text as it is best shown now. `cites`: numbers in brackets refer to sources. */
export function settle(text: string, cites = false): string {
  const line = text.lastIndexOf("\n") + 1;
  if (endsInFence(text.slice(0, line))) {
    return /^[ \t]*[`~]+[ \t]*$/.test(text.slice(line)) ? text.slice(0, line) : text;
  }
  return closeInline(dropUnsettledLines(text), cites);
}

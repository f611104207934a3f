// Where a `#name` is being written in a message. Pure.

export interface HashWord {
  /** Where the `#` stands. */
  readonly start: number;
  /** The place after its last character. */
  readonly end: number;
  /** What stands behind the `#` so far. */
  readonly query: string;
}

const LONGEST = 60;
// Not within a word or an address: after a space, an opening mark, or a Chinese character, which needs no space.
const HASH = /(^|[\s([{"'“‘《「【，。、：；！？—\u3400-\u9fff])[#＃]([^\s#＃]*)$/u;

/** The `#name` that ends at the caret; null when none does. */
export function hashAt(text: string, caret: number): HashWord | null {
  const from = Math.max(0, caret - LONGEST - 2);
  const found = HASH.exec(text.slice(from, caret));
  // What was cut off may belong to it.
  if (!found || (from > 0 && found[1] === "")) return null;
  const query = found[2] ?? "";
  return { start: caret - query.length - 1, end: caret, query };
}

/** The text without it, and without a space too many. */
export function withoutHash(text: string, { start, end }: HashWord): { readonly text: string; readonly caret: number } {
  const before = text.slice(0, start);
  const after = text.slice(end);
  const doubled = /(?:^|\s)$/.test(before) && /^[ \t]/.test(after);
  return { text: before + (doubled ? after.slice(1) : after), caret: start };
}

/** Those whose name holds the text, those that begin with it first. */
export function fitting<T extends { readonly name: string }>(items: readonly T[], query: string): T[] {
  const wanted = query.toLowerCase();
  const fits = items.filter(({ name }) => name.toLowerCase().includes(wanted));
  const first = (item: T): number => (item.name.toLowerCase().startsWith(wanted) ? 0 : 1);
  return fits.sort((a, b) => first(a) - first(b));
}

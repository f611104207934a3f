// Where a passage stands in the text of a page. Pure.
//
// The passage was taken out by another program than the one that lays the text out here, so only letters and digits
// count: not spaces, line breaks, hyphens at their ends, ligatures or the width of characters. Where the whole is not
// found (a table that was read in another order, a line between two columns) its pieces are.

/** A stretch of one of the strings that a page's text comes in. `end` is the first place after it. */
export interface Hit {
  readonly item: number;
  readonly start: number;
  readonly end: number;
}

export interface Located {
  readonly hits: readonly Hit[];
  /** How much of the passage was found, 0 to 1. */
  readonly share: number;
}

const COUNTS = /[\p{L}\p{N}]/u;
/** Letters of a piece: so many that it is hardly found by chance. A Chinese one says as much as several Latin ones. */
const PIECE = 24;
const PIECE_WIDE = 8;
/** Less than this is not the passage. */
const ENOUGH = 0.25;
const NOTHING: Located = { hits: [], share: 0 };

interface Letters {
  readonly text: string;
  /** For each letter of `text`, the item and the place in it that it came from. */
  readonly items: readonly number[];
  readonly places: readonly number[];
}

function lettersOf(strings: readonly string[]): Letters {
  let text = "";
  const items: number[] = [];
  const places: number[] = [];
  strings.forEach((string, item) => {
    let place = 0;
    for (const character of string) {
      for (const letter of character.normalize("NFKC").toLowerCase()) {
        if (!COUNTS.test(letter)) continue;
        text += letter;
        // A letter outside of the first plane is two units long.
        for (let unit = 0; unit < letter.length; unit += 1) {
          items.push(item);
          places.push(place);
        }
      }
      place += character.length;
    }
  });
  return { text, items, places };
}

interface Span {
  /** In the letters of the page. */
  readonly start: number;
  readonly end: number;
}

/** Of all places where `passage` at `at` is found, the one where it goes on the longest; of equals the first from `near` on. */
function longest(page: string, passage: string, at: number, size: number, near: number): Span | null {
  const piece = passage.slice(at, at + size);
  let best: Span | null = null;
  const take = (found: number): void => {
    let length = size;
    while (at + length < passage.length && page[found + length] === passage[at + length]) length += 1;
    if (best === null || length > best.end - best.start) best = { start: found, end: found + length };
  };
  for (let found = page.indexOf(piece, near); found >= 0; found = page.indexOf(piece, found + 1)) take(found);
  for (let found = page.indexOf(piece); found >= 0 && found < near; found = page.indexOf(piece, found + 1)) take(found);
  return best;
}

/** The pieces of a passage that a page has. */
function piecesOf(page: string, passage: string): Span[] {
  const wide = /[\u2e80-\u9fff\uac00-\ud7af]/.test(passage);
  const size = Math.min(wide ? PIECE_WIDE : PIECE, passage.length);
  const spans: Span[] = [];
  let at = 0;
  let near = 0;
  while (at + size <= passage.length) {
    const found = longest(page, passage, at, size, near);
    if (found === null) {
      at += Math.max(1, size >> 2);
      continue;
    }
    spans.push(found);
    near = found.end;
    at += found.end - found.start;
  }
  return spans;
}

/** The pieces that stand together: those too far from where most of them are were found by chance. */
function together(spans: readonly Span[], length: number): Span[] {
  let best: Span[] = [];
  let most = 0;
  for (const { start } of spans) {
    const near = spans.filter((span) => span.start >= start && span.end <= start + length * 1.6 + 80);
    const sum = near.reduce((total, span) => total + span.end - span.start, 0);
    if (sum > most) [best, most] = [near, sum];
  }
  return best;
}

function hitsOf(letters: Letters, spans: readonly Span[], strings: readonly string[]): Hit[] {
  const hits = new Map<number, { start: number; end: number }>();
  for (const { start, end } of spans) {
    for (let at = start; at < end; at += 1) {
      const item = letters.items[at] ?? 0;
      const place = letters.places[at] ?? 0;
      const width = (strings[item]?.codePointAt(place) ?? 0) > 0xffff ? 2 : 1;
      const known = hits.get(item);
      if (known === undefined) hits.set(item, { start: place, end: place + width });
      else {
        known.start = Math.min(known.start, place);
        known.end = Math.max(known.end, place + width);
      }
    }
  }
  return [...hits].sort(([a], [b]) => a - b).map(([item, { start, end }]) => ({ item, start, end }));
}

/** Finds `passage` in the strings that a page's text comes in. */
export function locate(strings: readonly string[], passage: string): Located {
  const letters = lettersOf(strings);
  const wanted = lettersOf([passage]).text;
  if (wanted === "" || letters.text === "") return NOTHING;
  const whole = letters.text.indexOf(wanted);
  if (whole >= 0) {
    return { hits: hitsOf(letters, [{ start: whole, end: whole + wanted.length }], strings), share: 1 };
  }
  const spans = together(piecesOf(letters.text, wanted), wanted.length);
  const share = spans.reduce((sum, { start, end }) => sum + end - start, 0) / wanted.length;
  // What ends a page or begins one may be a small part of the passage, but is then a long piece.
  const long = spans.some(({ start, end }) => end - start >= 2 * PIECE);
  if (share < ENOUGH && !long) return NOTHING;
  return { hits: hitsOf(letters, spans, strings), share };
}

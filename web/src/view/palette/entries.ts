// What the palette offers, and which of it fits what was typed. Pure.

export interface PaletteEntry {
  readonly id: string;
  readonly label: string;
  /** Heading that it stands under. */
  readonly group: string;
  readonly hint: string;
  /** Holds now: the present theme, the present model. */
  readonly checked: boolean;
  readonly run: () => void;
}

export interface PaletteGroup {
  readonly label: string;
  readonly entries: readonly PaletteEntry[];
}

/** How well a label fits: 0 not at all; more is better. Each word typed must be in it. */
export function fit(label: string, query: string): number {
  const text = label.toLocaleLowerCase();
  const words = query.toLocaleLowerCase().split(/\s+/).filter((word) => word !== "");
  let score = 1;
  for (const word of words) {
    const at = text.indexOf(word);
    if (at < 0) return 0;
    if (at === 0) score += 3;
    else if (/[\s\p{P}]/u.test(text.charAt(at - 1))) score += 2;
    else score += 1;
  }
  return score;
}

const MOST = 20;

/** The entries that fit, the best first, under their headings in the order given; of each heading at most so many. */
export function choose(entries: readonly PaletteEntry[], query: string, most: Readonly<Record<string, number>>): readonly PaletteGroup[] {
  const groups = new Map<string, { entry: PaletteEntry; score: number }[]>();
  for (const entry of entries) {
    const score = fit(entry.label, query);
    if (score === 0) continue;
    const list = groups.get(entry.group) ?? [];
    groups.set(entry.group, list);
    list.push({ entry, score });
  }
  return [...groups].map(([label, list]) => ({
    label,
    entries: (query.trim() === "" ? list : [...list].sort((a, b) => b.score - a.score)).slice(0, most[label] ?? MOST).map(({ entry }) => entry),
  }));
}

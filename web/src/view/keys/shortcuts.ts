// The keys that work everywhere, as data: what the map shows is what the handler reads.

export const isApple = /Mac|iPhone|iPad/.test(globalThis.navigator?.userAgent ?? "");
const MOD = isApple ? "⌘" : "Ctrl";
const SHIFT = isApple ? "⇧" : "Shift";

export const CHORDS = {
  palette: [MOD, "K"],
  new: [MOD, SHIFT, "O"],
  rail: [MOD, "B"],
  stop: ["Esc"],
  editLast: ["↑"],
  send: ["Enter"],
  break: [SHIFT, "Enter"],
  list: ["↑", "↓"],
  rename: ["F2"],
  delete: ["Delete"],
  map: ["?"],
} as const satisfies Record<string, readonly string[]>;

export type Shortcut = keyof typeof CHORDS;

export function chordText(shortcut: Shortcut): string {
  return CHORDS[shortcut].join(isApple ? "" : "+");
}

/** Whether keys go into a text now. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

/** Whether the key belongs to an input method: Chinese is written with Enter, too. */
export function isComposing(event: KeyboardEvent): boolean {
  // Safari ends the composition before it tells of the key; 229 is how it marks such a key.
  return event.isComposing || event.keyCode === 229;
}

/** The global shortcut of a key, if any. */
export function shortcutOf(event: KeyboardEvent): "palette" | "new" | "rail" | "map" | null {
  if (isComposing(event)) return null;
  const mod = isApple ? event.metaKey : event.ctrlKey;
  const key = event.key.toLowerCase();
  if (mod && !event.altKey) {
    if (key === "k" && !event.shiftKey) return "palette";
    if (key === "o" && event.shiftKey) return "new";
    if (key === "b" && !event.shiftKey) return "rail";
    return null;
  }
  if (event.key === "?" && !event.altKey && !event.metaKey && !event.ctrlKey && !isTyping(event.target)) return "map";
  return null;
}

// What outlives a reload, as the state sees it. The browser's localStorage is behind it in main.ts, a map in tests.

export interface KeyStore {
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
  keys(): readonly string[];
  /** Calls `listener` when another tab changed a key. */
  onChange(listener: (key: string, value: string | null) => void): void;
}

/** Reads JSON that another version may have written; null when it is not what `is` accepts. */
export function readJson<T>(store: KeyStore, key: string, is: (value: unknown) => value is T): T | null {
  const text = store.get(key);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return is(value) ? value : null;
  } catch {
    return null;
  }
}

/** Whether a value from outside is an object whose fields can be looked at. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// What a person chose for this browser. Kept across reloads, shared between tabs.

import { isRecord, readJson, type KeyStore } from "./storage.ts";
import { Store } from "./store.ts";
import type { Settings, SettingsState } from "./types.ts";

const KEY = "fireside.settings";

const DEFAULTS: SettingsState = { theme: "system", language: "auto", railFolded: false, model: "" };

/** Takes what is right of what was stored, by this version or another one. */
function settingsOf(stored: Record<string, unknown> | null): SettingsState {
  const { theme, language, railFolded, model } = stored ?? {};
  return {
    theme: theme === "light" || theme === "dark" ? theme : DEFAULTS.theme,
    language: language === "en" || language === "zh" ? language : DEFAULTS.language,
    railFolded: typeof railFolded === "boolean" ? railFolded : DEFAULTS.railFolded,
    model: typeof model === "string" ? model : DEFAULTS.model,
  };
}

export class StoredSettings extends Store<SettingsState> implements Settings {
  constructor(private readonly store: KeyStore) {
    super(settingsOf(readJson(store, KEY, isRecord)));
    store.onChange((key) => {
      if (key === KEY) this.set(settingsOf(readJson(store, KEY, isRecord)));
    });
  }

  change(change: Partial<SettingsState>): void {
    this.update(change);
    this.store.set(KEY, JSON.stringify(this.get()));
  }
}

// What this browser keeps for one account: the same names as those of another, without meeting them.

import type { KeyStore } from "./storage.ts";

/** The account of a server without sign-in. The first admin takes it over, and what was being written with it. */
const LOCAL = "local";

function prefixOf(accountId: string): string {
  return accountId === "" || accountId === LOCAL ? "" : `account.${accountId}.`;
}

/** The part of a storage that belongs to this account. */
export function storageOf(store: KeyStore, accountId: string): KeyStore {
  const prefix = prefixOf(accountId);
  if (prefix === "") return store;
  const own = (key: string): boolean => key.startsWith(prefix);
  return {
    get: (key) => store.get(prefix + key),
    set: (key, value) => { store.set(prefix + key, value); },
    remove: (key) => { store.remove(prefix + key); },
    keys: () => store.keys().filter(own).map((key) => key.slice(prefix.length)),
    onChange: (listener) => {
      store.onChange((key, value) => {
        if (own(key)) listener(key.slice(prefix.length), value);
      });
    },
  };
}

/** What is written or unsent; the look of the app is not the account's. */
const OWN = ["fireside.draft.", "fireside.outbox.", "fireside.upload."];

/** Forgets all that is kept for an account: it has signed out. */
export function forgetAccount(store: KeyStore, accountId: string): void {
  const own = storageOf(store, accountId);
  for (const key of own.keys()) if (OWN.some((prefix) => key.startsWith(prefix))) own.remove(key);
}

// The composition root of the page: makes the real transport, storage, clock and address, and mounts the view.

import { mount } from "svelte";

import { createChatClient } from "./rpc/api.ts";
import { systemClock } from "./rpc/clock.ts";
import { deadAfterMs } from "./rpc/heartbeat.ts";
import type { Channel, TabsOptions } from "./rpc/tabs.ts";
import { joinTabs } from "./rpc/tabs.ts";
import type { Port } from "./rpc/port.ts";
import { createBrowserTransport } from "./rpc/transport.ts";
import { createApp } from "./state/app.ts";
import { newId } from "./state/ids.ts";
import { LiveHub } from "./state/live-hub.ts";
import type { Address } from "./state/router.ts";
import type { KeyStore } from "./state/storage.ts";
import App from "./view/App.svelte";

/** localStorage, or a map where a person or a policy forbids it: then nothing outlives the tab. */
function browserStorage(): KeyStore {
  const memory = new Map<string, string>();
  const attempt = <T>(stored: () => T, otherwise: () => T): T => {
    try {
      return stored();
    } catch {
      return otherwise();
    }
  };
  return {
    get: (key) => memory.get(key) ?? attempt(() => localStorage.getItem(key), () => null),
    set: (key, value) => {
      attempt(() => {
        localStorage.setItem(key, value);
        memory.delete(key);
      }, () => void memory.set(key, value));
    },
    remove: (key) => {
      memory.delete(key);
      attempt(() => { localStorage.removeItem(key); }, () => undefined);
    },
    keys: () => [...memory.keys(), ...attempt(() => Object.keys(localStorage), () => [])],
    onChange: (listener) => {
      addEventListener("storage", ({ key, newValue }) => {
        if (key !== null) listener(key, newValue);
      });
    },
  };
}

const address: Address = {
  path: () => location.pathname,
  query: () => location.search,
  hash: () => location.hash.slice(1),
  push: (path) => { history.pushState(null, "", path); },
  replace: (path) => { history.replaceState(null, "", path); },
  onMove: (listener) => { addEventListener("popstate", listener); },
};

const transport = createBrowserTransport(location.origin);
const app = createApp({
  transport,
  storage: browserStorage(),
  address,
  clock: systemClock,
  random: Math.random,
  scheduler: {
    frame: (run) => {
      const id = requestAnimationFrame(run);
      return () => { cancelAnimationFrame(id); };
    },
  },
  locale: navigator.language,
  renew: (path) => {
    if (path === undefined || path === location.pathname) location.reload();
    else location.assign(path);
  },
  append: async (piece, options) => (await import("./rpc/append.ts")).append(location.origin, piece, options),
  check: async (...piece) => (await import("./hash-files.ts")).checkPiece(...piece),
  hash: async (file, signal) => (await import("./hash-files.ts")).hashFile(file, signal),
});

function startWorker(failed: () => void): Port {
  const worker = new SharedWorker(new URL("./shared-worker.ts", import.meta.url), { type: "module", name: "fireside" });
  worker.onerror = failed;
  return worker.port as Port;
}

const chat = createChatClient(transport);
const tabs: TabsOptions = {
  tabId: newId(),
  worker: "SharedWorker" in window ? startWorker : null,
  // Missing on plain HTTP, whatever the types say.
  locks: (navigator.locks as LockManager | undefined) ?? null,
  channel: "BroadcastChannel" in window ? (new BroadcastChannel("fireside") as Channel) : null,
  hub: () =>
    new LiveHub({
      open: (request, signal) => chat.watchEvents(request, { signal }),
      clock: systemClock,
      random: Math.random,
      deadAfterMs: deadAfterMs(location.protocol),
    }),
  attach: (wire) => { app.live.attach(wire); },
  clock: systemClock,
};
// Nothing is live before it is known for whom.
let joined = false;
app.room.subscribe((room) => {
  if (room === null || joined) return;
  joined = true;
  joinTabs(tabs);
});

/** Another account may have come while the page did not look. */
function look(): void {
  const { phase } = app.session.get();
  if (phase !== "single" && phase !== "starting") void app.session.refresh();
}

addEventListener("online", () => { app.live.hint("online"); });
addEventListener("offline", () => { app.live.hint("offline"); });
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  app.live.hint("wake");
  look();
});
addEventListener("pagehide", ({ persisted }) => {
  // A page that is only put aside comes back with all it had.
  if (!persisted) app.live.leave();
});
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  app.live.hint("wake");
  look();
});

const target = document.getElementById("app");
if (target !== null) mount(App, { target, props: { app } });

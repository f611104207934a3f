// Puts the parts of the state together: first who is here, then what there is for them. What is of the browser
// (transport, storage, address, frames) is passed in.

import type { Transport } from "@connectrpc/connect";

import type { Clock } from "../rpc/clock.ts";
import type { Entrance } from "./entrance-types.ts";
import { LiveClient } from "./live-client.ts";
import { createRoom, once } from "./room.ts";
import { PathRouter, type Address } from "./router.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Session } from "./session-types.ts";
import { SessionKeeper } from "./session.ts";
import { StoredSettings } from "./settings.ts";
import type { SharedLink } from "./sharing-types.ts";
import type { KeyStore } from "./storage.ts";
import { Store } from "./store.ts";
import type { AppState, Readable, Router, Settings } from "./types.ts";
import type { Append, Check } from "./upload-piece.ts";
import type { Hash } from "./upload-task.ts";

export interface AppOptions {
  readonly transport: Transport;
  readonly storage: KeyStore;
  readonly address: Address;
  readonly clock: Clock;
  readonly random: () => number;
  readonly scheduler: Scheduler;
  readonly locale: string;
  readonly timeZone?: string;
  /** Loads the page anew, at this path if given. */
  readonly renew: (path?: string) => void;
  /** Computes hashes of files where they do not hold up the page. */
  readonly hash: Hash;
  /** Sends pieces of files without reading them; left out, their bytes are read. */
  readonly append?: Append;
  /** Computes checksums of pieces of files where they do not hold up the page; left out, here. */
  readonly check?: Check;
}

export interface App {
  readonly session: Session;
  readonly settings: Settings;
  readonly router: Router;
  /** What there is for who is here; null until that is known. It stays while somebody has to sign in again. */
  readonly room: Readable<AppState | null>;
  /** The same, once it is there. */
  readonly state: AppState;
  /** Attach it to a hub to make the app live, once there is a room. */
  readonly live: LiveClient;
  /** Fetches what signing in and up needs: most visits do not. */
  entrance(): Promise<Entrance>;
  /** Fetches what reads a shared link. Nobody has to be here for that. */
  sharedLink(token: string): Promise<SharedLink>;
}

export function createApp(options: AppOptions): App {
  const { storage, clock, random, transport } = options;
  const live = new LiveClient();
  const settings = new StoredSettings(storage);
  const router = new PathRouter(options.address);
  // At the door, the link that opened it has been used.
  const renew = (path?: string): void => { options.renew(path ?? router.next()); };
  const session = new SessionKeeper({ transport, storage, clock, random, renew });
  const room = new Store<AppState | null>(null);
  session.subscribe(({ phase, account }) => {
    if (room.get() !== null || (phase !== "in" && phase !== "single")) return;
    live.admit(account?.id ?? "");
    room.set(createRoom({ session, settings, router, live }, options));
  });
  void session.refresh();
  return {
    session,
    settings,
    router,
    room,
    live,
    get state() {
      const made = room.get();
      if (made === null) throw new Error("Nobody is here yet.");
      return made;
    },
    sharedLink: async (token) => new (await import("./shared-link.ts")).LinkReader({ ...options, token }),
    entrance: once(async () => new (await import("./entrance.ts")).EntranceDesk({ transport, session, clock, random })),
  };
}

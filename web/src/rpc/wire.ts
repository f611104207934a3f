// What a tab and the owner of the live stream say to each other, over a MessagePort, a BroadcastChannel or a plain
// call. Everything is structured-cloneable; records travel as the bytes of a WatchEventsResponse.

import type { Hint, LinkState } from "./live.ts";

export type ToHub =
  /** For whom: empty on a server without accounts. */
  | { readonly kind: "hello"; readonly account: string }
  | { readonly kind: "hint"; readonly hint: Hint }
  /** Send what there is of this generation from its beginning. */
  | { readonly kind: "want"; readonly generationId: string }
  | { readonly kind: "bye" };

export type ToTab =
  | { readonly kind: "link"; readonly state: LinkState }
  /** Whatever was read before may be stale: read again. */
  | { readonly kind: "fresh" }
  /** A WatchEventsResponse. The first after `hello` holds `ready` and each running answer as a `reset`. */
  | { readonly kind: "batch"; readonly bytes: Uint8Array }
  /** The hub does not have what was wanted: ask the server. */
  | { readonly kind: "unknown"; readonly generationId: string };

/** One end of a two-way line between a tab and the hub. */
export interface Wire<Out, In> {
  send(message: Out): void;
  /** At most one listener; messages that came before are given to it first. */
  listen(listener: (message: In) => void): void;
  close(): void;
}

export type TabWire = Wire<ToHub, ToTab>;
export type HubWire = Wire<ToTab, ToHub>;

/** One end of a line whose other end is in the same thread. */
class LocalEnd<Out, In> implements Wire<Out, In> {
  peer: LocalEnd<In, Out> | null = null;
  #listener: ((message: In) => void) | null = null;
  #early: In[] = [];

  send(message: Out): void {
    this.peer?.take(message);
  }

  take(message: In): void {
    if (this.#listener === null) this.#early.push(message);
    else this.#listener(message);
  }

  listen(listener: (message: In) => void): void {
    this.#listener = listener;
    for (const message of this.#early.splice(0)) listener(message);
  }

  close(): void {
    if (this.peer !== null) this.peer.peer = null;
    this.peer = null;
  }
}

/** A line within one thread: for a tab that owns the stream itself, and for tests. */
export function localLine(): { readonly tab: TabWire; readonly hub: HubWire } {
  const tab = new LocalEnd<ToHub, ToTab>();
  const hub = new LocalEnd<ToTab, ToHub>();
  tab.peer = hub;
  hub.peer = tab;
  return { tab, hub };
}

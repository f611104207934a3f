// Lines between a tab and a hub in another thread, over anything that works like a MessagePort. The hub's side notices
// tabs that are gone and takes back those that were thought gone.

import type { Clock } from "./clock.ts";
import type { HubWire, TabWire, ToHub, ToTab } from "./wire.ts";

/** As much of a MessagePort as is needed. */
export interface Port {
  postMessage(message: unknown): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

/** Who can own the live stream. */
export interface Hub {
  /** Takes a tab on. Returns what lets go of it. */
  connect(wire: HubWire): () => void;
}

/** As much of `navigator.locks` as is needed. */
export interface Locks {
  request(name: string, held: () => Promise<unknown>): Promise<unknown>;
}

/** Says that a tab lives: by a lock that it holds as long as it does, or, with no lock, by being repeated. */
interface Alive {
  readonly kind: "alive";
  readonly lock: string;
}

export const ALIVE_EVERY_MS = 20_000;
/** Browsers let a hidden tab's timers run once a minute. */
const SILENT_MS = 150_000;

/** A tab's end of a line. */
export class PortWire implements TabWire {
  /** Something came from the other end. */
  heard = false;
  #open = true;

  constructor(private readonly port: Port) {}

  send(message: ToHub): void {
    if (this.#open) this.port.postMessage(message);
  }

  /** Says that the tab lives; false once the line is closed. */
  alive(lock: string): boolean {
    if (this.#open) this.port.postMessage({ kind: "alive", lock } satisfies Alive);
    return this.#open;
  }

  listen(listener: (message: ToTab) => void): void {
    this.port.onmessage = ({ data }) => {
      this.heard = true;
      listener(data as ToTab);
    };
  }

  close(): void {
    this.#open = false;
    this.port.onmessage = null;
  }
}

/** The hub's end of a line: seats the tab at the hub while it lives. */
export class Seat implements HubWire {
  #listener: ((message: ToHub) => void) | null = null;
  #leave: (() => void) | null = null;
  /** The last greeting: who has it had a seat before. */
  #greeting: ToHub | null = null;
  #cancelSilence: () => void = () => undefined;

  constructor(
    private readonly port: Port,
    private readonly hub: Hub,
    private readonly clock: Clock,
    private readonly locks: Locks | null,
  ) {
    port.onmessage = ({ data }) => {
      this.#take(data as ToHub | Alive);
    };
  }

  send(message: ToTab): void {
    this.port.postMessage(message);
  }

  listen(listener: (message: ToHub) => void): void {
    this.#listener = listener;
  }

  /** The hub let go of the tab. The port stays: the tab may come back. */
  close(): void {
    this.#leave = null;
    this.#listener = null;
    this.#cancelSilence();
  }

  #take(message: ToHub | Alive): void {
    if (message.kind === "bye") {
      this.#leave?.();
      return;
    }
    const before = this.#greeting;
    if (message.kind === "hello") this.#greeting = message;
    if (this.#leave === null) this.#sit(message.kind === "hello", before);
    if (message.kind === "alive") this.#live(message.lock);
    else this.#listener?.(message);
  }

  #sit(greets: boolean, before: ToHub | null): void {
    this.#leave = this.hub.connect(this);
    if (before === null) return;
    if (!greets) this.#listener?.(before);
    // What happened while the tab had no seat never reached it.
    this.send({ kind: "fresh" });
  }

  #live(lock: string): void {
    if (lock !== "" && this.locks !== null) {
      void this.locks.request(lock, () => {
        this.#leave?.();
        return Promise.resolve();
      });
      return;
    }
    this.#cancelSilence();
    this.#cancelSilence = this.clock.after(SILENT_MS, () => {
      this.#leave?.();
    });
  }
}

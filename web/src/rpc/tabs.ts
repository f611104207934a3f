// Decides who owns the live stream for all tabs of this browser: a SharedWorker; else the tab that holds a lock, which
// the others reach over a BroadcastChannel; else each tab its own. Browsers allow six connections to a host.

import type { Clock } from "./clock.ts";
import { ALIVE_EVERY_MS, PortWire, Seat, type Hub, type Locks, type Port } from "./port.ts";
import { localLine, type TabWire } from "./wire.ts";

/** As much of a BroadcastChannel as is needed. */
export interface Channel {
  postMessage(message: unknown): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

export interface TabsOptions {
  /** Unique among the tabs. */
  readonly tabId: string;
  /** Starts or joins the shared worker; null where there is none. */
  readonly worker: ((failed: () => void) => Port) | null;
  readonly locks: Locks | null;
  readonly channel: Channel | null;
  /** Makes a hub in this tab. */
  readonly hub: () => Hub;
  /** Talks to the hub at the other end from now on. */
  readonly attach: (wire: TabWire) => void;
  readonly clock: Clock;
}

/** A worker that has not answered by then is not going to. Milliseconds. */
const WORKER_MS = 4_000;
const LEADER = "fireside-leader";

type Frame =
  | { readonly to: "hub"; readonly from: string; readonly message: unknown }
  | { readonly to: "tab"; readonly tab: string; readonly message: unknown }
  | { readonly to: "all" };

export function joinTabs(options: TabsOptions): void {
  const { worker, locks, clock } = options;
  const held = locks === null ? null : holdLock(options.tabId, locks);
  if (worker === null) {
    joinLeader(options, held);
    return;
  }
  let settled = false;
  let wire: PortWire | null = null;
  const giveUp = (): void => {
    if (settled || wire?.heard === true) return;
    settled = true;
    wire?.close();
    joinLeader(options, held);
  };
  try {
    wire = new PortWire(worker(giveUp));
  } catch {
    // A browser that knows the name may still refuse, for privacy or policy.
    giveUp();
    return;
  }
  clock.after(WORKER_MS, giveUp);
  options.attach(wire);
  keepAlive(wire, options, held);
}

function lockName(tabId: string): string {
  return `fireside-tab-${tabId}`;
}

/**
 * Holds the lock that shows that this tab lives, for as long as it does. Resolves once it is held; only then may the
 * hub be told of it, or the hub could get it first.
 */
function holdLock(tabId: string, locks: Locks): Promise<void> {
  return new Promise((resolve) => {
    void locks.request(lockName(tabId), () => {
      resolve();
      return new Promise(() => undefined);
    });
  });
}

/** Shows the hub that this tab lives. */
function keepAlive(wire: PortWire, { tabId, clock }: TabsOptions, held: Promise<void> | null): void {
  if (held !== null) {
    void held.then(() => {
      wire.alive(lockName(tabId));
    });
    return;
  }
  const beat = (): void => {
    if (wire.alive("")) clock.after(ALIVE_EVERY_MS, beat);
  };
  beat();
}

function joinLeader(options: TabsOptions, held: Promise<void> | null): void {
  const { locks, channel } = options;
  if (locks === null || channel === null || held === null) {
    own(options, options.hub());
    return;
  }
  void held.then(() => {
    follow(options, channel);
    void locks.request(LEADER, () => {
      lead(options, channel, locks);
      return new Promise(() => undefined);
    });
  });
}

/** The hub is in this tab. */
function own(options: TabsOptions, hub: Hub): void {
  const line = localLine();
  hub.connect(line.hub);
  options.attach(line.tab);
}

function follow(options: TabsOptions, channel: Channel): void {
  const { tabId } = options;
  let port: Port | null = null;
  const attach = (): void => {
    port = {
      onmessage: null,
      postMessage: (message) => {
        channel.postMessage({ to: "hub", from: tabId, message } satisfies Frame);
      },
    };
    const wire = new PortWire(port);
    options.attach(wire);
    wire.alive(lockName(tabId));
  };
  channel.onmessage = ({ data }) => {
    const frame = data as Frame;
    if (frame.to === "all") attach();
    else if (frame.to === "tab" && frame.tab === tabId) port?.onmessage?.({ data: frame.message });
  };
  attach();
}

function lead(options: TabsOptions, channel: Channel, locks: Locks): void {
  const hub = options.hub();
  const ports = new Map<string, Port>();
  channel.onmessage = ({ data }) => {
    const frame = data as Frame;
    if (frame.to !== "hub") return;
    let port = ports.get(frame.from);
    if (port === undefined) {
      port = {
        onmessage: null,
        postMessage: (message) => {
          channel.postMessage({ to: "tab", tab: frame.from, message } satisfies Frame);
        },
      };
      ports.set(frame.from, port);
      new Seat(port, hub, options.clock, locks);
    }
    port.onmessage?.({ data: frame.message });
  };
  own(options, hub);
  // Whoever followed the leader before says hello to this one.
  channel.postMessage({ to: "all" } satisfies Frame);
}

// The composition root of the shared worker: one live stream for all tabs of this browser.

import { createChatClient } from "./rpc/api.ts";
import { systemClock } from "./rpc/clock.ts";
import { deadAfterMs } from "./rpc/heartbeat.ts";
import { Seat, type Locks, type Port } from "./rpc/port.ts";
import { createBrowserTransport } from "./rpc/transport.ts";
import { LiveHub } from "./state/live-hub.ts";

/** As much of SharedWorkerGlobalScope as is needed: its library clashes with the one of the page. */
interface WorkerScope {
  readonly location: { readonly origin: string; readonly protocol: string };
  readonly navigator: { readonly locks?: Locks };
  onconnect: ((event: { readonly ports: readonly MessagePort[] }) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;
const chat = createChatClient(createBrowserTransport(scope.location.origin));

const hub = new LiveHub({
  open: (request, signal) => chat.watchEvents(request, { signal }),
  clock: systemClock,
  random: Math.random,
  deadAfterMs: deadAfterMs(scope.location.protocol),
});

scope.onconnect = ({ ports }) => {
  for (const port of ports) new Seat(port as Port, hub, systemClock, scope.navigator.locks ?? null);
};

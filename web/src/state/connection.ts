// What to tell a person about the connection: nothing while it is fine, and nothing of a hiccup.

import type { Clock } from "../rpc/clock.ts";
import { Code } from "../rpc/failure.ts";
import type { LinkState } from "../rpc/live.ts";
import { appError } from "./errors.ts";
import type { LiveClient } from "./live-client.ts";
import { Store } from "./store.ts";
import type { Connection, ConnectionView } from "./types.ts";

/** Trouble that is over within this time is not worth a word. Milliseconds. */
const HICCUP_MS = 1_200;

const FINE: ConnectionView = { kind: "fine" };

export class ConnectionStatus extends Store<ConnectionView> implements Connection {
  #troubleSince: number | null = null;
  #cancel: () => void = () => undefined;

  constructor(
    private readonly live: LiveClient,
    private readonly clock: Clock,
  ) {
    super(FINE);
    live.link.subscribe(() => {
      this.#look();
    });
  }

  retryNow(): void {
    this.live.hint("retry");
  }

  #look(): void {
    this.#cancel();
    const link = this.live.link.get();
    if (link.kind === "live") {
      this.#troubleSince = null;
      this.set(FINE);
      return;
    }
    const now = this.clock.now();
    this.#troubleSince ??= now;
    const quiet = this.#troubleSince + HICCUP_MS - now;
    // A refusal is final, so there is no reason to hold it back.
    if (quiet <= 0 || (link.kind === "stopped" && link.failure !== null)) this.#show(viewOf(link, now));
    if (quiet > 0 || link.kind === "waiting") {
      this.#cancel = this.clock.after(quiet > 0 ? quiet : 1_000 - ((now - this.#troubleSince) % 1_000), () => {
        this.#look();
      });
    }
  }

  #show(view: ConnectionView): void {
    if (JSON.stringify(view) !== JSON.stringify(this.get())) this.set(view);
  }
}

function viewOf(link: LinkState, now: number): ConnectionView {
  if (link.kind === "offline") return { kind: "offline" };
  if (link.kind === "stopped" && link.failure !== null) return { kind: "refused", error: appError(link.failure) };
  if (link.kind !== "waiting") return { kind: "connecting" };
  const seconds = Math.max(1, Math.ceil((link.retryAt - now) / 1_000));
  // A server that closed the stream properly, or says that it is going, comes back; one that cannot be reached may not.
  const restarting = !link.failure.network && link.failure.code === Code.Unavailable;
  return { kind: restarting ? "restarting" : "waiting", seconds };
}

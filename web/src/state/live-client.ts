// A tab's end of the line to the owner of the live stream: decodes and hands out. It keeps no records itself.

import { fromBinary } from "@bufbuild/protobuf";

import type { AccountEvent } from "../gen/fireside/v1/account_event_pb.ts";
import { WatchEventsResponseSchema } from "../gen/fireside/v1/chat_service_pb.ts";
import type { Event } from "../gen/fireside/v1/generation_pb.ts";
import type { Failure } from "../gen/fireside/v1/message_pb.ts";
import type { Hint, LinkState } from "../rpc/live.ts";
import type { TabWire, ToTab } from "../rpc/wire.ts";
import { Store } from "./store.ts";

/** What a part of the state wants to hear. */
export interface LiveListener {
  /** Whatever was read before may be stale: read it again. */
  fresh?(): void;
  account?(event: AccountEvent): void;
  log?(generationId: string, events: readonly Event[]): void;
  /** Who owns the stream does not know this generation. */
  unknown?(generationId: string): void;
  /** The server cannot bring this log (any further) by the live stream. */
  broken?(generationId: string, failure: Failure): void;
  /** The tab goes away. */
  left?(): void;
}

export class LiveClient {
  readonly link = new Store<LinkState>({ kind: "connecting", attempt: 1 });
  #listeners: readonly LiveListener[] = [];
  #wire: TabWire | null = null;
  /** Who listens; null until that is known. */
  #account: string | null = null;
  /** What waits for the stream to begin; null once it is known how that went. */
  #first: (() => void)[] | null = [];

  /** Listeners are called in the order in which they came. Returns what ends that. */
  listen(listener: LiveListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  /**
   * Calls `read` for what is there at the start. Reading waits a moment for the stream, since whatever was read before
   * that is live would be read again then. A listener with `fresh` is called by that instead.
   */
  start(read: () => void): void {
    if (this.#first === null) read();
    else this.#first.push(read);
  }

  /** Nothing waits for the stream any longer. */
  begin(): void {
    const waiting = this.#first ?? [];
    this.#first = null;
    for (const read of waiting) read();
  }

  /** Talks to this hub from now on; the one before is left. */
  attach(wire: TabWire): void {
    this.#wire?.close();
    this.#wire = wire;
    wire.listen((message) => {
      if (this.#wire === wire) this.#take(message);
    });
    if (this.#account !== null) wire.send({ kind: "hello", account: this.#account });
  }

  /** This account listens from now on (empty: the only one of a server without sign-in), or has signed in again. */
  admit(account: string): void {
    this.#account = account;
    this.#wire?.send({ kind: "hello", account });
  }

  /** The tab goes away. */
  leave(): void {
    for (const listener of this.#listeners) listener.left?.();
    this.#wire?.send({ kind: "bye" });
  }

  hint(hint: Hint): void {
    this.#wire?.send({ kind: "hint", hint });
  }

  /** Asks for a log from its beginning: it comes as `log`, or `unknown` says that it will not. */
  want(generationId: string): void {
    this.#wire?.send({ kind: "want", generationId });
  }

  #take(message: ToTab): void {
    if (message.kind === "link") {
      this.link.set(message.state);
      if (message.state.kind !== "connecting") this.begin();
    } else if (message.kind === "fresh") {
      this.#first = null;
      for (const listener of this.#listeners) listener.fresh?.();
    } else if (message.kind === "batch") this.#batch(message.bytes);
    else for (const listener of this.#listeners) listener.unknown?.(message.generationId);
  }

  #batch(bytes: Uint8Array): void {
    const response = fromBinary(WatchEventsResponseSchema, bytes);
    for (const event of response.events) {
      for (const listener of this.#listeners) listener.account?.(event);
    }
    for (const { generationId, events, failure } of response.generationEvents) {
      for (const listener of this.#listeners) {
        listener.log?.(generationId, events);
        if (failure !== undefined) listener.broken?.(generationId, failure);
      }
    }
  }
}

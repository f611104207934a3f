// Who else has the shared conversation on the screen open, and telling them the same of this tab. Nothing is kept.

import type { Presence as PresenceRecord } from "../gen/fireside/v1/share_pb.ts";
import type { Api } from "../rpc/api.ts";
import type { Clock } from "../rpc/clock.ts";
import { Code, failureOf } from "../rpc/failure.ts";
import { newId } from "./ids.ts";
import type { LiveClient } from "./live-client.ts";
import type { Presence, PresenceState, ViewerView } from "./sharing-types.ts";
import { Store } from "./store.ts";

export interface PresenceOptions {
  readonly api: Api;
  readonly live: LiveClient;
  readonly clock: Clock;
  /** The reader's own account, who is not shown. */
  readonly accountId: () => string;
}

/** The server forgets after 30 s what is not repeated. */
const EVERY_MS = 15_000;
/** How long after the last key somebody counts as writing. */
const WRITING_MS = 3_000;

export class ScreenPresence extends Store<PresenceState> implements Presence {
  readonly #viewId: string;
  /** The shared conversation on the screen; empty for none. */
  #shown = "";
  /** The one that the server was told of. */
  #told = "";
  /** Counts what the stream told of who is there. */
  #events = 0;
  #visible = true;
  #writing = false;
  #cancelRepeat: () => void = () => undefined;
  #cancelWriting: () => void = () => undefined;
  /** Tellings go one after another, so that `left` is the last word. */
  #queue: Promise<void> = Promise.resolve();

  constructor(private readonly options: PresenceOptions) {
    super({ conversationId: "", viewers: [] });
    this.#viewId = newId(options.clock.now());
    options.live.listen({
      account: ({ kind }) => {
        if (kind.case !== "presence") return;
        this.#events += 1;
        this.#heard(kind.value);
      },
      fresh: () => {
        if (this.#told !== "") this.#tell();
      },
    });
  }

  show(conversationId: string): void {
    if (conversationId === this.#shown) return;
    this.#shown = conversationId;
    this.#turn();
  }

  hide(conversationId: string): void {
    if (conversationId === this.#shown) this.show("");
  }

  visible(visible: boolean): void {
    if (visible === this.#visible) return;
    this.#visible = visible;
    this.#turn();
  }

  typed(): void {
    if (this.#told === "") return;
    this.#cancelWriting();
    this.#cancelWriting = this.options.clock.after(WRITING_MS, () => {
      this.stopped();
    });
    if (this.#writing) return;
    this.#writing = true;
    this.#tell();
  }

  stopped(): void {
    this.#cancelWriting();
    if (!this.#writing) return;
    this.#writing = false;
    if (this.#told !== "") this.#tell();
  }

  /** Another conversation, or none, is looked at from now on. */
  #turn(): void {
    const wanted = this.#visible ? this.#shown : "";
    if (wanted === this.#told) return;
    this.#cancelWriting();
    this.#writing = false;
    if (this.#told !== "") this.#send(this.#told, { left: true });
    this.#told = wanted;
    this.set({ conversationId: wanted, viewers: [] });
    this.#cancelRepeat();
    if (wanted !== "") this.#tell();
  }

  #tell(): void {
    this.#send(this.#told, { writing: this.#writing });
    this.#cancelRepeat();
    this.#cancelRepeat = this.options.clock.after(EVERY_MS, () => {
      this.#tell();
    });
  }

  #send(conversationId: string, change: { readonly writing?: boolean; readonly left?: boolean }): void {
    const { api } = this.options;
    const request = { conversationId, viewId: this.#viewId, ...change };
    this.#queue = this.#queue.then(async () => {
      const heard = this.#events;
      try {
        const { presence } = await api.shares.setPresence(request, { timeoutMs: EVERY_MS });
        // What came by the stream meanwhile is newer.
        if (presence !== undefined && change.left !== true && heard === this.#events) this.#heard(presence);
      } catch (caught) {
        // It is said again soon; access that ended is told by other means.
        const { code } = failureOf(caught);
        if (code === Code.NotFound && conversationId === this.#told) this.#cancelRepeat();
      }
    });
  }

  #heard({ conversationId, viewers }: PresenceRecord): void {
    if (conversationId !== this.#told) return;
    const own = this.options.accountId();
    const others = viewers
      .filter(({ accountId }) => accountId !== own)
      .map(({ accountId, name, writing }): ViewerView => ({ id: accountId, name, writing }));
    this.update({ viewers: others });
  }
}

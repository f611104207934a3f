// The owner of the live stream: in a SharedWorker, in the leading tab, or in the only one. It passes each batch on to
// all tabs and keeps the folded state of what runs, so that a tab that comes late starts from one consistent picture.

import { create, toBinary } from "@bufbuild/protobuf";

import { AccountEventSchema, type AccountEvent } from "../gen/fireside/v1/account_event_pb.ts";
import { WatchEventsResponseSchema, type WatchEventsResponse } from "../gen/fireside/v1/chat_service_pb.ts";
import { EventSchema, GenerationState, type Event, type Generation } from "../gen/fireside/v1/generation_pb.ts";
import { Code, failure } from "../rpc/failure.ts";
import { LiveStream, type LinkState, type LiveOptions, type LiveSink, type Position } from "../rpc/live.ts";
import type { HubWire, ToHub } from "../rpc/wire.ts";
import { EMPTY_FOLD, fold, GapError, type Fold } from "./fold.ts";

export type HubOptions = Omit<LiveOptions, "sink">;

/** How many answers that ended are kept for a tab that read them as running a moment ago. */
const KEPT_ENDED = 32;

export class LiveHub implements LiveSink {
  readonly #stream: LiveStream;
  readonly #wires = new Map<HubWire, { greeted: boolean }>();
  readonly #folds = new Map<string, Fold>();
  readonly #running = new Map<string, Generation>();
  #cursor = "";
  /** Whose stream it is; null before the first tab. */
  #holder: string | null = null;

  constructor(options: HubOptions) {
    this.#stream = new LiveStream({ ...options, sink: this });
  }

  /** Takes a tab on. Returns what lets go of it; the last one to go closes the stream. */
  connect(wire: HubWire): () => void {
    this.#wires.set(wire, { greeted: false });
    wire.listen((message) => {
      this.#take(wire, message);
    });
    return () => {
      this.#drop(wire);
    };
  }

  get tabs(): number {
    return this.#wires.size;
  }

  close(): void {
    for (const wire of [...this.#wires.keys()]) this.#drop(wire);
  }

  #drop(wire: HubWire): void {
    if (!this.#wires.delete(wire)) return;
    wire.close();
    if (this.#wires.size === 0) this.#stream.stop();
  }

  #take(wire: HubWire, message: ToHub): void {
    if (message.kind === "bye") this.#drop(wire);
    else if (message.kind === "hint") this.#stream.hint(message.hint);
    else if (message.kind === "want") this.#give(wire, message.generationId);
    else this.#greet(wire, message.account);
  }

  /** Somebody else has signed in: who listened before hears no more, and is told why. */
  #change(account: string): void {
    this.#holder = account;
    this.#stream.forget();
    this.forget();
    const state: LinkState = { kind: "stopped", failure: failure(Code.Unauthenticated, "Somebody else has signed in.") };
    for (const [wire, seat] of this.#wires) {
      if (seat.greeted) wire.send({ kind: "link", state });
      seat.greeted = false;
    }
  }

  #greet(wire: HubWire, account: string): void {
    const seat = this.#wires.get(wire);
    if (seat === undefined) return;
    if (this.#holder !== account) this.#change(account);
    seat.greeted = true;
    if (this.#stream.state.kind === "stopped") {
      this.#stream.start();
      return;
    }
    wire.send({ kind: "link", state: this.#stream.state });
    if (this.#cursor !== "") wire.send({ kind: "batch", bytes: this.#picture() });
  }

  /** What a tab needs to be where the others are: what runs, and how far each log is. */
  #picture(): Uint8Array {
    const ready: AccountEvent = create(AccountEventSchema, {
      cursor: this.#cursor,
      kind: { case: "ready", value: { running: [...this.#running.values()] } },
    });
    const generationEvents = [...this.#folds]
      .filter(([, state]) => !state.ended && state.message !== null)
      .map(([generationId, state]) => ({ generationId, events: snapshot(state) }));
    const response = create(WatchEventsResponseSchema, { events: [ready], generationEvents });
    return toBinary(WatchEventsResponseSchema, response);
  }

  #give(wire: HubWire, generationId: string): void {
    const state = this.#folds.get(generationId);
    if (state === undefined || state.message === null) {
      wire.send({ kind: "unknown", generationId });
      return;
    }
    const response = create(WatchEventsResponseSchema, {
      generationEvents: [{ generationId, events: snapshot(state) }],
    });
    wire.send({ kind: "batch", bytes: toBinary(WatchEventsResponseSchema, response) });
  }

  // ---- what the stream says ----

  link(state: LinkState): void {
    for (const [wire, seat] of this.#wires) if (seat.greeted) wire.send({ kind: "link", state });
  }

  fresh(): void {
    for (const [wire, seat] of this.#wires) if (seat.greeted) wire.send({ kind: "fresh" });
  }

  batch(response: WatchEventsResponse): void {
    for (const event of response.events) this.#account(event);
    for (const { generationId, events, failure } of response.generationEvents) {
      if (!this.#log(generationId, events)) {
        // Resume positions say where each log really is, so one reconnect mends any gap. Nothing of this batch was
        // passed on, but folds before the gap went ahead: the tabs ask for what they miss.
        this.#stream.restart();
        return;
      }
      // Asked for again, it would fail again; each tab reads it by itself.
      if (failure !== undefined) this.#folds.delete(generationId);
    }
    const bytes = toBinary(WatchEventsResponseSchema, response);
    for (const [wire, seat] of this.#wires) if (seat.greeted) wire.send({ kind: "batch", bytes });
  }

  positions(): readonly Position[] {
    return [...this.#folds]
      .filter(([, state]) => !state.ended)
      .map(([generationId, state]) => ({ generationId, afterSeq: state.lastSeq }));
  }

  forget(): void {
    this.#folds.clear();
    this.#running.clear();
    this.#cursor = "";
  }

  #account(event: AccountEvent): void {
    if (event.cursor !== "") this.#cursor = event.cursor;
    const { kind } = event;
    if (kind.case === "ready") {
      this.#running.clear();
      for (const generation of kind.value.running) this.#running.set(generation.id, generation);
    } else if (kind.case === "generationStarted") {
      this.#running.set(kind.value.id, kind.value);
    } else if (kind.case === "generationEnded") {
      this.#running.delete(kind.value.id);
      // Its log may still be on its way here; what never comes is not waited for.
      if (kind.value.state === GenerationState.ENDED) this.#trim();
    }
  }

  /** False when events are missing. */
  #log(generationId: string, events: readonly Event[]): boolean {
    let state = this.#folds.get(generationId) ?? EMPTY_FOLD;
    try {
      for (const event of events) state = fold(state, event);
    } catch (caught) {
      if (caught instanceof GapError) return false;
      throw caught;
    } finally {
      this.#folds.set(generationId, state);
    }
    return true;
  }

  /** Forgets the oldest of the logs that ended. */
  #trim(): void {
    const ended = [...this.#folds].filter(([id, state]) => state.ended || !this.#running.has(id));
    for (const [id] of ended.slice(0, Math.max(0, ended.length - KEPT_ENDED))) this.#folds.delete(id);
  }
}

/** The events that make a reader's state this one, whatever it was. */
function snapshot(state: Fold): Event[] {
  if (state.message === null) return [];
  const seq = BigInt(state.lastSeq);
  const events = [create(EventSchema, { seq, kind: { case: "reset", value: { message: state.message } } })];
  if (state.heartbeat !== null) {
    events.push(create(EventSchema, { kind: { case: "heartbeat", value: state.heartbeat } }));
  }
  return events;
}

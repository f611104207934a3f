// A whole server in memory, behind a real Connect transport: logs with numbers, account events with cursors, a tree of
// messages. A test writes the answers and breaks things.

import { clone, create, equals, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport, type HandlerContext, type Transport } from "@connectrpc/connect";

import { AccountEventSchema, type AccountEvent } from "../../src/gen/fireside/v1/account_event_pb.ts";
import type { WatchEventsRequest } from "../../src/gen/fireside/v1/chat_service_pb.ts";
import { ConversationSchema, type Conversation } from "../../src/gen/fireside/v1/conversation_pb.ts";
import {
  EventSchema,
  GenerationSchema,
  GenerationSpecSchema,
  GenerationState,
  HeartbeatSchema,
  type Event,
  type Generation,
  type GenerationSpec,
} from "../../src/gen/fireside/v1/generation_pb.ts";
import { FinishReason, MessageSchema, MessageState, PartSchema, Role, type Message } from "../../src/gen/fireside/v1/message_pb.ts";
import { ModelSchema, ModelState } from "../../src/gen/fireside/v1/model_pb.ts";
import { EMPTY_FOLD, fold } from "../../src/state/fold.ts";
import { TestAuth } from "./auth-service.ts";
import { TestShares } from "./share-service.ts";
import { TestRunners } from "./runner-service.ts";
import { serve } from "./services.ts";
import { TestKnowledge } from "./knowledge-service.ts";
import { TestUploads } from "./upload-service.ts";

type EventKind = NonNullable<MessageInitShape<typeof EventSchema>["kind"]>;

interface Log {
  readonly generation: Generation;
  readonly spec: GenerationSpec;
  events: Event[];
}

export class TestServer {
  readonly conversations = new Map<string, Conversation>();
  readonly messages = new Map<string, Message>();
  readonly logs = new Map<string, Log>();
  readonly events: AccountEvent[] = [];
  readonly beats: { readonly generationId: string; readonly events: Event[] }[] = [];
  readonly models = [create(ModelSchema, { id: "test/a", displayName: "A", default: true, state: ModelState.READY })];
  /** Names of the methods called, in order. */
  readonly calls: string[] = [];
  readonly watchRequests: WatchEventsRequest[] = [];
  readonly runners = new TestRunners();
  readonly auth = new TestAuth();
  readonly shares = new TestShares();
  readonly uploads = new TestUploads();
  readonly knowledge = new TestKnowledge();
  down = false;
  /** Lists messages as they were so many events ago: what is durable lags behind what was streamed. */
  lag = 0;
  /** The lowest cursor that can be gone on from. */
  pruned = 0;
  readonly transport: Transport;
  /** Counts the cuts: a stream of an earlier epoch is cut. */
  epoch = 0;
  #bells = new Set<() => void>();
  readonly refusals: { method: string; error: ConnectError }[] = [];
  readonly gates = new Map<string, Promise<void>>();
  #time = Date.UTC(2026, 10, 22, 11, 0, 0);
  #revision = 0;

  constructor() {
    this.transport = createRouterTransport((router) => {
      serve(router, this);
    });
    const finished = () => [...this.uploads.finished.values()];
    this.knowledge.arrived = (id) => finished().find(({ document }) => document?.id === id)?.document;
  }

  // ---- what a test does ----

  /** The next call of a method fails. */
  refuse(method: string, code: Code, message = "no", change: (error: ConnectError) => void = () => undefined): void {
    const error = new ConnectError(message, code);
    change(error);
    this.refusals.push({ method, error });
  }

  /** Calls of a method are answered only once the returned function was called; they take effect at once. */
  hold(method: string): () => void {
    let open: () => void = () => undefined;
    this.gates.set(method, new Promise((resolve) => (open = resolve)));
    return () => {
      this.gates.delete(method);
      open();
    };
  }

  /** Cuts all streams. */
  cut(): void {
    this.epoch += 1;
    this.#ring();
  }

  /** The server dies: the last `lost` events of each running log were not durable. */
  crash(lost: number): void {
    for (const log of this.logs.values()) {
      if (log.generation.state !== GenerationState.RUNNING) continue;
      const last = log.events.length === 0 ? 0n : (log.events.at(-1)?.seq ?? 0n);
      if (lost > 0) log.events = log.events.slice(0, -lost);
      const message = clone(MessageSchema, this.#folded(log.events));
      log.events.push(create(EventSchema, { seq: last + 1000n, kind: { case: "reset", value: { message } } }));
      this.end(log.generation.id, FinishReason.INTERRUPTED);
    }
    this.cut();
  }

  say(generationId: string, text: string, partIndex = 0): void {
    this.#append(generationId, { case: "delta", value: { partIndex, change: { case: "text", value: text } } });
  }

  /** Says what a generation does; no part of its log. */
  beat(generationId: string, heartbeat: MessageInitShape<typeof HeartbeatSchema>): void {
    const event = create(EventSchema, { kind: { case: "heartbeat", value: create(HeartbeatSchema, heartbeat) } });
    this.beats.push({ generationId, events: [event] });
    this.#ring();
  }

  /** Adds a whole part. */
  put(generationId: string, partIndex: number, part: MessageInitShape<typeof PartSchema>): void {
    const value = create(PartSchema, part);
    this.#append(generationId, { case: "delta", value: { partIndex, change: { case: "part", value } } });
  }

  reason(generationId: string, text: string, partIndex = 0): void {
    this.#append(generationId, { case: "delta", value: { partIndex, change: { case: "reasoning", value: text } } });
  }

  /** `model` stood in for the one that was asked. */
  end(generationId: string, finishReason = FinishReason.COMPLETE, reason = "", model = ""): void {
    const error = reason === "" ? {} : { error: { reason, message: "It failed.", retryable: true } };
    const log = this.log(generationId);
    this.#append(generationId, { case: "ended", value: { finishReason, etag: this.#etag(), model, ...error } });
    log.generation.state = GenerationState.ENDED;
    log.generation.finishReason = finishReason;
    this.messages.set(log.generation.messageId, this.#folded(log.events));
    this.announce({ case: "generationEnded", value: clone(GenerationSchema, log.generation) });
  }

  announce(kind: AccountEvent["kind"]): void {
    this.events.push(create(AccountEventSchema, { cursor: String(this.events.length + 1), kind }));
    this.#ring();
  }

  /** The generation that runs, when there is just one. */
  running(): string {
    const running = [...this.logs.values()].filter(({ generation }) => generation.state === GenerationState.RUNNING);
    if (running.length !== 1) throw new Error(`${running.length} generations run`);
    return running[0]?.generation.id ?? "";
  }

  start(spec: GenerationSpec): Generation {
    const known = this.logs.get(spec.generationId);
    if (known !== undefined) {
      if (!equals(GenerationSpecSchema, known.spec, spec)) throw new ConnectError("id taken", Code.AlreadyExists);
      return known.generation;
    }
    const answer = this.#answer(spec);
    const generation = create(GenerationSchema, {
      id: spec.generationId,
      conversationId: answer.conversationId,
      messageId: answer.id,
      model: answer.model,
      state: GenerationState.RUNNING,
      createTime: this.now(),
    });
    this.logs.set(generation.id, { generation, spec: clone(GenerationSpecSchema, spec), events: [] });
    this.#append(generation.id, { case: "started", value: { message: clone(MessageSchema, answer) } });
    this.announce({ case: "generationStarted", value: clone(GenerationSchema, generation) });
    return generation;
  }

  // ---- the tree ----

  #answer(spec: GenerationSpec): Message {
    const { input } = spec;
    if (input.case === "continue") {
      const message = this.messages.get(input.value.messageId);
      if (message?.state !== MessageState.DONE) throw new ConnectError("still written", Code.FailedPrecondition);
      message.state = MessageState.RUNNING;
      message.generationId = spec.generationId;
      message.finishReason = FinishReason.UNSPECIFIED;
      this.#head(message.conversationId, message.id);
      return message;
    }
    let parentId = "";
    if (input.case === "send") {
      parentId = input.value.messageId;
      this.#conversationFor(spec);
      const { parts } = input.value;
      const state = MessageState.DONE;
      this.#add(spec, { id: parentId, parentId: input.value.parentId, role: Role.USER, parts, state });
    } else if (input.case === "regenerate") {
      const target = this.messages.get(input.value.messageId);
      if (target === undefined) throw new ConnectError("no such message", Code.NotFound);
      parentId = target.role === Role.USER ? target.id : target.parentId;
    }
    const answer = this.#add(spec, {
      id: spec.answerId,
      parentId,
      role: Role.ASSISTANT,
      state: MessageState.RUNNING,
      model: spec.model,
      generationId: spec.generationId,
    });
    this.#head(spec.conversationId, answer.id);
    return answer;
  }

  #add(spec: GenerationSpec, init: Partial<Omit<Message, "$typeName">>): Message {
    const { conversationId } = spec;
    const message = create(MessageSchema, { conversationId, createTime: this.now(), etag: this.#etag(), ...init });
    this.messages.set(message.id, message);
    return message;
  }

  #conversationFor({ conversationId, model, input }: GenerationSpec): void {
    if (this.conversations.has(conversationId)) return;
    const part = input.case === "send" ? input.value.parts[0]?.kind : undefined;
    const title = part?.case === "text" ? part.value.text.slice(0, 40) : "";
    const time = this.now();
    const etag = this.#etag();
    const times = { createTime: time, updateTime: time };
    const record = create(ConversationSchema, { id: conversationId, title, model, etag, ...times });
    this.conversations.set(conversationId, record);
    this.announce({ case: "conversationCreated", value: clone(ConversationSchema, record) });
  }

  /** Has collections searched for each answer; makes the conversation if there is none. */
  search(id: string, collectionIds: readonly string[]): Conversation {
    if (!this.conversations.has(id)) {
      const time = this.now();
      const record = create(ConversationSchema, { id, etag: this.#etag(), createTime: time, updateTime: time });
      this.conversations.set(id, record);
      this.announce({ case: "conversationCreated", value: clone(ConversationSchema, record) });
    }
    return this.change(id, { collectionIds: [...collectionIds] });
  }

  change(id: string, change: Partial<Omit<Conversation, "$typeName">>): Conversation {
    const record = this.conversations.get(id);
    if (record === undefined) throw new ConnectError("no such conversation", Code.NotFound);
    Object.assign(record, change, { etag: this.#etag(), updateTime: this.now() });
    const copy = clone(ConversationSchema, record);
    if (change.deleteTime !== undefined) this.announce({ case: "conversationDeleted", value: id });
    else if ("deleteTime" in change) this.announce({ case: "conversationCreated", value: copy });
    else this.announce({ case: "conversationUpdated", value: copy });
    return copy;
  }

  #head(conversationId: string, headMessageId: string): void {
    this.change(conversationId, { headMessageId });
  }

  children(conversationId: string, parentId: string): string[] {
    return [...this.messages.values()]
      .filter((message) => message.conversationId === conversationId && message.parentId === parentId)
      .map((message) => message.id);
  }

  list(conversationId: string, pageSize: number, token: string): { messages: Message[]; nextPageToken: string } {
    const conversation = this.conversations.get(conversationId);
    if (conversation === undefined || conversation.deleteTime !== undefined) throw new ConnectError("gone", Code.NotFound);
    const page: Message[] = [];
    let next = token === "" ? conversation.headMessageId : token;
    while (next !== "" && page.length < (pageSize === 0 ? 100 : pageSize)) {
      const message = clone(MessageSchema, this.#durable(next));
      message.siblingIds = this.children(conversationId, message.parentId);
      page.unshift(message);
      next = message.parentId;
    }
    return { messages: page, nextPageToken: next };
  }

  #durable(id: string): Message {
    const message = this.messages.get(id);
    if (message === undefined) throw new ConnectError("no such message", Code.NotFound);
    const log = this.logs.get(message.generationId);
    if (message.state !== MessageState.RUNNING || log === undefined) return message;
    return this.#folded(log.events.slice(0, Math.max(1, log.events.length - this.lag)));
  }

  #folded(events: readonly Event[]): Message {
    const { message } = events.reduce(fold, EMPTY_FOLD);
    if (message === null) throw new Error("an empty log");
    return message;
  }

  #append(generationId: string, kind: EventKind): void {
    const { events } = this.log(generationId);
    events.push(create(EventSchema, { seq: (events.at(-1)?.seq ?? 0n) + 1n, kind }));
    this.#ring();
  }

  log(generationId: string): Log {
    const log = this.logs.get(generationId);
    if (log === undefined) throw new ConnectError("no such generation", Code.NotFound);
    return log;
  }

  #etag(): string {
    this.#revision += 1;
    return `r${this.#revision}`;
  }

  now() {
    this.#time += 1_000;
    return timestampFromMs(this.#time);
  }

  #ring(): void {
    for (const bell of [...this.#bells]) bell();
  }

  /** Waits for news; throws when the stream was cut or left. */
  async rung(epoch: number, context: HandlerContext): Promise<void> {
    if (epoch === this.epoch && !context.signal.aborted) {
      await new Promise<void>((resolve) => {
        const bell = (): void => {
          this.#bells.delete(bell);
          context.signal.removeEventListener("abort", bell);
          resolve();
        };
        this.#bells.add(bell);
        context.signal.addEventListener("abort", bell);
      });
    }
    if (epoch !== this.epoch) throw new ConnectError("cut", Code.Unavailable);
    context.signal.throwIfAborted();
  }
}

// The services of the server in memory: they decode, wait and refuse; server.ts knows what is there.

import { clone } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";

import { ChatService, type WatchEventsRequest } from "../../src/gen/fireside/v1/chat_service_pb.ts";
import { ConversationSchema } from "../../src/gen/fireside/v1/conversation_pb.ts";
import { ConversationService } from "../../src/gen/fireside/v1/conversation_service_pb.ts";
import {
  GenerationSchema,
  GenerationState,
  type Generation,
  type GenerationSpec,
} from "../../src/gen/fireside/v1/generation_pb.ts";
import { FinishReason, type Message } from "../../src/gen/fireside/v1/message_pb.ts";
import { ModelService } from "../../src/gen/fireside/v1/model_service_pb.ts";
import { serveAuth } from "./auth-service.ts";
import { serveRunners } from "./runner-service.ts";
import { serveShares } from "./share-service.ts";
import { serveKnowledge } from "./knowledge-service.ts";
import { serveUploads } from "./upload-service.ts";
import type { TestServer } from "./server.ts";

export function serve(router: ConnectRouter, server: TestServer): void {
  const services = new Services(server);
  router.service(ChatService, services.chat());
  router.service(ConversationService, services.conversation());
  router.service(ModelService, services.model());
  serveAuth(router, server.auth, (method, context, answer) => services.open(method, context, answer));
  const unary = <T>(method: string, context: HandlerContext, answer: () => T) => services.unary(method, context, answer);
  serveShares(router, server.shares, unary, (method, context, answer) => services.open(method, context, answer));
  serveKnowledge(router, server.knowledge, unary);
  serveUploads(router, server.uploads, unary);
  serveRunners(router, server.runners, (method, context, answer) => services.unary(method, context, answer));
}

class Services {
  constructor(private readonly server: TestServer) {}

  model() {
    return {
      listModels: (_: unknown, context: HandlerContext) =>
        this.unary("listModels", context, () => ({ models: this.server.models })),
    };
  }

  unary<T>(method: string, context: HandlerContext, answer: () => T): Promise<T> {
    return this.open(method, context, () => {
      if (this.server.down) throw new ConnectError("down", Code.Unavailable);
      this.server.auth.require();
      return answer();
    });
  }

  /** A call that nobody has to sign in for; it is answered while all else is down. */
  async open<T>(method: string, context: HandlerContext, answer: () => T): Promise<T> {
    this.server.calls.push(method);
    const index = this.server.refusals.findIndex((refusal) => refusal.method === method);
    if (index >= 0) throw this.server.refusals.splice(index, 1)[0]?.error ?? new Error();
    const value = answer();
    await this.server.gates.get(method);
    context.signal.throwIfAborted();
    return value;
  }

  chat() {
    return {
      startGeneration: (request: { spec?: GenerationSpec | undefined }, context: HandlerContext) =>
        this.unary("startGeneration", context, () => {
          if (request.spec === undefined) throw new ConnectError("no spec", Code.InvalidArgument);
          return { generation: this.server.start(request.spec) };
        }),
      stopGeneration: (request: { generationId: string }, context: HandlerContext) =>
        this.unary("stopGeneration", context, () => {
          const { generation } = this.server.log(request.generationId);
          if (generation.state === GenerationState.RUNNING) this.server.end(generation.id, FinishReason.STOPPED);
          return { generation };
        }),
      watchGeneration: (request: { generationId: string; afterSeq: bigint }, context: HandlerContext) =>
        this.#watchGeneration(request.generationId, request.afterSeq, context),
      watchEvents: (request: WatchEventsRequest, context: HandlerContext) => this.#watchEvents(request, context),
    };
  }

  conversation() {
    type Named = { conversationId: string };
    return {
      listMessages: (r: Named & { pageSize: number; pageToken: string }, c: HandlerContext) =>
        this.unary("listMessages", c, () => this.server.list(r.conversationId, r.pageSize, r.pageToken)),
      getConversation: (r: Named, c: HandlerContext) =>
        this.unary("getConversation", c, () => {
          const conversation = this.server.conversations.get(r.conversationId);
          if (conversation === undefined) throw new ConnectError("gone", Code.NotFound);
          return { conversation };
        }),
      listConversations: (r: { pageSize: number; pageToken: string; query: string }, c: HandlerContext) =>
        this.unary("listConversations", c, () => this.#page(r)),
      renameConversation: (r: Named & { title: string }, c: HandlerContext) =>
        this.unary("renameConversation", c, () => ({
          conversation: this.server.change(r.conversationId, { title: r.title }),
        })),
      deleteConversation: (r: Named, c: HandlerContext) =>
        this.unary("deleteConversation", c, () => ({
          conversation: this.server.change(r.conversationId, { deleteTime: this.server.now() }),
        })),
      undeleteConversation: (r: Named, c: HandlerContext) =>
        this.unary("undeleteConversation", c, () => {
          delete this.server.conversations.get(r.conversationId)?.deleteTime;
          const conversation = this.server.change(r.conversationId, {});
          this.server.announce({ case: "conversationCreated", value: conversation });
          return { conversation };
        }),
      setConversationCollections: (r: Named & { collectionIds: string[] }, c: HandlerContext) =>
        this.unary("setConversationCollections", c, () => ({
          conversation: this.server.search(r.conversationId, r.collectionIds),
        })),
      selectBranch: (r: { messageId: string }, c: HandlerContext) =>
        this.unary("selectBranch", c, () => {
          let message = this.server.messages.get(r.messageId);
          if (message === undefined) throw new ConnectError("no such message", Code.NotFound);
          const { conversationId } = message;
          for (let next = message; next !== undefined; ) {
            message = next;
            next = this.server.messages.get(this.server.children(conversationId, message.id).at(-1) ?? "") as Message;
          }
          return { conversation: this.server.change(conversationId, { headMessageId: message.id }) };
        }),
    };
  }

  #page({ pageSize, pageToken, query }: { pageSize: number; pageToken: string; query: string }) {
    const all = [...this.server.conversations.values()]
      .filter((record) => record.deleteTime === undefined && record.title.includes(query))
      .sort((a, b) => Number((b.updateTime?.seconds ?? 0n) - (a.updateTime?.seconds ?? 0n)));
    const from = pageToken === "" ? 0 : Number(pageToken);
    const to = from + pageSize;
    const conversations = all.slice(from, to).map((record) => clone(ConversationSchema, record));
    return { conversations, nextPageToken: to < all.length ? String(to) : "" };
  }

  async *#watchGeneration(generationId: string, afterSeq: bigint, context: HandlerContext) {
    this.server.calls.push("watchGeneration");
    const epoch = this.server.epoch;
    if (this.server.down) throw new ConnectError("down", Code.Unavailable);
    let after = afterSeq;
    for (;;) {
      const events = this.server.log(generationId).events.filter((event) => event.seq > after);
      if (events.length > 0) yield { events };
      after = events.at(-1)?.seq ?? after;
      if (events.at(-1)?.kind.case === "ended") return;
      await this.server.rung(epoch, context);
    }
  }

  async *#watchEvents(request: WatchEventsRequest, context: HandlerContext) {
    this.server.calls.push("watchEvents");
    this.server.watchRequests.push(request);
    const epoch = this.server.epoch;
    if (this.server.down) throw new ConnectError("down", Code.Unavailable);
    this.server.auth.require();
    let cursor = request.afterCursor === "" ? this.server.events.length : Number(request.afterCursor);
    if (cursor > this.server.events.length || cursor < this.server.pruned) {
      throw new ConnectError("bad cursor", Code.OutOfRange);
    }
    let beats = this.server.beats.length;
    const positions = new Map(request.resume.map(({ generationId, afterSeq }) => [generationId, afterSeq]));
    const running = (): Generation[] =>
      [...this.server.logs.values()].map((log) => log.generation).filter(({ state }) => state === GenerationState.RUNNING);
    const ready = { case: "ready" as const, value: { running: running().map((g) => clone(GenerationSchema, g)) } };
    yield { events: [{ cursor: String(cursor), kind: ready }] };
    for (;;) {
      for (const { id } of running()) if (!positions.has(id)) positions.set(id, 0n);
      // One that started and ended since is followed too.
      const fresh = this.server.events.slice(cursor);
      for (const { kind } of fresh) {
        if (kind.case === "generationStarted" && !positions.has(kind.value.id)) positions.set(kind.value.id, 0n);
      }
      cursor = this.server.events.length;
      const generationEvents = [...positions].flatMap(([generationId, after]) => {
        const events = (this.server.logs.get(generationId)?.events ?? []).filter((event) => event.seq > after);
        positions.set(generationId, events.at(-1)?.seq ?? after);
        return events.length > 0 ? [{ generationId, events }] : [];
      });
      generationEvents.push(...this.server.beats.slice(beats));
      beats = this.server.beats.length;
      if (fresh.length + generationEvents.length > 0) yield { events: fresh, generationEvents };
      else await this.server.rung(epoch, context);
    }
  }
}

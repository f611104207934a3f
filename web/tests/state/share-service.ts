// The service of sharing in memory: who has access, who was told to be there, and what a link shows.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";

import type { Conversation } from "../../src/gen/fireside/v1/conversation_pb.ts";
import type { Message } from "../../src/gen/fireside/v1/message_pb.ts";
import { ShareSchema, type Share, type Viewer } from "../../src/gen/fireside/v1/share_pb.ts";
import {
  ShareService,
  type CreateShareRequest,
  type SetPresenceRequest,
  type WatchSharedConversationResponseSchema,
} from "../../src/gen/fireside/v1/share_service_pb.ts";
import { refusal } from "./auth-service.ts";

type Unary = <T>(method: string, context: HandlerContext, answer: () => T) => Promise<T>;
type News = MessageInitShape<typeof WatchSharedConversationResponseSchema>;

export class TestShares {
  readonly shares: Share[] = [];
  readonly left: string[] = [];
  readonly presence: SetPresenceRequest[] = [];
  viewers: Viewer[] = [];
  /** What a link shows; null when there is no such link. */
  shown: { conversation: Conversation; messages: Message[] } | null = null;
  signInToRead = false;
  /** Streams that are open. */
  watching = 0;
  #news: News[] = [];
  #wake: () => void = () => undefined;
  #cut = false;

  create(request: CreateShareRequest): { share: Share; link: string } {
    const { recipient, role, conversationId, expireTime } = request;
    if (recipient.case === "email" && !recipient.value.startsWith("bob")) throw new ConnectError("nobody", Code.NotFound);
    const to = { email: { case: "accountId", value: "bob" }, groupId: recipient, link: { case: "link", value: true } }[recipient.case ?? "link"];
    const id = `s-${recipient.case === "link" ? this.shares.length : String(to.value)}`;
    const email = recipient.case === "email" ? recipient.value : "";
    const share = create(ShareSchema, { id, conversationId, role, name: String(to.value), email, recipient: to as Share["recipient"] });
    if (expireTime !== undefined) share.expireTime = expireTime;
    const at = this.shares.findIndex((other) => other.recipient.case === share.recipient.case && other.name === share.name);
    if (at < 0) this.shares.push(share);
    else this.shares[at] = share;
    return { share, link: recipient.case === "link" ? "/s/token" : "" };
  }

  /** Says something on the stream of the link. */
  tell(news: News): void {
    this.#news.push(news);
    this.#wake();
  }

  /** Cuts the stream of the link. */
  cut(): void {
    this.#cut = true;
    this.#wake();
  }

  async *watch(context: HandlerContext): AsyncGenerator<News> {
    this.#require();
    this.watching += 1;
    context.signal.addEventListener("abort", () => { this.#wake(); });
    try {
      yield { kind: { case: "heartbeat", value: true } };
      while (!context.signal.aborted) {
        yield* this.#news.splice(0);
        if (this.#cut) break;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      if (this.#cut) {
        this.#cut = false;
        throw new ConnectError("cut", Code.Unavailable);
      }
    } finally {
      this.watching -= 1;
    }
  }

  #require(): { conversation: Conversation; messages: Message[] } {
    if (this.signInToRead) throw refusal(Code.Unauthenticated, "SIGN_IN_TO_READ");
    if (this.shown === null) throw new ConnectError("ended", Code.NotFound);
    return this.shown;
  }

  /** Two messages a page, so that there are pages. */
  page(token: string) {
    const { conversation, messages } = this.#require();
    const from = Number(token || "0");
    return { conversation, messages: messages.slice(from, from + 2), nextPageToken: from + 2 < messages.length ? String(from + 2) : "" };
  }
}

export function serveShares(router: ConnectRouter, book: TestShares, unary: Unary, open: Unary): void {
  router.service(ShareService, {
    createShare: (r, c) => unary("createShare", c, () => book.create(r)),
    listShares: (_, c) => unary("listShares", c, () => ({ shares: book.shares, groups: [{ id: "g", name: "Lab" }] })),
    deleteShare: (r, c) =>
      unary("deleteShare", c, () => {
        book.shares.splice(book.shares.findIndex(({ id }) => id === r.shareId), 1);
        return {};
      }),
    leaveConversation: (r, c) =>
      unary("leaveConversation", c, () => {
        book.left.push(r.conversationId);
        return {};
      }),
    setPresence: (r, c) =>
      unary("setPresence", c, () => {
        book.presence.push(r);
        return { presence: { conversationId: r.conversationId, viewers: book.viewers } };
      }),
    getSharedConversation: (r, c) => open("getSharedConversation", c, () => book.page(r.pageToken)),
    watchSharedConversation: (_, c) => book.watch(c),
  });
}

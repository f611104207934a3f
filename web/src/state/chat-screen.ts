// What is shown of a conversation: the messages of its branch with the newest content of their logs, as views.

import { MessageState, type Message } from "../gen/fireside/v1/message_pb.ts";
import type { Branch } from "./branch.ts";
import type { LogReader } from "./log-reader.ts";
import { MessageViews } from "./message-view.ts";
import type { ChatState, MessageView } from "./types.ts";

/** What a chat is before anything is known of it. */
export const START: ChatState = {
  conversationId: "",
  phase: "loading",
  messages: [],
  hasOlder: false,
  loadingOlder: false,
  error: null,
  title: "",
  access: "owner",
  shared: false,
  ownerName: "",
  model: "",
  collectionIds: [],
  running: false,
  stopping: false,
};

export interface Screen {
  readonly messages: readonly MessageView[];
  readonly running: boolean;
  readonly stopping: boolean;
}

export function isRunning(message: Message | undefined): message is Message {
  return message?.state === MessageState.RUNNING;
}

export class ChatScreen {
  readonly #views: MessageViews;
  #stopping = "";

  constructor(
    private readonly branch: Branch,
    private readonly logs: LogReader,
    now: () => number,
  ) {
    this.#views = new MessageViews(now);
  }

  /** Stop was pressed for this generation, until it has ended. */
  stopping(generationId: string): void {
    this.#stopping = generationId;
  }

  notStopping(generationId: string): void {
    if (this.#stopping === generationId) this.#stopping = "";
  }

  /** The message that is being written, if any. */
  running(): Message | undefined {
    return this.branch
      .shown()
      .map((id) => this.branch.message(id))
      .find(isRunning);
  }

  screen(readOnly = false): Screen {
    const messages = this.logs.follow(this.branch.shown());
    const sending = this.branch.pending.filter(({ state }) => state === "sending");
    const running = sending.length > 0 || messages.some(isRunning);
    if (!messages.some((message) => isRunning(message) && message.generationId === this.#stopping)) this.#stopping = "";
    const last = messages.length - 1;
    return {
      messages: messages.map((message, index) => this.#view(message, index === last, running, readOnly)),
      running,
      stopping: this.#stopping !== "" || sending.some(({ stopWanted }) => stopWanted),
    };
  }

  #view(message: Message, last: boolean, busy: boolean, readOnly: boolean): MessageView {
    const pending = this.branch.pendingOf(message.id);
    return this.#views.view({
      message,
      pending: pending?.state ?? null,
      error: pending?.error ?? null,
      heartbeat: this.logs.heartbeat(message),
      siblings: this.branch.siblings(message),
      last,
      busy,
      readOnly,
    });
  }
}

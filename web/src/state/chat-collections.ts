// Which collections are searched for each answer of one conversation: those that the server has, with what was chosen
// here laid over until it has that, too.

import { calling } from "../rpc/api.ts";
import type { Failure } from "../rpc/failure.ts";
import type { ChatServices } from "./chat-services.ts";
import { newId } from "./ids.ts";

export interface CollectionsListener {
  changed(): void;
  failed(cause: Failure, retry: () => void): void;
}

export class ChosenCollections {
  #chosen: readonly string[] | null = null;

  constructor(
    private readonly services: ChatServices,
    private readonly conversationId: string,
    private readonly listener: CollectionsListener,
  ) {}

  ids(): readonly string[] {
    return this.#chosen ?? this.services.conversations.recordOf(this.conversationId)?.collectionIds ?? [];
  }

  /** `begun`: the server has the conversation. Otherwise it gets them with the first message. */
  choose(ids: readonly string[], begun: boolean): void {
    const chosen = [...ids];
    this.#chosen = chosen;
    this.listener.changed();
    if (!begun) return;
    const { api, conversations, clock } = this.services;
    const request = { conversationId: this.conversationId, collectionIds: chosen, requestId: newId(clock.now()) };
    void calling((options) => api.conversations.setConversationCollections(request, options), this.services).then((outcome) => {
      // What was chosen since then is on its way, too.
      if (this.#chosen !== chosen) return;
      this.#chosen = null;
      if (outcome.ok && outcome.value.conversation !== undefined) conversations.learn(outcome.value.conversation);
      if (!outcome.ok) this.listener.failed(outcome.failure, () => { this.choose(chosen, true); });
      this.listener.changed();
    });
  }

  /** The server has what was chosen: it came with a message. */
  taken(): void {
    this.#chosen = null;
  }
}

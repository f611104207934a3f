// Follows the logs of the answers that a conversation shows, and gives each message its newest content. What ended goes
// into the branch, so that it stays when the log is gone.

import type { Heartbeat } from "../gen/fireside/v1/generation_pb.ts";
import { MessageState, type Message } from "../gen/fireside/v1/message_pb.ts";
import type { Branch } from "./branch.ts";
import type { Fold } from "./fold.ts";
import type { Generations } from "./generations.ts";
import { lengthOf } from "./message-view.ts";

export interface LogListener {
  /** There is more to show. */
  grew(): void;
  /** An answer is complete. */
  ended(): void;
  /** There is no such log (any more): the server's listing says what became of the answer. */
  lost(): void;
}

interface Followed {
  readonly messageId: string;
  fold: Fold | null;
  /** The order was taken: the generation can be asked for. */
  asked: boolean;
  leave: () => void;
}

export class LogReader {
  readonly #followed = new Map<string, Followed>();

  constructor(
    private readonly generations: Generations,
    private readonly branch: Branch,
    private readonly listener: LogListener,
  ) {}

  /** Follows what runs among these messages and nothing else. Returns them with their newest content. */
  follow(ids: readonly string[]): Message[] {
    const running = new Set<string>();
    const messages = ids.flatMap((id) => {
      const message = this.branch.message(id);
      if (message === undefined) return [];
      if (message.state !== MessageState.RUNNING || message.generationId === "") return [message];
      running.add(message.generationId);
      return [this.#newest(message)];
    });
    for (const [id, followed] of this.#followed) {
      if (running.has(id)) continue;
      followed.leave();
      this.#followed.delete(id);
    }
    return messages;
  }

  heartbeat(message: Message): Heartbeat | null {
    return this.#followed.get(message.generationId)?.fold?.heartbeat ?? null;
  }

  close(): void {
    for (const followed of this.#followed.values()) followed.leave();
    this.#followed.clear();
  }

  #newest(message: Message): Message {
    const { fold } = this.#follow(message);
    const read = fold?.message ?? null;
    if (fold === null || read === null) return message;
    // The listing may be ahead of a log that is still being read from its beginning; showing that would jump back.
    const behind = !fold.ended && fold.epoch <= 1 && lengthOf(read) < lengthOf(message);
    return behind ? message : read;
  }

  #follow(message: Message): Followed {
    const { generationId } = message;
    const expected = this.branch.pendingBy(generationId)?.state === "sending";
    const known = this.#followed.get(generationId);
    // Once the order is taken it is followed anew, so that the log is asked for if it does not come by itself.
    if (known !== undefined && (known.asked || expected)) return known;
    known?.leave();
    const followed: Followed = { messageId: message.id, fold: null, asked: !expected, leave: () => undefined };
    this.#followed.set(generationId, followed);
    let ready = false;
    followed.leave = this.generations.follow(
      generationId,
      {
        changed: (fold) => {
          followed.fold = fold;
          if (ready) this.#changed(followed);
        },
        lost: () => {
          this.listener.lost();
        },
      },
      expected || known !== undefined,
    );
    ready = true;
    if (followed.fold?.ended === true) this.#keep(followed);
    return followed;
  }

  #changed(followed: Followed): void {
    if (followed.fold?.ended === true) {
      this.#keep(followed);
      this.listener.ended();
    } else {
      this.listener.grew();
    }
  }

  /** The message is complete: it is the branch's now. */
  #keep({ fold, messageId }: Followed): void {
    const message = fold?.message ?? null;
    if (message === null || message.id !== messageId) return;
    // While its order is on the way the branch has no place for it; the fold still shows it.
    this.branch.put({ ...message, siblingIds: this.branch.record(messageId)?.siblingIds ?? [] });
  }
}

// Reads the branch of one conversation from the server into a Branch: the newest page, again when it may be stale, and
// older pages on demand. It keeps the order of things right when answers overtake each other.

import type { Message } from "../gen/fireside/v1/message_pb.ts";
import { calling, type Api, type Outcome, type RetryOptions } from "../rpc/api.ts";
import { Code, type Failure } from "../rpc/failure.ts";
import type { Branch } from "./branch.ts";

export interface BranchReaderOptions extends RetryOptions {
  readonly api: Api;
  readonly conversationId: string;
  readonly branch: Branch;
  /** The newest page was read. */
  readonly read: () => void;
  readonly failed: (failure: Failure) => void;
}

const PAGE = 100;

export class BranchReader {
  /** Grows with each change of the branch made here: what was asked for before it is stale. */
  #revision = 0;
  #reading = false;
  #again = false;
  #older = false;

  constructor(private readonly options: BranchReaderOptions) {}

  get readingOlder(): boolean {
    return this.#older;
  }

  /** Reads the newest page, unless that goes on already. */
  want(): void {
    if (!this.#reading) this.refresh();
  }

  /** The branch was changed here: an answer that is on its way does not know of it. */
  changed(): void {
    this.#revision += 1;
  }

  /** Reads the newest page. While that goes on, another call makes it go once more. */
  refresh(): void {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    void this.#refresh().then(() => {
      this.#reading = false;
      if (this.#again) {
        this.#again = false;
        this.refresh();
      }
    });
  }

  async #refresh(): Promise<void> {
    const revision = this.#revision;
    const outcome = await this.#list("");
    if (revision !== this.#revision) {
      this.#again = true;
    } else if (outcome.ok) {
      this.options.branch.takeNewest(outcome.value.messages, outcome.value.nextPageToken);
      this.options.read();
    } else {
      this.options.failed(outcome.failure);
    }
  }

  /** Reads one older page; null when there was nothing to do, otherwise how it ended. */
  async older(): Promise<Failure | null> {
    const { branch } = this.options;
    const token = branch.token;
    if (token === "" || this.#older) return null;
    this.#older = true;
    const outcome = await this.#list(token);
    this.#older = false;
    // Another branch may be shown by now.
    if (branch.token !== token) return null;
    if (outcome.ok) {
      branch.takeOlder(outcome.value.messages, outcome.value.nextPageToken);
      return null;
    }
    if (outcome.failure.code === Code.OutOfRange) {
      branch.ids = [];
      this.refresh();
      return null;
    }
    return outcome.failure;
  }

  #list(pageToken: string): Promise<Outcome<{ messages: Message[]; nextPageToken: string }>> {
    const { api, conversationId } = this.options;
    const request = { conversationId, pageSize: PAGE, pageToken };
    return calling((options) => api.conversations.listMessages(request, options), this.options);
  }
}

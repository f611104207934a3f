// What a chat needs of the rest of the app. Only names: app.ts puts them together.

import type { Api } from "../rpc/api.ts";
import type { Clock } from "../rpc/clock.ts";
import type { ConversationStore } from "./conversations.ts";
import type { Generations } from "./generations.ts";
import type { LiveClient } from "./live-client.ts";
import type { NoticeList } from "./notices.ts";
import type { Scheduler } from "./scheduler.ts";
import type { KeyStore } from "./storage.ts";
import type { ModelList } from "./models.ts";
import type { Settings } from "./types.ts";

export interface ChatServices {
  readonly api: Api;
  readonly live: LiveClient;
  readonly generations: Generations;
  readonly conversations: ConversationStore;
  readonly notices: NoticeList;
  readonly models: ModelList;
  readonly settings: Settings;
  readonly storage: KeyStore;
  readonly clock: Clock;
  readonly random: () => number;
  readonly scheduler: Scheduler;
}

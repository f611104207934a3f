// What the views see of the state: read-only snapshots and the verbs that change them. Not the stores themselves, and
// nothing of protobuf: a view never meets a wire type.

import type { Admin } from "./admin-types.ts";
import type { OwnAccount } from "./account-types.ts";
import type { Confirmations } from "./confirm.ts";
import type { Library } from "./library-types.ts";
import type { AttachmentDesk } from "./attachment-types.ts";
import type { Attached, PartView } from "./part-types.ts";
import type { Runners } from "./runner-types.ts";
import type { Session } from "./session-types.ts";
import type { Sources } from "./source-types.ts";
import type { Presence, Shares } from "./sharing-types.ts";
import type { Uploads } from "./upload-types.ts";

/** A value that changes. The contract of a Svelte store, so `$store` works; `get` reads it once. */
export interface Readable<T> {
  /** Calls `run` at once with the value and then with each later one. Returns what ends that. */
  subscribe(run: (value: T) => void): () => void;
  get(): T;
}

// ---- errors ---------------------------------------------------------------------------------------------------------

/** What an error asks of a person, whatever its cause. */
export type ErrorKind =
  | "offline"
  | "unavailable"
  | "timeout"
  | "busy"
  | "missing"
  | "conflict"
  | "stale"
  | "invalid"
  | "state"
  | "denied"
  | "unauthenticated"
  | "model"
  | "unknown";

/** An error that is ready to be shown. `key` names a text of the catalogue (see ERROR_KEYS in errors.ts). */
export interface AppError {
  readonly kind: ErrorKind;
  /** google.rpc.ErrorInfo.reason or Failure.reason; empty when the server gave none. */
  readonly reason: string;
  readonly key: string;
  /** What the text of `key` may name. `message` is always there: the server's own sentence, in English. */
  readonly params: Readonly<Record<string, string | number>>;
  /** Whether doing the same again may help. */
  readonly retryable: boolean;
  /** When the server said how long to wait, in milliseconds; otherwise 0. */
  readonly retryAfterMs: number;
  /** Something is wrong with how the runner is set up, or with the runner: its settings say more. */
  readonly atRunner: boolean;
}

/** Something that went wrong and is told in passing (a toast). */
export interface Notice {
  readonly id: number;
  readonly error: AppError;
  /** What was being done: a text key such as `notice.rename`. */
  readonly action: string;
  /** Does it again; null when that makes no sense. */
  readonly retry: (() => void) | null;
}

export interface Notices extends Readable<readonly Notice[]> {
  dismiss(id: number): void;
}

// ---- one conversation -----------------------------------------------------------------------------------------------

export type MessageRole = "system" | "user" | "assistant" | "tool";

/**
 * Where a message is in its life. `sending`: shown before the server has it. `unsent`: the server did not take it;
 * `error` says why, `retry` sends it again with the same ids. `waiting`: accepted, no content yet; `activity` says
 * what goes on. `streaming`: content arrives. `done`: see `finish`.
 */
export type MessageStatus = "sending" | "unsent" | "waiting" | "streaming" | "done";

export type Finish = "none" | "complete" | "length" | "stopped" | "interrupted" | "failed" | "tool_calls";

/** What a running answer is doing while no text arrives. */
export interface Activity {
  readonly phase: "starting" | "searching" | "queued" | "loading" | "reading" | "writing";
  /** Place in the queue from 1; 0 when not queued. */
  readonly queuePosition: number;
  /** How many sources are searched; 0 when none are. */
  readonly sourceCount: number;
}

/**
 * One message as it is now. Snapshots are immutable: a message that did not change is the same object as before, so a
 * keyed `{#each}` by `id` touches only what changed. While it streams only its last part grows, and only at its end,
 * as long as `epoch` stays the same; when `epoch` changes the content was replaced and is to be rendered afresh.
 */
export interface MessageView {
  readonly id: string;
  readonly parentId: string;
  readonly role: MessageRole;
  readonly parts: readonly PartView[];
  readonly epoch: number;
  readonly status: MessageStatus;
  readonly activity: Activity | null;
  readonly finish: Finish;
  /** Why it was not sent (`unsent`) or why the answer failed (`finish` is `failed`). */
  readonly error: AppError | null;
  /** Id of the model that wrote it; empty for other roles. */
  readonly model: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Milliseconds since 1970; when this tab made it, until the server says. */
  readonly createdAt: number;
  /** Whose message it is: an account's id, empty for the conversation's owner, SELF for what this tab sent. */
  readonly authorId: string;
  readonly authorName: string;
  /** Ids of this message and its siblings, oldest first; at least its own. */
  readonly siblingIds: readonly string[];
  /** Place in `siblingIds`, from 0. */
  readonly siblingIndex: number;
  /** What can be done with it now. */
  readonly can: {
    readonly edit: boolean;
    readonly regenerate: boolean;
    readonly continue: boolean;
    readonly retry: boolean;
  };
}

/** What the reader may do with a conversation. */
export type AccessName = "owner" | "editor" | "viewer";

/** `new`: nothing sent yet. `missing`: there is no such conversation (any more). */
export type ChatPhase = "new" | "loading" | "ready" | "failed" | "missing";

export interface ChatState {
  readonly conversationId: string;
  readonly phase: ChatPhase;
  /** The selected branch, oldest first, with what is not sent yet at its end. */
  readonly messages: readonly MessageView[];
  readonly hasOlder: boolean;
  readonly loadingOlder: boolean;
  /** Why loading failed (`failed`). */
  readonly error: AppError | null;
  readonly title: string;
  readonly access: AccessName;
  /** Somebody else has access to it, or it is somebody else's. */
  readonly shared: boolean;
  /** Whose it is, when it is another's; empty for the reader's own. */
  readonly ownerName: string;
  /** The model that the next answer will use; empty for the default one. */
  readonly model: string;
  /** Collections that are searched for each answer: their ids. */
  readonly collectionIds: readonly string[];
  /** An answer in the shown branch is running: show stop where send was. */
  readonly running: boolean;
  /** Stop was pressed and has not been carried out yet. */
  readonly stopping: boolean;
}

/** One conversation. Each verb shows its effect at once and never throws: what fails is in the state or a notice. */
export interface Chat extends Readable<ChatState> {
  readonly id: string;
  /** The text that is being written; survives reloads, shared between tabs. */
  readonly draft: Draft;
  /**
   * Sends a message after the last one shown, with what is attached to the draft, and clears the draft. Ignores a blank
   * text with nothing attached, and calls while running.
   */
  send(text: string): void;
  /** Ends the running answer. */
  stop(): void;
  /** Puts a changed copy beside a user message, with what is `attached` or else all that came with it, and has it answered. */
  edit(messageId: string, text: string, attached?: readonly Attached[]): void;
  /** Has another answer written beside this one, by `model` if given. */
  regenerate(messageId: string, model?: string): void;
  /** Goes on with an answer that was cut off. */
  continueAnswer(messageId: string): void;
  /** Sends again what is `unsent` (with the same ids), or regenerates an answer that failed. */
  retry(messageId: string): void;
  /** Forgets an `unsent` message and puts its text back into the draft if that is empty. */
  discard(messageId: string): void;
  /** Shows the branch through this message. */
  selectSibling(messageId: string): void;
  setModel(modelId: string): void;
  /** Has these collections searched for each answer of the conversation. */
  setCollections(ids: readonly string[]): void;
  loadOlder(): void;
  /** Loads again, after `failed`. */
  reload(): void;
}

export interface Draft extends Readable<string> {
  set(text: string): void;
  /** What goes with it: files that arrived, and collections to search. */
  readonly attached: Readable<readonly Attached[]>;
  /** Attaches what is not attached yet. */
  attach(items: readonly Attached[]): void;
  /** Takes the file or collection of this id out again. */
  detach(id: string): void;
  clear(): void;
}

// ---- the list of conversations --------------------------------------------------------------------------------------

export interface ConversationView {
  readonly id: string;
  /** Empty until the first message gives it one. */
  readonly title: string;
  readonly model: string;
  readonly updatedAt: number;
  /** An answer runs in it. */
  readonly running: boolean;
  /** A change of it is on its way to the server. */
  readonly pending: boolean;
  readonly access: AccessName;
  /** Whose it is, when it is another's; empty for the reader's own. */
  readonly ownerName: string;
}

/** A heading of the list: a text key (`group.today` …) or a text that is in the reader's language already. */
export type GroupLabel =
  | { readonly kind: "key"; readonly key: GroupKey }
  | { readonly kind: "text"; readonly text: string };

export type GroupKey = "group.today" | "group.yesterday" | "group.week" | "group.month";

export interface ConversationGroup {
  readonly id: string;
  readonly label: GroupLabel;
  readonly items: readonly ConversationView[];
}

export interface ConversationsState {
  readonly phase: "loading" | "ready" | "failed";
  readonly groups: readonly ConversationGroup[];
  readonly query: string;
  /** The list for `query` is being fetched; what is shown is of an earlier one. */
  readonly searching: boolean;
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  readonly error: AppError | null;
  /** What was deleted last and can be brought back; newest last. Goes away by itself after some seconds. */
  readonly undo: readonly { readonly id: string; readonly title: string }[];
}

export interface Conversations extends Readable<ConversationsState> {
  rename(id: string, title: string): void;
  delete(id: string): void;
  /** Brings a deleted conversation back. */
  undelete(id: string): void;
  dismissUndo(id: string): void;
  /** Takes a conversation that was shared with the reader out of the list. */
  leave(id: string): void;
  /** Shows those whose title holds the text; empty for all. Waits for a pause in typing. */
  search(query: string): void;
  loadMore(): void;
  reload(): void;
  /** Groups anew: call it when the language changed. */
  setLocale(locale: string): void;
}

// ---- models, settings, connection, routes ---------------------------------------------------------------------------

export interface ModelView {
  readonly id: string;
  readonly name: string;
  readonly runner: string;
  readonly description: string;
  /** Tokens that fit; 0 when not known. */
  readonly contextLength: number;
  readonly available: boolean;
  /** Why it cannot answer and what to do; the server's sentence. */
  readonly reason: string;
  readonly isDefault: boolean;
  /** It is in memory, so that its first word comes soon. False also where nobody says. */
  readonly loaded: boolean;
  /** The models that it stands for; empty unless it is an alias. */
  readonly aliasOf: readonly string[];
}

export interface ModelsState {
  readonly phase: "loading" | "ready" | "failed";
  /** Those to chat with, without those made for tests. */
  readonly models: readonly ModelView[];
  /** The one that new conversations start with; empty when there is none. */
  readonly defaultId: string;
  /** What to do when no model can answer; empty otherwise. */
  readonly hint: string;
  readonly error: AppError | null;
}

export interface Models extends Readable<ModelsState> {
  /** The model of an id, hidden ones too; empty id is the default one; null when there is none. */
  find(id: string): ModelView | null;
  reload(): void;
}

export type Theme = "light" | "dark" | "system";
/** `auto` takes the browser's. */
export type Language = "auto" | "en" | "zh";

export interface SettingsState {
  readonly theme: Theme;
  readonly language: Language;
  /** The left rail is folded to icons (desktop). */
  readonly railFolded: boolean;
  /** The model chosen last, for new conversations; empty for the default one. */
  readonly model: string;
}

export interface Settings extends Readable<SettingsState> {
  change(change: Partial<SettingsState>): void;
}

/** What to say about the connection. `fine`: nothing. */
export type ConnectionView =
  | { readonly kind: "fine" }
  | { readonly kind: "connecting" }
  | { readonly kind: "waiting"; readonly seconds: number }
  | { readonly kind: "restarting"; readonly seconds: number }
  | { readonly kind: "offline" }
  | { readonly kind: "refused"; readonly error: AppError };

export interface Connection extends Readable<ConnectionView> {
  /** Tries at once instead of waiting. */
  retryNow(): void;
}

export type Route =
  | { readonly name: "new" }
  | { readonly name: "chat"; readonly conversationId: string }
  /** A page of the settings, of one thing on it if `id` is not empty. The conversation shown before stays the present one. */
  | { readonly name: "settings"; readonly page: SettingsPage; readonly id: string }
  /** The library: all collections, or one of them. The conversation shown before stays the present one. */
  | { readonly name: "library"; readonly collectionId: string }
  /** What somebody shares by a link. */
  | { readonly name: "link"; readonly token: string }
  /** Coming in: shown without anything of the app around it. */
  | { readonly name: "entrance"; readonly screen: EntranceScreen };

export const SETTINGS_PAGES = ["account", "models", "people", "invitations", "groups", "server", "audit"] as const;
export type SettingsPage = (typeof SETTINGS_PAGES)[number];

export const ENTRANCE_SCREENS = ["signin", "setup", "join", "signup", "reset", "welcome", "confirm"] as const;
export type EntranceScreen = (typeof ENTRANCE_SCREENS)[number];

export interface Router extends Readable<Route> {
  /** The address of a route, for `href`. */
  href(route: Route): string;
  go(route: Route, options?: { readonly replace?: boolean }): void;
  /** What stands behind `#` in the address: the token of a link. */
  token(): string;
  /** Where to go on after signing in: the address itself, or what its `next` names on this server. */
  next(): string;
  /** Goes to a path of this server. */
  goTo(path: string): void;
}

/** What there is once it is known who is here. */
export interface AppState {
  readonly session: Session;
  readonly confirm: Confirmations;
  readonly conversations: Conversations;
  /** The conversation of the present route. For `new` it is an empty one whose id the route takes on the first send. */
  readonly chat: Readable<Chat>;
  readonly models: Models;
  readonly settings: Settings;
  readonly connection: Connection;
  readonly router: Router;
  readonly notices: Notices;
  /** Fetches what looks after the runners: most visits never need it. Fails offline; then the next call tries again. */
  runners(): Promise<Runners>;
  readonly presence: Presence;
  /** A draft of a message that was sent, to be changed. It is kept nowhere. */
  revise(text: string, attached: readonly Attached[]): Draft;
  /** Fetches what looks after the attachments of drafts. Fails offline. */
  attachments(): Promise<AttachmentDesk>;
  /** The source that lies open beside the page. */
  readonly sources: Sources;
  /** Fetches what looks after people, groups, policy and the audit log. Fails offline. */
  admin(): Promise<Admin>;
  /** Fetches who has access to a conversation of the reader's own. Fails offline. */
  shares(conversationId: string): Promise<Shares>;
  /** Fetches the collections that can be searched. Fails offline. */
  library(): Promise<Library>;
  /** Fetches what brings files to the server, for the library and for messages. Fails offline. */
  uploads(): Promise<Uploads>;
  /** Fetches what looks after one's own account. Fails offline. */
  account(): Promise<OwnAccount>;
  /** How many messages wait in this browser for the server to take them. */
  unsent(): number;
}

// What the reader of a conversation may do with it. Pure.

import type { Conversation } from "../gen/fireside/v1/conversation_pb.ts";
import { ShareRole } from "../gen/fireside/v1/share_pb.ts";
import type { AccessName } from "./types.ts";

/** The author of what this tab sent, until the server's record says it by an account's id. */
export const SELF = "self";

/** What is not on the server yet is the reader's own. */
export function accessOf(record: Conversation | undefined): AccessName {
  if (record?.access === ShareRole.VIEWER) return "viewer";
  return record?.access === ShareRole.EDITOR ? "editor" : "owner";
}

export function sameAccess(a: Conversation, b: Conversation): boolean {
  return a.access === b.access && a.shared === b.shared && a.ownerName === b.ownerName;
}

/** The part of a chat's state that says whose it is. */
export function sharing(record: Conversation | undefined) {
  const access = accessOf(record);
  return { access, shared: record?.shared === true || access !== "owner", ownerName: record?.ownerName ?? "" } as const;
}

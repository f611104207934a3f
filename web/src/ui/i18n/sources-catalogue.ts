// The texts around sources: what goes with a message, what an answer drew on, and the panel that shows a source.
// Fetched with the first of them.
import type { Entry } from "./catalogue.ts";

export const sourceTexts = {
  // What an answer drew on.
  "sources.label": ["Sources", "来源"],
  "sources.others": [{ one: "also read {count}", other: "also read {count}" }, "另外查阅了 {count} 处"],
  "sources.read": [{ one: "read {count} passage", other: "read {count} passages" }, "查阅了 {count} 处"],
  "sources.none": ["Nothing relevant was found in {sources}.", "在{sources}中没有找到相关内容。"],
  "sources.unread": ["Not read: {names}.", "未能读取：{names}。"],
  "sources.more": ["{count} more", "另外 {count} 个"],
} as const satisfies Record<string, Entry>;

// The texts around sources in a conversation: what goes with a message, and what an answer drew on.
import type { Entry } from "./catalogue.ts";

export const sourceTexts = {
  // What an answer drew on.
  "sources.label": ["Sources", "来源"],
  "sources.others": [{ one: "also read {count}", other: "also read {count}" }, "另外查阅了 {count} 处"],
  "sources.read": [{ one: "read {count} passage", other: "read {count} passages" }, "查阅了 {count} 处"],
  "sources.none": ["Nothing relevant was found in {sources}.", "在{sources}中没有找到相关内容。"],
  "sources.unread": ["Not read: {names}.", "未能读取：{names}。"],
  "sources.list": ["Sources:", "来源："],
  "sources.more": ["{count} more", "另外 {count} 个"],
  "cite.label": ["Source {number}: {title}", "来源 {number}：{title}"],
  "cite.label.page": ["Source {number}: {title}, page {page}", "来源 {number}：{title}，第 {page} 页"],
  "cite.page": ["p. {page}", "第 {page} 页"],
} as const satisfies Record<string, Entry>;

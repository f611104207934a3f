// Groups conversations by when they were last used. Pure: the time, the zone and the language are passed in.

import type { ConversationGroup, ConversationView, GroupKey, GroupLabel } from "./types.ts";

export interface Calendar {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** BCP 47, such as `zh-CN`. */
  readonly locale: string;
  /** IANA, such as `Asia/Shanghai`; the machine's own when undefined. */
  readonly timeZone?: string | undefined;
}

interface Day {
  readonly year: number;
  readonly month: number;
  /** Days since 1970 in the calendar of the zone, so that a day of 23 hours is still one. */
  readonly number: number;
}

function dayReader(timeZone: string | undefined): (at: number) => Day {
  const zone = timeZone === undefined ? {} : { timeZone };
  const format = new Intl.DateTimeFormat("en-US", { year: "numeric", month: "numeric", day: "numeric", ...zone });
  return (at) => {
    const parts = format.formatToParts(at);
    const read = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0);
    const [year, month, day] = [read("year"), read("month"), read("day")];
    return { year, month, number: Math.round(Date.UTC(year, month - 1, day) / 86_400_000) };
  };
}

function recent(days: number): GroupKey | null {
  // A clock that runs ahead elsewhere makes days negative: that is today.
  if (days <= 0) return "group.today";
  if (days === 1) return "group.yesterday";
  if (days <= 7) return "group.week";
  return days <= 30 ? "group.month" : null;
}

/** The items in their order under their headings: today, yesterday, 7 days, 30 days, months of this year, years. */
export function groupByDate(items: readonly ConversationView[], calendar: Calendar): ConversationGroup[] {
  const dayOf = dayReader(calendar.timeZone);
  const today = dayOf(calendar.now);
  const zone = calendar.timeZone === undefined ? {} : { timeZone: calendar.timeZone };
  const monthName = new Intl.DateTimeFormat(calendar.locale, { month: "long", ...zone });
  const yearName = new Intl.DateTimeFormat(calendar.locale, { year: "numeric", ...zone });
  const groups = new Map<string, { id: string; label: GroupLabel; items: ConversationView[] }>();
  for (const item of items) {
    const day = dayOf(item.updatedAt);
    const key = recent(today.number - day.number);
    const sameYear = day.year === today.year;
    const id = key ?? (sameYear ? `${day.year}-${day.month}` : `${day.year}`);
    let group = groups.get(id);
    if (group === undefined) {
      const text = (sameYear ? monthName : yearName).format(item.updatedAt);
      group = { id, label: key === null ? { kind: "text", text } : { kind: "key", key }, items: [] };
      groups.set(id, group);
    }
    group.items.push(item);
  }
  return [...groups.values()];
}

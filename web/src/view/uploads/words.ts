// What is said of an upload: how far it is, how fast, and what went wrong.
import type { AppError } from "../../state/types.ts";
import type { UploadView } from "../../state/upload-types.ts";
import { byteSize, localeTag, t, tOr } from "../../ui/i18n/locale.svelte.ts";
import "./texts.ts";

/** The text of an error of an upload: its amounts are told in bytes. */
export function uploadErrorText(error: AppError): string {
  const { limit = 0, left = 0 } = error.params;
  return tOr(error.key, { ...error.params, limit: byteSize(Number(limit)), left: byteSize(Number(left)) });
}

/** How long something takes, in the largest unit that says something. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  const [value, unit] = seconds < 60 ? [seconds, "second"] : seconds < 3600 ? [Math.round(seconds / 60), "minute"] : [Math.round(seconds / 3600), "hour"];
  return new Intl.NumberFormat(localeTag(), { style: "unit", unit, unitDisplay: "short" }).format(Number(value));
}

export function percent(share: number): string {
  return new Intl.NumberFormat(localeTag(), { style: "percent" }).format(Math.floor(Math.min(1, Math.max(0, share)) * 100) / 100);
}

/** Whether there is something to be done about it, or something is being done. */
export function isActive({ phase }: UploadView): boolean {
  return phase === "queued" || phase === "checking" || phase === "sending" || phase === "finishing" || phase === "waiting";
}

export function isTrouble({ phase }: UploadView): boolean {
  return phase === "failed" || phase === "refused";
}

/** One line about an upload. */
export function statusOf(view: UploadView): string {
  const sent = byteSize(view.sent);
  const size = byteSize(view.size);
  switch (view.phase) {
    case "sending": {
      const parts = [t("upload.sending", { sent, size })];
      if (view.rate > 0) parts.push(t("upload.rate", { size: byteSize(view.rate) }));
      if (view.remainingMs !== null && view.remainingMs > 1_500) parts.push(t("upload.left", { time: duration(view.remainingMs) }));
      return parts.join(" · ");
    }
    case "waiting":
      return t(view.error?.kind === "offline" ? "upload.waiting.offline" : "upload.waiting");
    case "paused":
      return t("upload.paused", { sent, size });
    case "done":
      return t(view.reused ? "upload.done.reused" : "upload.done", { size });
    case "failed":
    case "refused":
      return view.error === null ? "" : uploadErrorText(view.error);
    case "queued":
    case "checking":
    case "finishing":
    case "elsewhere":
      return t(`upload.${view.phase}`);
  }
}

export interface Totals {
  readonly size: number;
  readonly sent: number;
  readonly active: number;
  readonly paused: number;
  readonly trouble: number;
  readonly done: number;
}

/** What all of them are together; what is in trouble counts for no bytes. */
export function totalsOf(views: readonly UploadView[]): Totals {
  const totals = { size: 0, sent: 0, active: 0, paused: 0, trouble: 0, done: 0 };
  for (const view of views) {
    if (isTrouble(view)) totals.trouble += 1;
    else if (view.phase !== "elsewhere") {
      totals.size += view.size;
      totals.sent += view.sent;
      if (view.phase === "done") totals.done += 1;
      else if (view.phase === "paused") totals.paused += 1;
      else totals.active += 1;
    }
  }
  return totals;
}

const ORDER: Readonly<Record<UploadView["phase"], number>> = {
  failed: 0, refused: 0, sending: 1, finishing: 1, checking: 1, waiting: 1, paused: 2, elsewhere: 2, queued: 3, done: 4,
};

/** Those worth a line first, each kind in its own order; at most so many. */
export function foremost(views: readonly UploadView[], most: number): readonly UploadView[] {
  return [...views].sort((a, b) => ORDER[a.phase] - ORDER[b.phase]).slice(0, most);
}

// A text area that is as tall as its text, up to a number of lines; beyond that it scrolls.
import type { Attachment } from "svelte/attachments";

const LINES = 8;

/** `text` is read so that the height follows it. */
export function grow(text: () => string): Attachment<HTMLTextAreaElement> {
  return (area) => {
    text();
    area.style.height = "auto";
    const style = getComputedStyle(area);
    const line = Number.parseFloat(style.lineHeight);
    const around = Number.parseFloat(style.paddingTop) + Number.parseFloat(style.paddingBottom);
    const most = Number.isNaN(line) ? Infinity : line * LINES + around;
    area.style.height = `${Math.min(area.scrollHeight, most)}px`;
    area.style.overflowY = area.scrollHeight > most + 1 ? "auto" : "hidden";
  };
}

// What a message holds, as the views ask for it. Pure.
import type { MessageView } from "../../state/types.ts";

/** The text of a message, as it was written. */
export function plainText(message: MessageView): string {
  return message.parts.flatMap((part) => (part.kind === "text" ? [part.text] : [])).join("\n\n");
}

/** Whether there is anything of it to be seen. */
export function hasContent(message: MessageView): boolean {
  return message.parts.some((part) => {
    if (part.kind === "text" || part.kind === "reasoning") return part.text.trim() !== "";
    return part.kind !== "search" && part.kind !== "citation";
  });
}

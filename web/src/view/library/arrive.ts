// Puts the keyboard where a screen begins, once what led there has given it back.
import type { Overlays } from "../shell/overlays.svelte.ts";

export function arrive(overlays: Overlays): (element: HTMLElement) => (() => void) | void {
  return (element) => {
    if (overlays.open !== "none") return;
    const timer = setTimeout(() => {
      // Who is writing already stays there.
      if (document.activeElement === document.body || document.activeElement === null) element.focus({ preventScroll: true });
    });
    return () => { clearTimeout(timer); };
  };
}

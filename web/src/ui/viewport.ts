// Keeps the app above the keyboard of a phone whose browser lays the keyboard over the page (iOS) instead of resizing it.

const LEAST_KEYBOARD = 80;

/** Follows the visible part of the window. Returns what ends that. */
export function followKeyboard(): () => void {
  const visible = window.visualViewport;
  if (!visible) return () => undefined;
  const root = document.documentElement;
  const fit = (): void => {
    // A page that is zoomed by the fingers is smaller, too, but has no keyboard.
    const covered = visible.scale === 1 ? window.innerHeight - visible.height : 0;
    if (covered > LEAST_KEYBOARD) {
      root.style.setProperty("--app-height", `${visible.height}px`);
      window.scrollTo(0, 0);
    } else {
      root.style.removeProperty("--app-height");
    }
  };
  visible.addEventListener("resize", fit);
  return () => visible.removeEventListener("resize", fit);
}

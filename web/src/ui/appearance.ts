// Light or dark on the page itself. Which one is wanted is a setting; the colours are tokens.css.

/** Shows `theme` and colours the browser's own frame to match. Returns what ends following the system. */
export function applyTheme(theme: "light" | "dark" | "system"): () => void {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = (): void => {
    let meta = document.querySelector<HTMLMetaElement>('meta[name="theme-color"]');
    if (!meta) {
      meta = document.createElement("meta");
      meta.name = "theme-color";
      document.head.append(meta);
    }
    meta.content = getComputedStyle(root).backgroundColor;
  };
  if (theme === "system") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", theme);
  paint();
  system.addEventListener("change", paint);
  return () => system.removeEventListener("change", paint);
}

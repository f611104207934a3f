// A Vite plugin: of each KaTeX font only the woff2 file is built in. Every browser that runs the app reads that one.
import type { Plugin } from "vite";

export function katexFonts(): Plugin {
  return {
    name: "katex-woff2-only",
    enforce: "pre",
    transform(code, id) {
      if (!id.includes("katex.min.css")) return null;
      return { code: code.replace(/,url\([^)]+\.(?:woff|ttf)\) format\("[a-z]+"\)/g, ""), map: null };
    },
  };
}

// A Vite plugin: what pdf.js fetches by name while it shows a page (character maps of Chinese, Japanese and Korean, the
// fonts that every PDF may rely on, a decoder of JPEG 2000) is served from a folder of its own, named for the version.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Plugin } from "vite";

const folder = dirname(createRequire(import.meta.url).resolve("pdfjs-dist/package.json"));
const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
const place = `assets/pdfjs-${version}`;
const wanted = [
  ...inside("cmaps"),
  ...inside("standard_fonts"),
  // WebAssembly would need a looser content security policy: the decoders in JavaScript do, if slower.
  "wasm/openjpeg_nowasm_fallback.js",
  "wasm/LICENSE_OPENJPEG",
];

function inside(name: string): string[] {
  return readdirSync(join(folder, name)).map((file) => `${name}/${file}`);
}

export function pdfAssets(): Plugin {
  return {
    name: "pdf-assets",
    config: () => ({ define: { __PDF_ASSETS__: JSON.stringify(`/${place}/`) } }),
    configureServer({ middlewares }) {
      middlewares.use(`/${place}`, (request, response, next) => {
        const name = decodeURIComponent((request.url ?? "").split("?", 1)[0] ?? "").slice(1);
        if (!wanted.includes(name)) next();
        else {
          response.setHeader("content-type", name.endsWith(".js") ? "text/javascript" : "application/octet-stream");
          response.end(readFileSync(join(folder, name)));
        }
      });
    },
    generateBundle() {
      for (const name of wanted) {
        this.emitFile({ type: "asset", fileName: `${place}/${name}`, source: readFileSync(join(folder, name)) });
      }
    },
  };
}

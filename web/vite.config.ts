/// <reference types="vitest/config" />
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { katexFonts } from "./build/katexfonts.ts";
import { pdfAssets } from "./build/pdfassets.ts";

// Where `npm run dev` finds the server; the built app is served by it and needs no proxy.
const server = process.env["FIRESIDE_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [svelte(), katexFonts(), pdfAssets()],
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  server: { proxy: { "^/(fireside\\.v1\\.|auth/)": server } },
  // Components are mounted in a simulated page there, which is not the server build that Node would get.
  resolve: process.env["VITEST"] ? { conditions: ["browser"] } : {},
  test: {
    environment: "node",
    include: ["tests/**/*.test.ts"],
    testTimeout: 5_000,
  },
});

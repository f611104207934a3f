// Writes a .gz and a .br beside each text file of the build, so that the server never compresses an asset itself, and
// says how much script the first load is (the page's and the shared worker's). In CI too much of it is an error.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const text = /\.(?:js|mjs|css|html|svg|json|txt|webmanifest|map|wasm)$/;

const BUDGET = 200 * 1024;
const page = await readFile(join(dist, "index.html"), "utf8");
const first = new Set([...page.matchAll(/assets\/[^"]+\.js/g)].map(([name]) => name));
let firstLoad = 0;

for (const name of await readdir(dist, { recursive: true })) {
  if (!text.test(name)) continue;
  const path = join(dist, name);
  const bytes = await readFile(path);
  if (bytes.length < 1024) continue;
  const gzip = gzipSync(bytes, { level: 9 });
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  await writeFile(`${path}.gz`, gzip);
  await writeFile(`${path}.br`, brotli);
  if (first.has(name) || name.includes("shared-worker")) {
    firstLoad += gzip.length;
    console.log(`${name}: ${bytes.length} bytes, ${gzip.length} gzip, ${brotli.length} brotli`);
  }
}
console.log(`first load: ${firstLoad} bytes of script, gzip; at most ${BUDGET}`);
if (firstLoad > BUDGET && process.env["CI"] === "true") process.exit(1);

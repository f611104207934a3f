// Writes a .gz and a .br beside each text file of the build, so that the server never compresses an asset itself.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const text = /\.(?:js|mjs|css|html|svg|json|txt|webmanifest|map|wasm)$/;

for (const name of await readdir(dist, { recursive: true })) {
  if (!text.test(name)) continue;
  const path = join(dist, name);
  const bytes = await readFile(path);
  if (bytes.length < 1024) continue;
  const gzip = gzipSync(bytes, { level: 9 });
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  await writeFile(`${path}.gz`, gzip);
  await writeFile(`${path}.br`, brotli);
  if (name.endsWith(".js") || name.endsWith(".css")) {
    console.log(`${name}: ${bytes.length} bytes, ${gzip.length} gzip, ${brotli.length} brotli`);
  }
}

// npm's tus-js-client, doing what its users do, for tests: `node tus_client.mjs ENDPOINT FILE`. It uploads the file in
// several ways and prints where each upload is as JSON.
import { createReadStream, readFileSync } from "node:fs";
import { createRequire } from "node:module";

const tus = createRequire(new URL("../web/package.json", import.meta.url))("tus-js-client");
const [endpoint, path] = process.argv.slice(2);
const data = readFileSync(path);
const retryDelays = [0, 50, 200, 500];
const metadata = { filename: "data.bin", filetype: "application/octet-stream" };

/** Uploads to the end, or until `stop` says so. Resolves with the upload and its last response. */
function run(file, options, stop = () => false) {
  return new Promise((resolve, reject) => {
    let last;
    const upload = new tus.Upload(file, {
      endpoint,
      retryDelays,
      metadata,
      onError: reject,
      onAfterResponse: (_request, response) => void (last = response),
      onSuccess: () => resolve({ upload, last }),
      onChunkComplete: (_size, accepted) => {
        if (stop(accepted)) upload.abort().then(() => resolve({ upload, accepted }), reject);
      },
      ...options,
    });
    upload.start();
  });
}

const whole = await run(data, {});
const pieces = await run(createReadStream(path), { chunkSize: 700_000, uploadSize: data.length });
const atOnce = await run(data, { uploadDataDuringCreation: true, chunkSize: 1_000_000 });
const half = await run(data, { chunkSize: 1_000_000 }, (accepted) => accepted >= 1_000_000);
const resumed = await run(data, { uploadUrl: half.upload.url });
const begun = await run(data, { chunkSize: 1_000_000 }, (accepted) => accepted >= 1_000_000);
await begun.upload.abort(true);

process.stdout.write(
  JSON.stringify({
    whole: whole.upload.url,
    fileId: whole.last.getHeader("Upload-File-Id"),
    pieces: pieces.upload.url,
    atOnce: atOnce.upload.url,
    resumed: resumed.upload.url,
    resumedAt: half.accepted,
    givenUp: begun.upload.url,
  }),
);

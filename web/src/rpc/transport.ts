// The transport of the browser: Connect over fetch, in binary. Nothing else knows that there is HTTP.

import type { Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";

/** That somebody has left is said while their page goes away, which ends all other calls. */
const outlasting: typeof fetch = (input, init) =>
  fetch(input, String(input).endsWith("/SetPresence") ? { ...init, keepalive: true } : init);

/** JSON costs a hundred times the time of binary per streamed event, so it is never used here. */
export function createBrowserTransport(origin: string): Transport {
  return createConnectTransport({ baseUrl: origin, useBinaryFormat: true, fetch: outlasting });
}

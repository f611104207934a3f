// The transport of the browser: Connect over fetch, in binary. Nothing else knows that there is HTTP.

import type { Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";

/** JSON costs a hundred times the time of binary per streamed event, so it is never used here. */
export function createBrowserTransport(origin: string): Transport {
  return createConnectTransport({ baseUrl: origin, useBinaryFormat: true });
}

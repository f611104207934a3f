// How long silence may last. The server's heartbeats come each second on HTTP/1.1 and each 15 seconds on HTTP/2.

/** Milliseconds after which a silent stream counts as dead. Browsers speak HTTP/2 over TLS, and only there. */
export function deadAfterMs(protocol: string): number {
  return protocol === "https:" ? 35_000 : 6_000;
}

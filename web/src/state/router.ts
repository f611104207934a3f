// Which screen is shown, as a value. The address bar and its history are behind `Address`, in main.ts.

import { Store } from "./store.ts";
import type { Route, Router } from "./types.ts";

export interface Address {
  /** The present path, such as `/c/0199…`. */
  path(): string;
  push(path: string): void;
  replace(path: string): void;
  /** Calls `listener` when the person went back or forward. */
  onMove(listener: () => void): void;
}

const CHAT = /^\/c\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\/?$/i;

const RUNNERS = "/settings/models";

/** The route of a path; what is not known leads to the start. */
export function routeOf(path: string): Route {
  if (path.replace(/\/$/, "") === RUNNERS) return { name: "runners" };
  const id = CHAT.exec(path)?.[1];
  return id === undefined ? { name: "new" } : { name: "chat", conversationId: id.toLowerCase() };
}

export function pathOf(route: Route): string {
  if (route.name === "runners") return RUNNERS;
  return route.name === "chat" ? `/c/${route.conversationId}` : "/";
}

export class PathRouter extends Store<Route> implements Router {
  constructor(private readonly address: Address) {
    super(routeOf(address.path()));
    address.onMove(() => {
      this.set(routeOf(address.path()));
    });
  }

  href(route: Route): string {
    return pathOf(route);
  }

  go(route: Route, options: { readonly replace?: boolean } = {}): void {
    const path = pathOf(route);
    if (options.replace === true) this.address.replace(path);
    else if (path !== this.address.path()) this.address.push(path);
    this.set(route);
  }
}

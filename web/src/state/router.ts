// Which screen is shown, as a value. The address bar and its history are behind `Address`, in main.ts.

import { Store } from "./store.ts";
import { ENTRANCE_SCREENS, SETTINGS_PAGES, type Route, type Router, type SettingsPage } from "./types.ts";

export interface Address {
  /** The present path, such as `/c/0199…`. */
  path(): string;
  /** What follows the path: `?next=…`; empty for nothing. */
  query(): string;
  /** What stands behind `#`, without it. */
  hash(): string;
  push(path: string): void;
  replace(path: string): void;
  /** Calls `listener` when the person went back or forward. */
  onMove(listener: () => void): void;
}

const CHAT = /^\/c\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i;
const SETTINGS = /^\/settings\/([a-z]+)(?:\/([^/]+))?$/;
const LIBRARY = /^\/library(?:\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}))?$/i;
const LINK = /^\/s\/([\w-]+)$/;

/** The route of a path; what is not known leads to the start. */
export function routeOf(given: string): Route {
  const path = given.replace(/\/$/, "");
  const screen = ENTRANCE_SCREENS.find((name) => path === `/${name}`);
  if (screen !== undefined) return { name: "entrance", screen };
  const [, page, thing] = SETTINGS.exec(path) ?? [];
  if (isPage(page)) return { name: "settings", page, id: decoded(thing ?? "") };
  const library = LIBRARY.exec(path);
  if (library !== null) return { name: "library", collectionId: (library[1] ?? "").toLowerCase() };
  const token = LINK.exec(path)?.[1];
  if (token !== undefined) return { name: "link", token };
  const id = CHAT.exec(path)?.[1];
  return id === undefined ? { name: "new" } : { name: "chat", conversationId: id.toLowerCase() };
}

function isPage(page: string | undefined): page is SettingsPage {
  return SETTINGS_PAGES.some((name) => name === page);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

export function pathOf(route: Route): string {
  switch (route.name) {
    case "new":
      return "/";
    case "chat":
      return `/c/${route.conversationId}`;
    case "settings":
      return `/settings/${route.page}${route.id === "" ? "" : `/${encodeURIComponent(route.id)}`}`;
    case "library":
      return route.collectionId === "" ? "/library" : `/library/${route.collectionId}`;
    case "link":
      return `/s/${route.token}`;
    case "entrance":
      return `/${route.screen}`;
  }
}

/** The path, if it leads nowhere but to this server; the start otherwise. */
export function safePath(path: string | null): string {
  // A backslash is a slash to browsers, and two of them begin the name of a host.
  return path !== null && /^\/(?![/\\])[^\\\s]*$/.test(path) ? path : "/";
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

  token(): string {
    return this.address.hash();
  }

  next(): string {
    const route = this.get();
    const wanted = route.name === "entrance" ? safePath(new URLSearchParams(this.address.query()).get("next")) : this.address.path();
    const leads = routeOf(wanted.replace(/[?#].*$/, ""));
    // Who has come in has no business at the door.
    return leads.name === "entrance" ? "/" : wanted;
  }

  goTo(path: string): void {
    const safe = safePath(path);
    this.address.replace(safe);
    this.set(routeOf(safe.replace(/[?#].*$/, "")));
  }
}

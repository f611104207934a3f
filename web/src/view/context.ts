// How the views reach the state and what is open above the page, without passing both through every component.
import { createContext } from "svelte";
import type { App } from "../state/app.ts";
import type { AppState } from "../state/types.ts";
import type { Overlays } from "./shell/overlays.svelte.ts";

export interface Room {
  readonly app: AppState;
  readonly overlays: Overlays;
}

/** What there is for who is here. Not on the screens of coming in, nor behind a link. */
export const [useRoom, provideRoom] = createContext<Room>();

/** What there is whoever is here. */
export const [useHall, provideHall] = createContext<App>();

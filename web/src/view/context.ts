// How the views reach the state and what is open above the page, without passing both through every component.
import { createContext } from "svelte";
import type { AppState } from "../state/types.ts";
import type { Overlays } from "./shell/overlays.svelte.ts";

export interface Room {
  readonly app: AppState;
  readonly overlays: Overlays;
}

export const [useRoom, provideRoom] = createContext<Room>();

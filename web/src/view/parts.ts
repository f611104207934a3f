// The parts of the view that the first picture does not need: fetched when first wanted, or when the page is idle.
import { Lazy } from "../ui/lazy.svelte.ts";

export const dialogs = new Lazy(() => import("./shell/Dialogs.svelte"));
export const menu = new Lazy(() => import("../ui/Menu.svelte"));
export const runnersScreen = new Lazy(() => import("./settings/RunnersScreen.svelte"));
export const modelMenu = new Lazy(() => import("./chat/ModelMenu.svelte"));

export function fetchParts(): void {
  void dialogs.want();
  void menu.want();
  void modelMenu.want();
}

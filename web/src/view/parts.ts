// The parts of the view that the first picture does not need: fetched when first wanted, or when the page is idle.
import type { Component } from "svelte";
import type { SettingsPage } from "../state/types.ts";
import { Lazy } from "../ui/lazy.svelte.ts";

export const dialogs = new Lazy(() => import("./shell/Dialogs.svelte"));
export const menu = new Lazy(() => import("../ui/Menu.svelte"));
export const modelMenu = new Lazy(() => import("./chat/ModelMenu.svelte"));
export const entranceScreen = new Lazy(() => import("./entrance/EntranceScreen.svelte"));
export const confirmDialog = new Lazy(() => import("./entrance/ConfirmDialog.svelte"));
export const confirmBox = new Lazy(() => import("../ui/Confirm.svelte"));
export const editBox = new Lazy(() => import("./chat/EditBox.svelte"));
export const trayRow = new Lazy(() => import("./attach/Tray.svelte"));
export const hashMenu = new Lazy(() => import("./attach/HashMenu.svelte"));
export const collectionsMenu = new Lazy(() => import("./attach/CollectionsMenu.svelte"));
export const messageAttached = new Lazy(() => import("./attach/Attached.svelte"));
export const answerSources = new Lazy(() => import("./source/AnswerSources.svelte"));
export const sourcePanel = new Lazy(() => import("./source/SourcePanel.svelte"));
export const libraryScreen = new Lazy(() => import("./library/LibraryScreen.svelte"));
export const uploadTray = new Lazy(() => import("./uploads/UploadTray.svelte"));
export const shareDialog = new Lazy(() => import("./share/ShareDialog.svelte"));
export const signOutQuestion = new Lazy(() => import("./rail/SignOutQuestion.svelte"));
export const linkScreen = new Lazy<Component<{ token: string }>>(() => import("./link/LinkScreen.svelte"));
export const runnersScreen = new Lazy<Component>(() => import("./settings/RunnersScreen.svelte"));

/** What stands in the frame of the settings, by the page's name in the address. */
export const settingsScreens: Partial<Readonly<Record<SettingsPage, Lazy<Component>>>> = {
  account: new Lazy<Component>(() => import("./settings/account/AccountScreen.svelte")),
  models: runnersScreen,
  people: new Lazy<Component>(() => import("./settings/admin/PeopleScreen.svelte")),
  invitations: new Lazy<Component>(() => import("./settings/admin/InvitationsScreen.svelte")),
  groups: new Lazy<Component>(() => import("./settings/admin/GroupsScreen.svelte")),
  server: new Lazy<Component>(() => import("./settings/admin/ServerScreen.svelte")),
  audit: new Lazy<Component>(() => import("./settings/admin/AuditScreen.svelte")),
};

export function fetchParts(): void {
  void dialogs.want();
  void menu.want();
  void modelMenu.want();
  void editBox.want();
}

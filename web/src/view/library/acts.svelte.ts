// What is being done with a collection from whichever of its menus: renamed, shared, asked whether to delete it.
import Pencil from "@lucide/svelte/icons/pencil";
import Trash2 from "@lucide/svelte/icons/trash-2";
import UserPlus from "@lucide/svelte/icons/user-plus";
import type { CollectionView } from "../../state/library-types.ts";
import { t } from "../../ui/i18n/locale.svelte.ts";
import type { MenuItem } from "../../ui/Menu.svelte";

export class CollectionActs {
  editing = $state.raw<CollectionView | null>(null);
  sharing = $state.raw<CollectionView | null>(null);
  leaving = $state.raw<CollectionView | null>(null);

  /** What the reader may do with it; `canShare`: the server lets them share. Empty for who may only read. */
  items(collection: CollectionView, canWrite: boolean, canShare: boolean): readonly MenuItem[] {
    if (!canWrite || collection.access !== "owner") return [];
    const share = { id: "share", label: t("collection.share"), icon: UserPlus, run: () => { this.sharing = collection; } };
    return [
      { id: "edit", label: t("collection.edit"), icon: Pencil, run: () => { this.editing = collection; } },
      ...(canShare ? [share] : []),
      { id: "delete", label: t("collection.delete"), icon: Trash2, danger: true, run: () => { this.leaving = collection; } },
    ];
  }
}

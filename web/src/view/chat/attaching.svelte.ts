// What is attached to the message that is being written. What looks after it is fetched with the first attachment.
import type { Attachments } from "../../state/attachment-types.ts";
import type { Attached } from "../../state/part-types.ts";
import type { AppState, Draft } from "../../state/types.ts";
import { t } from "../../ui/i18n/locale.svelte.ts";
import { trayRow } from "../parts.ts";
import type { Overlays } from "../shell/overlays.svelte.ts";

export class Attaching {
  /** Null until something was attached, or is from another day. */
  tray = $state.raw<Attachments | null>(null);
  #closed = false;

  constructor(
    private readonly app: AppState,
    private readonly overlays: Overlays,
    private readonly draft: Draft,
    /** What a message has already. */
    private readonly kept: readonly Attached[] = [],
  ) {}

  async open(): Promise<Attachments | null> {
    try {
      const [desk, there] = await Promise.all([this.app.attachments(), trayRow.want()]);
      if (!there) throw new Error("Not fetched.");
      if (!this.#closed) this.tray = desk.of(this.draft, this.kept);
    } catch {
      this.overlays.say(t("attach.unfetched"));
    }
    return this.tray;
  }

  async files(files: readonly File[]): Promise<void> {
    if (files.length > 0) (await this.open())?.addFiles(files);
  }

  /** What was chosen in a field for files. The same file may be chosen again. */
  async chosen(field: HTMLInputElement): Promise<void> {
    const files = [...(field.files ?? [])];
    field.value = "";
    await this.files(files);
  }

  /** Nobody writes it any more. Unless it was sent, what came for it goes. */
  close(sent: boolean): void {
    this.#closed = true;
    this.tray?.close(sent);
  }

  async collection(id: string, name: string): Promise<void> {
    // The draft keeps it whether or not what shows it can be fetched.
    this.draft.attach([{ kind: "collection", collectionId: id, name }]);
    await this.open();
  }
}

/** The files of what was dropped or pasted, without folders, which cannot be attached. */
export function filesOf(transfer: DataTransfer | null): File[] {
  if (!transfer) return [];
  return [...transfer.items].flatMap((item) => {
    if (item.kind !== "file" || item.webkitGetAsEntry()?.isDirectory) return [];
    return item.getAsFile() ?? [];
  });
}

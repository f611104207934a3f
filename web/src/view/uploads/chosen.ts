// Files and folders as a person drops or picks them, with the folders that they lie in.
import type { Incoming } from "../../state/upload-types.ts";

/** What systems leave in folders. Hidden files of a folder are left out as well: nobody means to read those. */
const LEFTOVERS = new Set(["thumbs.db", "desktop.ini", "__macosx"]);
/** More than anybody means to add at once. */
const MOST = 20_000;

function isLeftOver(name: string): boolean {
  return name.startsWith(".") || LEFTOVERS.has(name.toLowerCase());
}

/** Whether files are being dragged, and not words. */
export function hasFiles(transfer: DataTransfer | null): boolean {
  return transfer?.types.includes("Files") ?? false;
}

/** What was picked by a field; of a folder with the folders. */
export function picked(files: FileList | null): readonly Incoming[] {
  return [...(files ?? [])].flatMap((file) => {
    const path = file.webkitRelativePath.split("/").slice(0, -1);
    if (path.length > 0 && [...path.slice(1), file.name].some(isLeftOver)) return [];
    return [{ file, folder: path.join("/") }];
  });
}

/** What was dropped. Call it while the event is being handled: afterwards the browser says nothing of it any more. */
export function dropped(transfer: DataTransfer): Promise<readonly Incoming[]> {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const entries = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  return collect(entries);
}

async function collect(entries: readonly { readonly entry: FileSystemEntry | null; readonly file: File | null }[]): Promise<readonly Incoming[]> {
  const found: Incoming[] = [];
  for (const { entry, file } of entries) {
    if (entry?.isDirectory === true) await walk(entry as FileSystemDirectoryEntry, entry.name, found);
    else if (file !== null) found.push({ file, folder: "" });
  }
  return found;
}

async function walk(directory: FileSystemDirectoryEntry, folder: string, found: Incoming[]): Promise<void> {
  const reader = directory.createReader();
  for (;;) {
    // A browser gives a hundred at a time, and none at the end.
    const batch = await new Promise<FileSystemEntry[]>((resolve) => { reader.readEntries(resolve, () => { resolve([]); }); });
    if (batch.length === 0) return;
    for (const entry of batch) {
      if (isLeftOver(entry.name) || found.length >= MOST) continue;
      if (entry.isDirectory) await walk(entry as FileSystemDirectoryEntry, `${folder}/${entry.name}`, found);
      else await take(entry as FileSystemFileEntry, folder, found);
    }
  }
}

function take(entry: FileSystemFileEntry, folder: string, found: Incoming[]): Promise<void> {
  return new Promise((resolve) => {
    entry.file(
      (file) => {
        found.push({ file, folder });
        resolve();
      },
      // One that cannot be read keeps none of the others away.
      () => { resolve(); },
    );
  });
}

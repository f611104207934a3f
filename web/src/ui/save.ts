// Gives a file that was put together on this page to the browser to be saved.

/** Has the browser save the pieces as one file. */
export function saveFile(name: string, type: string, pieces: readonly Uint8Array[]): void {
  const url = URL.createObjectURL(new Blob(pieces.map((piece) => piece.slice()), { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The download has begun by then.
  setTimeout(() => {
    URL.revokeObjectURL(url);
  }, 60_000);
}

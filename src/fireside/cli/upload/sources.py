"""The files that are to be sent, as they lie on this machine: paths to names and folders. Sends nothing."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fireside.cli.failure import CommandError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Source:
    """A file. `folder` is where it goes in the collection; empty for none."""

    path: Path
    name: str
    folder: str
    size: int
    changed_ns: int

    @property
    def place(self) -> str:
        """Folder and name."""
        return f"{self.folder}/{self.name}" if self.folder else self.name

    def fingerprint(self, collection_id: str) -> str:
        """What tells the same file on its way to the same place again, also for another process."""
        told = (str(self.path.resolve()), self.size, self.changed_ns, collection_id, self.place)
        return "cli-" + hashlib.sha256("\0".join(map(str, told)).encode("utf-8", "surrogateescape")).hexdigest()

    def is_unchanged(self) -> bool:
        """Whether it is still the file that was found."""
        try:
            status = self.path.stat()
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.size, self.changed_ns)


def sources(paths: Iterable[str]) -> list[Source]:
    """The files at the paths and in the folders there, in order; each once.

    A folder keeps its own name, as `cp -r` has it; with a slash at its end, or as `.`, only what is in it counts. Hidden
    files and links to folders are left out of folders. Raises UsageError and CommandError.
    """
    found: dict[str, Source] = {}
    for text in paths:
        for source in _at(text):
            before = found.setdefault(source.place, source)
            if before.path.resolve() != source.path.resolve():
                raise UsageError(
                    f"{before.path} and {source.path} would both be {source.place} in the collection. "
                    "Upload the folders that they are in, or one after the other."
                )
    return list(found.values())


def _at(text: str) -> Iterator[Source]:
    path = Path(text)
    try:
        if path.is_dir():
            bare = text.endswith(("/", os.sep)) or path.name in ("", "..")
            yield from _below(path, "" if bare else path.name)
        else:
            yield _source(path, "")
    except FileNotFoundError:
        raise UsageError(f"There is no file or folder {text}.") from None
    except OSError as error:
        raise CommandError(f"{error.filename or text} cannot be read: {error.strerror}.") from error


def _below(path: Path, folder: str) -> Iterator[Source]:
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path), f"{folder}/{entry.name}" if folder else entry.name)
        elif entry.is_file():
            yield _source(Path(entry.path), folder)


def _source(path: Path, folder: str) -> Source:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{path} is no file.")
    # Some systems keep accents apart from their letters.
    name, folder = (unicodedata.normalize("NFC", text) for text in (path.name, folder))
    return Source(path, name, folder, status.st_size, status.st_mtime_ns)

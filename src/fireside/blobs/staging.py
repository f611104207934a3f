"""What a store that is elsewhere keeps on this machine of a blob: the bytes since its last part, and how far the parts go."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Staged(NamedTuple):
    """What is said of a blob here."""

    upload_id: str = ""
    """What the store calls the parts; empty while there are none."""

    base: int = 0
    """Bytes in parts."""

    tail: int = 0
    """Bytes here, after those."""


class Staging:
    """A folder with tails. All methods block: call them in a thread, with the blob's lock held."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, key: str) -> Staged | None:
        """What was staged last and lasts."""
        try:
            found = json.loads(self._path(key, "state").read_bytes())
            staged = Staged(str(found["upload_id"]), int(found["base"]), int(found["tail"]))
            size = self._path(key, "tail").stat().st_size if staged.tail else 0
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return staged if size >= staged.tail else staged._replace(tail=0)

    def tail(self, key: str, length: int) -> bytes:
        """The bytes of a tail."""
        if not length:
            return b""
        with self._path(key, "tail").open("rb") as file:
            return file.read(length)

    def add(self, key: str, staged: Staged, data: Sequence[bytes]) -> Staged:
        """Adds bytes to the tail, for good."""
        path = self._path(key, "tail")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.ftruncate(file, staged.tail)
            os.lseek(file, staged.tail, os.SEEK_SET)
            with os.fdopen(file, "wb", closefd=False) as stream:
                stream.writelines(data)
            os.fsync(file)
        finally:
            os.close(file)
        return self.note(key, staged._replace(tail=staged.tail + sum(map(len, data))))

    def note(self, key: str, staged: Staged) -> Staged:
        """Writes down how far it is, for good."""
        path = self._path(key, "state")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._path(key, "new")
        with fresh.open("wb") as file:
            file.write(json.dumps(staged._asdict()).encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
        return staged

    def clear(self, key: str) -> None:
        """Forgets a blob."""
        for kind in ("state", "tail", "new"):
            self._path(key, kind).unlink(missing_ok=True)

    def _path(self, key: str, kind: str) -> Path:
        return self.folder / key[-2:] / f"{key}.{kind}"

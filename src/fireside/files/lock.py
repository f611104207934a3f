"""A lock between processes: a file that one of them holds with flock. It falls when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def lock_path(scratch: Path, key: str) -> Path:
    """Where the lock of a blob is; see BlobStore.scratch for its name."""
    return scratch / key[-2:] / f"{key}.lock"


def try_lock(path: Path) -> int | None:
    """Takes the lock and returns the descriptor that holds it; None when somebody else has it."""
    while True:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        except BaseException:
            os.close(file)
            raise
        if _is_at(path, file):
            return file
        # Whoever had it before removed the file: others look at a newer one.
        os.close(file)


def unlock(file: int) -> None:
    """Gives the lock back."""
    os.close(file)


def remove(path: Path, file: int) -> None:
    """Gives the lock back for good, with its file."""
    path.unlink(missing_ok=True)
    os.close(file)


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False

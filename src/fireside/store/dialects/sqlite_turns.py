"""Lets the processes that share a database file write one after the other. Not SQLite's own lock: that is taken inside.

SQLite lets a writer that has to wait sleep and look again, for up to 100 ms a time, and promises no order: a busy
process would keep another one out for seconds. The kernel wakes whoever waits for a file lock at once.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Turns:
    """One process's place in the line. The methods but `give` block: call them in a thread. The locks die with the process."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        self._next = os.open(folder / "next.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._now = os.open(folder / "now.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> None:
        """Returns when it is this process's turn.

        Who has just written has to become the next one first, and that is somebody who waits already: so nobody
        writes twice while another waits.
        """
        fcntl.flock(self._next, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._now, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def give(self) -> None:
        """Ends the turn. Doing it twice does nothing."""
        with suppress(OSError):
            fcntl.flock(self._now, fcntl.LOCK_UN)

    def close(self) -> None:
        """Lets go of the locks."""
        os.close(self._next)
        os.close(self._now)

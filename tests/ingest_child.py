"""Processes that read documents and kill themselves (SIGKILL) after so many transactions.

Usage: python -m tests.ingest_child DATABASE_URL FOLDER [shared]. For each line `HOLDER COUNT` of its input it forks one, waits until
it is gone and prints `killed`, or `done` when there was nothing left to do before that. `shared`: others use the database, too.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from fireside.jobs.worker import WorkerOptions
from fireside.store.db import Database, StoreOptions, open_database
from tests.ingest_rig import all_ended, open_ingest


class Deadly:
    """A Database that ends its process after its `left`-th transaction."""

    def __init__(self, db: Database, left: int) -> None:
        self._db = db
        self._left = left

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def write(self, body: Any) -> Any:
        """As Database.write; the last one is committed and then nothing more."""
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await self._db.write(body)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


async def _main(url: str, folder: Path, store: StoreOptions, holder: str, count: int) -> None:
    db = await open_database(url, store)
    options = WorkerOptions(holder=holder, look=0.02)
    deadly: Any = Deadly(db, count)
    async with open_ingest(deadly, folder, options) as rig:
        await all_ended(rig)
    await db.close()


def serve(url: str, folder: Path, *words: str) -> None:
    """Forks for each line."""
    store = StoreOptions(shared="shared" in words)
    for line in sys.stdin:
        holder, count = line.split()
        child = os.fork()
        if not child:
            asyncio.run(_main(url, folder, store, holder, int(count)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else "done", flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])

"""Removes what deleted documents were cut into, their versions and files, in pieces. Not the bytes: files/ sweeps those.

What was deleted is out of every list and search already; this is done right after, and once more by the job `tidy` in
case the process died meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fireside.core.clock import now_us
from fireside.store import document_removal, jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.store.db import Database
    from fireside.store.jobs import Job
    from fireside.store.tx import Tx

# A statement on SQLite holds up everybody else.
_PASSAGES = 100
_DOCUMENTS = 100
_AGAIN_US: Final = 3_600_000_000
_TOMBSTONES_US: Final = 7 * 86_400_000_000


class Purging:
    """Removes what is left of deleted documents."""

    def __init__(self, db: Database, swept: Callable[[], None]) -> None:
        """`swept` is called when files were removed, so that their bytes go too."""
        self._db = db
        self._swept = swept

    async def open(self) -> None:
        """Sees to it that there is a job."""

        async def body(tx: Tx) -> None:
            if await jobs.get(tx, jobs.TIDY, "documents") is None:
                await document_removal.tidy_soon(tx)

        await self._db.write(body)

    async def purge(self) -> None:
        """Removes all of all documents that were deleted."""
        removed = False
        while waiting := await self._db.read(lambda tx: document_removal.to_purge(tx, _DOCUMENTS)):
            for document_id in waiting:
                await self._purge(document_id)
                removed = True
        if removed:
            self._swept()

    async def _purge(self, document_id: str) -> None:
        while await self._db.write(lambda tx: document_removal.purge_passages(tx, document_id, _PASSAGES)):
            pass
        await self._db.write(lambda tx: document_removal.purge(tx, document_id))

    async def tidy(self, job: Job) -> None:
        """The job: purges what was left, forgets what was deleted long ago, and comes back in an hour."""
        for document_id in await self._db.read(lambda tx: document_removal.orphans(tx, _DOCUMENTS)):
            await self._db.write(lambda tx, name=document_id: document_removal.delete(tx, name))
        await self.purge()
        before = now_us() - _TOMBSTONES_US
        while await self._db.write(lambda tx: document_removal.prune(tx, before, _DOCUMENTS)) == _DOCUMENTS:
            pass

        async def again(tx: Tx) -> None:
            await jobs.hold(tx, job)
            await document_removal.tidy_soon(tx, _AGAIN_US)

        await self._db.write(again)

"""Takes away what nobody needs any more: abandoned uploads, files that nothing names, and the bytes of both.

Runs in every process. Each step is a transaction of its own that one process wins, and can be the last before a crash:
what is left is found again. Bytes go only after their blob was condemned (store/files.py), under the blob's lock.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING

from fireside.core.clock import now_us
from fireside.core.errors import FiresideError
from fireside.files import lock
from fireside.store import document_removal, documents, files, uploads

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fireside.blobs.base import BlobStore
    from fireside.files.options import Options
    from fireside.files.pens import Pens
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 60.0
_BATCH = 200
_LITTER_EVERY = 60
_LITTER_SECONDS = 86_400.0
_US = 1_000_000


class Sweeper:
    """The sweeper of one process. `open` before use, `aclose` at the end."""

    def __init__(self, db: Database, blobs: BlobStore, pens: Pens, options: Options) -> None:
        self._db = db
        self._blobs = blobs
        self._pens = pens
        self._options = options
        self._soon = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begins to sweep, a minute after the other, and when it is woken."""
        self._task = asyncio.create_task(self._sweep_forever(), name="sweep files")

    async def aclose(self) -> None:
        """Stops."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Files have been deleted: their bytes can go now."""
        self._soon.set()

    async def sweep(self) -> None:
        """Goes around once."""
        await self._give_up()
        await self._drop_unused()
        while blob_ids := await self._db.read(lambda tx: files.unneeded_blobs(tx, _BATCH)):
            if await free(self._db, self._blobs, blob_ids) < _BATCH:
                break

    async def sweep_litter(self, older_than: float = _LITTER_SECONDS) -> None:
        """Removes what lies in the scratch folder of blobs that are no more, if it is older than so many seconds."""
        found = await asyncio.to_thread(_litter, self._blobs.scratch, time.time() - older_than)
        known = await self._db.read(lambda tx: files.known_blobs(tx, sorted(found)))
        gone = [path for key, paths in found.items() if key not in known for path in paths]
        await asyncio.to_thread(_unlink, gone)

    async def _sweep_forever(self) -> None:
        turn = 0
        while True:
            try:
                await self.sweep()
                if turn % _LITTER_EVERY == 0:
                    await self.sweep_litter()
                turn += 1
            except Exception:  # the store may be away for a while; the next turn tries again
                logger.exception("Sweeping files failed; trying again")
            try:
                async with asyncio.timeout(SWEEP_SECONDS):
                    await self._soon.wait()
            except TimeoutError:
                continue
            self._soon.clear()

    async def _give_up(self) -> None:
        now = now_us()
        for stored in await self._db.read(lambda tx: uploads.expired(tx, now, _BATCH)):
            # One that is being written is not abandoned, however long ago that was written down.
            pen = await self._pens.try_take(stored)
            if pen is not None:
                ended = False
                try:
                    ended = await self._db.write(
                        lambda tx, name=stored.record.id: uploads.delete_expired(tx, name, now)
                    )
                finally:
                    self._pens.give_back(pen, ended=ended)

    async def _drop_unused(self) -> None:
        before = now_us() - int(self._options.keep_unused * _US)
        for file_id in await self._db.read(lambda tx: files.unused(tx, before, _BATCH)):
            await self._db.write(lambda tx, file_id=file_id: _drop(tx, file_id))


async def free(db: Database, blobs: BlobStore, blob_ids: Iterable[str]) -> int:
    """Deletes the bytes of blobs that nothing refers to; how many there were. Those that somebody writes to stay."""
    freed = 0
    for blob_id in blob_ids:
        file = await asyncio.to_thread(lock.try_lock, lock.lock_path(blobs.scratch, blob_id))
        if file is None:
            continue
        try:
            if await db.write(lambda tx, blob_id=blob_id: files.condemn(tx, blob_id)):
                await blobs.delete(blob_id)
                await db.write(lambda tx, blob_id=blob_id: files.delete_blob(tx, blob_id))
                freed += 1
        except FiresideError as error:
            logger.warning("The bytes of blob %s could not be deleted, which is tried again: %s", blob_id, error)
        finally:
            lock.remove(lock.lock_path(blobs.scratch, blob_id), file)
    return freed


async def _drop(tx: Tx, file_id: str) -> None:
    stored = await files.find(tx, file_id)
    # A message may name it by now.
    if stored is None or await files.is_used(tx, file_id):
        return
    if stored.record.document_id:
        document = await documents.get(tx, stored.record.document_id)
        if document is not None and not document.collection_id:
            await document_removal.delete(tx, document.id)
    await files.delete(tx, file_id)


def _litter(scratch: Path, before: float) -> dict[str, list[Path]]:
    """Old files in the scratch folder by the key of their blob."""
    found: dict[str, list[Path]] = {}
    for folder in scratch.iterdir():
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file() and entry.stat().st_mtime < before:
                    found.setdefault(entry.name.partition(".")[0], []).append(folder / entry.name)
    return found


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)

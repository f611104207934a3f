"""Who may write to an upload: one at a time, in this process and in all others. Not the writing: writer.py.

Whoever comes takes the pen from whoever has it, since a connection that is half dead would keep it for minutes. In this
process that is a matter of a cancelled task; another process is told through the store (Tx.notify) and lets go of the
lock file. Nobody holds it between two pieces. Whoever finishes an upload keeps the pen until that is done.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fireside.blobs.base import store_failed
from fireside.core.errors import AbortedError, UnavailableError
from fireside.files import lock

if TYPE_CHECKING:
    from pathlib import Path

    from fireside.files.hashing import Running
    from fireside.store.db import Database
    from fireside.store.tx import Tx
    from fireside.store.uploads import StoredUpload

WANTED: Final = "upload_wanted"
"""The topic of a note: somebody else wants to write to this upload, or to end it."""

PATIENCE: Final = 5.0
"""Seconds that others have to let go."""

# Several that take it from each other for ever get something done all the same.
_LEAST_SECONDS = 0.1
_LOOK_SECONDS = 0.02
_TELL_SECONDS = 1.0
_MOST_DESKS = 2_000


@dataclass(slots=True, eq=False)
class Desk:
    """What this process knows of an upload that it wrote to."""

    upload_id: str
    owner: str
    blob_id: str
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    pen: Pen | None = None
    waiting: int = 0
    running: Running | None = None
    """The hash of what was written here, if that is all of it."""

    unsynced: bool = False
    kept_us: int = 0
    """When the upload is given up, as far as is known here."""


class Pen:
    """The right to write to one upload. Given back by Pens.give_back, also after it was lost."""

    def __init__(self, desk: Desk, file: int, task: asyncio.Task[object] | None) -> None:
        """`task` is cancelled when the pen is taken away; without one it cannot be."""
        self.desk = desk
        self.file = file
        self.lost = False
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()

    def take_away(self) -> None:
        """Ends the writing, unless it is not to be disturbed; one that has just begun, in a moment."""
        if self._task is None or self.lost:
            return
        wait = self._since + _LEAST_SECONDS - self._loop.time()
        if wait > 0:
            self._loop.call_later(wait, self.take_away)
        else:
            self.lost = True
            self._task.cancel()

    def end(self) -> None:
        """It cannot be taken away any more."""
        self._task = None


class Pens:
    """The pens of all uploads."""

    def __init__(self, db: Database, scratch: Path) -> None:
        self._db = db
        self._scratch = scratch
        self._desks: OrderedDict[str, Desk] = OrderedDict()

    async def open(self) -> None:
        """Listens for who wants to write in other processes."""
        await self._db.listen(self._hear)

    def known(self, upload_id: str) -> Desk | None:
        """The desk of an upload that was written to here of late."""
        return self._desks.get(upload_id)

    async def take(self, stored: StoredUpload, *, for_task: bool = True) -> Pen:
        """Takes the pen of an upload from whoever has it. Look at its row once more afterwards: it may have ended.

        With `for_task` the calling task is cancelled when the pen is lost. UnavailableError (UPLOAD_BUSY): it is being
        finished, or another process hangs.
        """
        desk = self._desk_of(stored)
        until = time.monotonic() + PATIENCE
        if desk.pen is not None:
            desk.pen.take_away()
        desk.waiting += 1
        try:
            async with asyncio.timeout(PATIENCE):
                await desk.turn.acquire()
        except TimeoutError:
            raise _busy(stored.record.id) from None
        finally:
            desk.waiting -= 1
        try:
            file = await self._lock(stored, until)
            desk.pen = Pen(desk, file, asyncio.current_task() if for_task else None)
            if desk.waiting:
                desk.pen.take_away()
        except BaseException:
            desk.turn.release()
            raise
        return desk.pen

    async def try_take(self, stored: StoredUpload) -> Pen | None:
        """Takes the pen of an upload that nobody writes to; None if somebody does."""
        desk = self._desk_of(stored)
        if desk.turn.locked():
            return None
        async with asyncio.timeout(PATIENCE):
            await desk.turn.acquire()
        try:
            file = await self._try_lock(stored.blob_id)
            if file is not None:
                desk.pen = Pen(desk, file, None)
                return desk.pen
        except BaseException:
            desk.turn.release()
            raise
        desk.turn.release()
        return None

    def give_back(self, pen: Pen, *, ended: bool = False) -> None:
        """Lets the next one write. `ended`: there is nothing more to write."""
        desk = pen.desk
        pen.end()
        desk.pen = None
        if ended:
            lock.remove(lock.lock_path(self._scratch, desk.blob_id), pen.file)
            if self._desks.get(desk.upload_id) is desk:
                del self._desks[desk.upload_id]
        else:
            lock.unlock(pen.file)
        desk.turn.release()

    def _desk_of(self, stored: StoredUpload) -> Desk:
        upload_id = stored.record.id
        desk = self._desks.get(upload_id)
        if desk is None or desk.blob_id != stored.blob_id:
            desk = self._desks[upload_id] = Desk(upload_id, stored.owner, stored.blob_id)
        self._desks.move_to_end(upload_id)
        if len(self._desks) > _MOST_DESKS:
            oldest = next((name for name, other in self._desks.items() if not other.turn.locked()), None)
            if oldest is not None and oldest != upload_id:
                del self._desks[oldest]
        return desk

    async def _lock(self, stored: StoredUpload, until: float) -> int:
        told = 0.0
        while (file := await self._try_lock(stored.blob_id)) is None:
            now = time.monotonic()
            if now >= until:
                raise _busy(stored.record.id)
            if now - told >= _TELL_SECONDS:
                told = now
                await self._tell(stored.record.id)
            await asyncio.sleep(_LOOK_SECONDS)
        return file

    async def _try_lock(self, blob_id: str) -> int | None:
        try:
            return await _acquired(lock.lock_path(self._scratch, blob_id))
        except OSError as error:
            raise store_failed(error, "locking") from error

    async def _tell(self, upload_id: str) -> None:
        async def body(tx: Tx) -> None:
            await tx.notify(WANTED, upload_id)

        await self._db.write(body)

    def _hear(self, topic: str, payload: str) -> None:
        if topic == WANTED and (desk := self._desks.get(payload)) is not None and desk.pen is not None:
            desk.pen.take_away()


async def _acquired(path: Path) -> int | None:
    """Takes the lock in a thread; whoever is cancelled meanwhile does not have it."""
    taking = asyncio.ensure_future(asyncio.to_thread(lock.try_lock, path))
    try:
        return await asyncio.shield(taking)
    except asyncio.CancelledError:
        taking.add_done_callback(_let_go)
        raise


def _let_go(taking: asyncio.Future[int | None]) -> None:
    if taking.exception() is None and (file := taking.result()) is not None:
        lock.unlock(file)


def taken_over(upload_id: str) -> AbortedError:
    """The error for whoever lost the pen."""
    return AbortedError(
        "UPLOAD_TAKEN_OVER", "Another connection goes on with this upload; ask how far it is.", upload_id=upload_id
    )


def _busy(upload_id: str) -> UnavailableError:
    return UnavailableError(
        "UPLOAD_BUSY", "This upload is being finished or written elsewhere; try again in a moment.", upload_id=upload_id
    )

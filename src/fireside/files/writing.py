"""One connection's writing to an upload, from taking the pen to giving it back: `async with`. Not the bytes: writer.py."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from fireside.core.clock import now_us
from fireside.core.errors import FiresideError, NotFoundError
from fireside.core.finishing import Finishing
from fireside.files.hashing import Running
from fireside.files.pens import taken_over
from fireside.files.writer import Writer
from fireside.gen.v1.file_pb2 import Upload
from fireside.store import uploads
from fireside.store.records import us_of

if TYPE_CHECKING:
    from types import TracebackType

    from fireside.blobs.base import BlobStore
    from fireside.files.options import Options
    from fireside.files.pens import Desk, Pen, Pens
    from fireside.store.db import Database
    from fireside.store.uploads import StoredUpload

logger = logging.getLogger(__name__)

_SYNC_AFTER_SECONDS = 1.0
_US = 1_000_000


class Writings:
    """Makes them, and sees to it that what was written is synced soon after. `aclose` at the end."""

    def __init__(self, db: Database, blobs: BlobStore, pens: Pens, options: Options) -> None:
        self.db = db
        self.blobs = blobs
        self.pens = pens
        self.finishing = Finishing()
        self._keep_us = int(options.keep * _US)
        self._syncing: dict[str, asyncio.Task[None]] = {}

    async def aclose(self) -> None:
        """Waits for those that are leaving, and syncs what they left."""
        await self.finishing.join()
        waiting, self._syncing = self._syncing, {}
        for task in waiting.values():
            task.cancel()
        await asyncio.gather(*waiting.values(), return_exceptions=True)
        for upload_id in waiting:
            desk = self.pens.known(upload_id)
            if desk is not None:
                await self._sync(desk)

    async def find(self, owner: str, upload_id: str) -> StoredUpload:
        """The upload of an account. Raises NotFoundError."""
        stored = await self.db.read(lambda tx: uploads.get(tx, owner, upload_id))
        if stored is None:
            raise uploads.no_upload(upload_id)
        return stored

    async def look(self, owner: str, upload_id: str) -> StoredUpload:
        """The upload of an account, as it was when it was last written to here. Raises NotFoundError."""
        desk = self.pens.known(upload_id)
        return await self.find(owner, upload_id) if desk is None or desk.owner != owner else _as_known(desk)

    async def look_again(self, pen: Pen) -> StoredUpload:
        """The upload whose pen was taken. NotFoundError: it ended while the pen was somebody else's."""
        stored = await self.find(pen.desk.owner, pen.desk.upload_id)
        if stored.blob_id != pen.desk.blob_id:
            raise uploads.no_upload(pen.desk.upload_id)
        return stored

    async def keep(self, desk: Desk) -> None:
        """Keeps an upload that is gone on with, which is written down now and then only."""
        until = now_us() + self._keep_us
        if until - desk.kept_us > self._keep_us // 10:
            await self.db.write(lambda tx: uploads.extend(tx, desk.upload_id, until))
            desk.kept_us = until

    def sync_soon(self, desk: Desk) -> None:
        """Has what was written survive a power cut, once nobody has written for a moment."""
        old = self._syncing.pop(desk.upload_id, None)
        if old is not None:
            old.cancel()
        if desk.unsynced:
            task = asyncio.create_task(self._sync_later(desk), name="sync an upload")
            self._syncing[desk.upload_id] = task

    async def _sync_later(self, desk: Desk) -> None:
        await asyncio.sleep(_SYNC_AFTER_SECONDS)
        self._syncing.pop(desk.upload_id, None)
        await self.finishing.run(self._sync(desk))

    async def _sync(self, desk: Desk) -> None:
        stored = _as_known(desk)
        try:
            pen = await self.pens.try_take(stored)
            if pen is None:
                # Whoever writes now syncs it later.
                return
            try:
                stat = await self.blobs.stat(desk.blob_id)
                if stat is not None and not stat.sealed:
                    await self.blobs.put_range(desk.blob_id, stat.size, (), sync=True)
                desk.unsynced = False
            finally:
                self.pens.give_back(pen)
        except FiresideError as error:
            logger.warning("Upload %s could not be synced: %s", desk.upload_id, error)


class Writing:
    """The context that gives a Writer."""

    def __init__(self, writings: Writings, owner: str, upload_id: str) -> None:
        self._writings = writings
        self._owner = owner
        self._upload_id = upload_id
        self._pen: Pen | None = None
        self._writer: Writer | None = None
        self._cancelling = 0

    async def __aenter__(self) -> Writer:
        """Raises NotFoundError (UPLOAD_NOT_FOUND), AbortedError (UPLOAD_TAKEN_OVER) and UnavailableError."""
        task = asyncio.current_task()
        self._cancelling = task.cancelling() if task else 0
        try:
            return await self._begin()
        except asyncio.CancelledError as error:
            self._settle(error)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stores the rest, and gives the pen back. Raises what storing raised, and AbortedError when the pen was lost."""
        try:
            await self._writings.finishing.run(self._leave())
        except asyncio.CancelledError as cancelled:
            self._settle(cancelled)
            raise
        except FiresideError:
            if error is None:
                raise
        self._settle(error)

    async def _begin(self) -> Writer:
        writings = self._writings
        known = await writings.look(self._owner, self._upload_id)
        pen = self._pen = await writings.pens.take(known)
        desk = pen.desk
        try:
            stored = await writings.look_again(pen)
            desk.kept_us = us_of(stored.record.expire_time)
            stat = await writings.blobs.stat(stored.blob_id)
            offset, mark = (stat.size, stat.mark) if stat is not None else (0, "")
            running = desk.running
            if offset == 0 or running is None or running.offset != offset or running.mark != mark:
                # Of bytes that were not seen here there is no hash: it is made in the end, by reading them.
                desk.running = Running(mark) if offset == 0 else None
            await writings.keep(desk)
        except BaseException as error:
            writings.pens.give_back(pen, ended=isinstance(error, NotFoundError))
            raise
        self._writer = Writer(writings.blobs, pen, stored.record.size, offset, lambda: writings.keep(desk))
        return self._writer

    async def _leave(self) -> None:
        if self._pen is None or self._writer is None:
            return
        desk = self._pen.desk
        try:
            await self._writer.flush()
            if desk.running is not None and not desk.running.mark:
                # A blob has a mark from its first byte on.
                stat = await self._writings.blobs.stat(desk.blob_id)
                desk.running.mark = stat.mark if stat is not None else ""
        except FiresideError:
            desk.running = None
            raise
        finally:
            self._writings.pens.give_back(self._pen)
            self._writings.sync_soon(desk)

    def _settle(self, error: BaseException | None) -> None:
        """Tells a cancellation that was the loss of the pen from one that came from outside."""
        task = asyncio.current_task()
        if self._pen is None or not self._pen.lost or task is None:
            return
        if task.uncancel() <= self._cancelling and isinstance(error, asyncio.CancelledError):
            raise taken_over(self._upload_id) from None


def _as_known(desk: Desk) -> StoredUpload:
    return uploads.StoredUpload(desk.owner, desk.blob_id, Upload(id=desk.upload_id))

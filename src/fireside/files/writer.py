"""Writes what arrives of one upload: hashes and stores a batch while the next one comes in. Not who may: pens.py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fireside.core.errors import FailedPreconditionError, InvalidArgumentError
from fireside.files.pens import taken_over

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fireside.blobs.base import BlobStore
    from fireside.files.hashing import Running
    from fireside.files.pens import Pen

_BATCH_BYTES = 2 * 1024 * 1024
_WAITING_BYTES = 2 * 1024 * 1024


class Writer:
    """Writes to one upload, as long as its pen is not taken away. Ends with `flush`."""

    def __init__(
        self, blobs: BlobStore, pen: Pen, size: int, offset: int, progress: Callable[[], Awaitable[None]]
    ) -> None:
        """`progress` is awaited after each batch."""
        self.offset = offset
        """Bytes that were taken; after `flush`, bytes that are there."""

        self.size = size
        """Bytes of the whole."""

        self._blobs = blobs
        self._pen = pen
        self._progress = progress
        self._stored = offset
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._pump: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._error: BaseException | None = None

    def require(self, offset: int, length: int) -> None:
        """Sees whether `length` bytes may be written at `offset`. Raises what `write` does."""
        self._raise()
        if self._pen.lost:
            raise taken_over(self._pen.desk.upload_id)
        if offset != self.offset:
            raise FailedPreconditionError(
                "OFFSET_MISMATCH", f"The next byte of this upload is {self.offset}: go on from there.",
                offset=str(self.offset),
            )  # fmt: skip
        if offset + length > self.size:
            raise InvalidArgumentError(
                "PAST_END", f"The upload was announced with {self.size} bytes, and this goes beyond.",
                size=str(self.size), offset=str(self.offset),
            )  # fmt: skip

    async def write(self, offset: int, data: bytes) -> int:
        """Takes a piece and returns the offset of the next one; it may still be on its way to the disk then.

        FailedPreconditionError (OFFSET_MISMATCH, with the right `offset`), InvalidArgumentError (PAST_END), AbortedError
        (UPLOAD_TAKEN_OVER), UnavailableError.
        """
        self.require(offset, len(data))
        if data:
            self.offset += len(data)
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            if self._pump is None:
                self._pump = asyncio.create_task(self._store_waiting(), name="store what is uploaded")
        while self._waiting_bytes >= _WAITING_BYTES and self._error is None:
            self._room.clear()
            await self._room.wait()
        self._raise()
        return self.offset

    async def flush(self) -> None:
        """Returns when all that was taken is stored. Raises what storing raised."""
        if self._pump is not None:
            await asyncio.shield(self._pump)
        self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                batch = self._take_batch()
                desk, running = self._pen.desk, self._pen.desk.running
                try:
                    await self._store(batch, running)
                except BaseException:
                    # Nobody knows how much of it is there.
                    desk.running = None
                    raise
                self._stored += sum(map(len, batch))
                desk.unsynced = True
                await self._progress()
        except Exception as error:  # noqa: BLE001 It belongs to whoever writes, who is told at the next piece.
            self._error = error
            self._waiting.clear()
            self._waiting_bytes = 0
            self.offset = self._stored
        finally:
            self._pump = None
            self._room.set()

    async def _store(self, batch: list[bytes], running: Running | None) -> None:
        storing = self._blobs.put_range(self._pen.desk.blob_id, self._stored, batch)
        if running is None:
            await storing
        else:
            results = await asyncio.gather(storing, running.add(batch), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    def _take_batch(self) -> list[bytes]:
        count = size = 0
        while count < len(self._waiting) and (not count or size + len(self._waiting[count]) <= _BATCH_BYTES):
            size += len(self._waiting[count])
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        self._waiting_bytes -= size
        self._room.set()
        return batch

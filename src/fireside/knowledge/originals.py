"""The bytes of a document's file as a path on this machine, for as long as it is read. Not who may read them."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from fireside.core.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from typing import BinaryIO

    from fireside.blobs.base import BlobStore


@runtime_checkable
class OnDisk(Protocol):
    """A blob store that has each blob as a file of its own here."""

    def path(self, key: str) -> Path:
        """Where a sealed blob is."""
        ...


class Originals:
    """Files of documents, taken from the blob store."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    @asynccontextmanager
    async def path(self, blob_id: str, size: int) -> AsyncGenerator[Path]:
        """A path to read, not to change. What is not on this machine is fetched first and removed afterwards.

        NotFoundError: it is not there, or has another size. UnavailableError: the store is away.
        """
        stat = await self._blobs.stat(blob_id)
        if stat is None or not stat.sealed or stat.size != size:
            raise _incomplete()
        if isinstance(self._blobs, OnDisk):
            yield self._blobs.path(blob_id)
            return
        with tempfile.TemporaryDirectory(prefix="fireside-document-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "original"
            with await asyncio.to_thread(path.open, "xb") as file:
                await self._fetch(blob_id, size, file)
            yield path

    async def _fetch(self, blob_id: str, size: int, file: BinaryIO) -> None:
        fetched = 0
        async with aclosing(self._blobs.open(blob_id)) as pieces:
            async for piece in pieces:
                fetched += len(piece)
                if fetched > size:
                    break
                await asyncio.to_thread(file.write, piece)
        if fetched != size:
            raise _incomplete()
        await asyncio.to_thread(file.flush)


def _incomplete() -> NotFoundError:
    return NotFoundError(
        "FILE_INCOMPLETE", "The bytes of this file are not in the blob store as they came; upload it anew."
    )

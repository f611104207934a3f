"""Reading files back: who may, and their bytes with ranges. Also taking away those that nothing uses. Not the doors."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.core.errors import FailedPreconditionError
from fireside.files.sweeper import free
from fireside.store import document_removal, files

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fireside.blobs.base import BlobStore
    from fireside.core.principal import Principal
    from fireside.gen.v1.file_pb2 import File
    from fireside.store.db import Database
    from fireside.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Download:
    """A file that the caller may read."""

    file: File
    blobs: BlobStore
    blob_id: str

    async def read(self, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes]:
        """The bytes from `start` to before `end`, at most a MiB at a time. Consume it under aclosing."""
        last = self.file.size if end is None else min(end, self.file.size)
        if start < last:
            async with aclosing(self.blobs.open(self.blob_id, start, last)) as pieces:
                async for piece in pieces:
                    yield piece


class Downloads:
    """The files of all accounts."""

    def __init__(self, db: Database, blobs: BlobStore) -> None:
        self._db = db
        self._blobs = blobs

    async def open(self, principal: Principal, file_id: str) -> Download:
        """A file that the principal may read. Raises NotFoundError (FILE_NOT_FOUND)."""
        stored = await self._db.read(lambda tx: files.readable(tx, principal.id, file_id))
        if stored is None:
            raise files.no_file(file_id)
        return Download(stored.record, self._blobs, stored.blob_id)

    async def open_blob(self, file_id: str) -> Download:
        """Any file, for the server's own work. Raises NotFoundError (FILE_NOT_FOUND)."""
        stored = await self._db.read(lambda tx: files.find(tx, file_id))
        if stored is None:
            raise files.no_file(file_id)
        return Download(stored.record, self._blobs, stored.blob_id)

    async def delete(self, principal: Principal, file_id: str) -> None:
        """Removes an attachment of the principal's that no message uses, with its document.

        Raises NotFoundError (FILE_NOT_FOUND) and FailedPreconditionError (FILE_IN_USE).
        """

        async def body(tx: Tx) -> str:
            stored = await files.find(tx, file_id)
            if stored is None or stored.owner != principal.id:
                raise files.no_file(file_id)
            if await files.is_used(tx, file_id):
                raise FailedPreconditionError(
                    "FILE_IN_USE", "A message or a collection has this file: take it out there.", file_id=file_id
                )
            if stored.record.document_id:
                await document_removal.delete(tx, stored.record.document_id)
            await files.delete(tx, file_id)
            return stored.blob_id

        blob_id = await self._db.write(body)
        await free(self._db, self._blobs, [blob_id])

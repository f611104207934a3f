"""Makes a file of an upload whose bytes are all there. Each step can be the last before a crash: the next try goes on.

The blob is sealed first, then looked at, then told of in one transaction that writes the file, its document and the job
that reads it, and removes the upload. Until then the upload is there and can be finished again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.core.clock import now_us
from fireside.core.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from fireside.files.hashing import hash_of
from fireside.files.sniff import reader, sniff
from fireside.files.types import require_taken
from fireside.gen.v1.file_pb2 import File
from fireside.gen.v1.share_pb2 import SHARE_ROLE_EDITOR
from fireside.store import collections, documents, files, uploads
from fireside.store.files import StoredFile
from fireside.store.records import timestamp_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.blobs.base import BlobStore, Stat
    from fireside.core.principal import Principal
    from fireside.files.options import Options
    from fireside.files.pens import Pen
    from fireside.files.writing import Writings
    from fireside.gen.v1.document_pb2 import Document
    from fireside.gen.v1.file_pb2 import Upload
    from fireside.store.db import Database
    from fireside.store.tx import Tx
    from fireside.store.uploads import StoredUpload


@dataclass(frozen=True, slots=True)
class Finished:
    """What came of an upload."""

    file: File
    document: Document | None
    """None when it was deleted since."""


class Finisher:
    """Finishes uploads."""

    def __init__(self, writings: Writings, options: Options) -> None:
        self._writings = writings
        self._options = options
        self._db: Database = writings.db
        self._blobs: BlobStore = writings.blobs
        self._running: dict[tuple[str, str], asyncio.Future[None]] = {}
        self._listeners: list[Callable[[Document], None]] = []

    def on_arrival(self, listener: Callable[[Document], None]) -> None:
        """Calls `listener` with the document of each file that has arrived, after the commit."""
        self._listeners.append(listener)

    async def finish(self, principal: Principal, upload_id: str, sha256: bytes) -> Finished:
        """Finishes an upload to its end, even if whoever asked goes away; who asks again meanwhile gets the same answer."""
        return await self._writings.finishing.run(self._once(principal, upload_id, sha256))

    async def finished(self, principal: Principal, upload_id: str) -> Finished | None:
        """What came of an upload that has finished; None if it has not."""

        async def body(tx: Tx) -> Finished | None:
            stored = await files.find(tx, upload_id)
            if stored is None or stored.owner != principal.id:
                return None
            document_id = stored.record.document_id
            return Finished(stored.record, await documents.get(tx, document_id) if document_id else None)

        return await self._db.read(body)

    async def arrive(self, tx: Tx, principal: Principal, upload: Upload, stored: StoredFile) -> Finished:
        """Writes a file and its document, within the transaction that ends its upload. Raises NotFoundError."""
        await require_writable(tx, principal, upload.collection_id)
        record = stored.record
        await files.insert(tx, stored)
        document = await documents.arrived(
            tx, principal.id, record, collection_id=upload.collection_id, folder=upload.folder,
            author_name=principal.name,
        )  # fmt: skip
        record.document_id = document.id
        await files.update(tx, record)
        return Finished(record, document)

    def tell(self, finished: Finished) -> None:
        """Tells of a file that has arrived, after the commit."""
        if finished.document is not None:
            for listener in self._listeners:
                listener(finished.document)

    async def _once(self, principal: Principal, upload_id: str, sha256: bytes) -> Finished:
        # One after the other, however long that takes: those who come second find what the first one made.
        key = (principal.id, upload_id)
        while (running := self._running.get(key)) is not None:
            await asyncio.wait([running])
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running[key] = mine
        try:
            return await self._only(principal, upload_id, sha256)
        except NotFoundError:
            # It may have been finished before, or by somebody who was faster.
            done = await self.finished(principal, upload_id)
            if done is None:
                raise
            return done
        finally:
            del self._running[key]
            mine.set_result(None)

    async def _only(self, principal: Principal, upload_id: str, sha256: bytes) -> Finished:
        known = await self._writings.look(principal.id, upload_id)
        pen = await self._writings.pens.take(known, for_task=False)
        ended = True
        try:
            stored = await self._writings.look_again(pen)
            ended = False
            finished = await self._finish(principal, stored, pen, sha256)
            ended = True
        except _SpoiltError as error:
            ended = True
            raise error.told from None
        finally:
            self._writings.pens.give_back(pen, ended=ended)
        self.tell(finished)
        return finished

    async def _finish(self, principal: Principal, stored: StoredUpload, pen: Pen, sha256: bytes) -> Finished:
        upload, key = stored.record, stored.blob_id
        stat = await self._blobs.stat(key)
        size = stat.size if stat is not None else 0
        if size != upload.size:
            raise FailedPreconditionError(
                "UPLOAD_INCOMPLETE", f"{size} of {upload.size} bytes are there: go on from there.", offset=str(size)
            )
        digest = _known_digest(pen, stat)
        wanted = {one for one in (upload.sha256, sha256) if one}
        if digest is not None and wanted - {digest}:
            await self._spoil(stored, _corrupt(upload.id))
        if not await self._blobs.seal(key) or digest is None:
            digest = await hash_of(self._blobs, key)
            if wanted - {digest}:
                await self._spoil(stored, _corrupt(upload.id))
        media_type = await sniff(upload.name, upload.media_type, upload.size, reader(self._blobs, key))
        try:
            require_taken(self._options.refused_types, upload.name, media_type)
        except InvalidArgumentError as error:
            await self._spoil(stored, error)
        file = File(
            id=upload.id, name=upload.name, media_type=media_type, size=size, sha256=digest,
            create_time=timestamp_of(now_us()),
        )  # fmt: skip

        async def body(tx: Tx) -> Finished:
            if await uploads.delete(tx, upload.id) is None:
                raise uploads.no_upload(upload.id)
            copy = File()
            copy.CopyFrom(file)
            return await self.arrive(tx, principal, upload, StoredFile(principal.id, key, copy))

        return await self._db.write(body)

    async def _spoil(self, stored: StoredUpload, told: InvalidArgumentError) -> None:
        """Ends an upload that cannot become a file, whose pen is held. Raises _SpoiltError."""
        await discard(self._db, self._blobs, stored)
        raise _SpoiltError(told)


class _SpoiltError(Exception):
    """The upload is gone, and whoever finished it is to be told why."""

    def __init__(self, told: InvalidArgumentError) -> None:
        super().__init__(told.reason)
        self.told = told


async def discard(db: Database, blobs: BlobStore, stored: StoredUpload) -> None:
    """Removes an upload and its bytes. The pen is held."""

    async def end(tx: Tx) -> bool:
        await uploads.delete(tx, stored.record.id)
        return await files.condemn(tx, stored.blob_id)

    if await db.write(end):
        await blobs.delete(stored.blob_id)
        await db.write(lambda tx: files.delete_blob(tx, stored.blob_id))


async def require_writable(tx: Tx, principal: Principal, collection_id: str) -> None:
    """Raises NotFoundError (COLLECTION_NOT_FOUND) unless the principal may put documents into a collection, if it is one."""
    if collection_id:
        allowed = await collections.access(tx, principal.id, collection_id)
        if allowed is None or allowed.role < SHARE_ROLE_EDITOR:
            raise collections.no_collection(collection_id)


def _known_digest(pen: Pen, stat: Stat | None) -> bytes | None:
    """The hash of what was written here, if it is surely that of the whole."""
    running = pen.desk.running
    if running is None or stat is None or stat.sealed or (running.offset, running.mark) != (stat.size, stat.mark):
        return None
    return running.digest()


def _corrupt(upload_id: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        "FILE_CORRUPT", "What arrived is not what was announced (its SHA-256 is another one): send it again.",
        upload_id=upload_id,
    )  # fmt: skip

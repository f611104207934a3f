"""Uploads: the one store that all doors bring files to. Not the doors (edge/), nor the bytes (blobs/).

What an upload is stands in a row; how far it is, the blob store says. Nothing but its expiry is written to the database
while bytes arrive.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.core import paging
from fireside.core.clock import now_us
from fireside.core.errors import (
    AlreadyExistsError,
    FiresideError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
)
from fireside.core.ids import new_id
from fireside.files.finish import Finished, discard, require_writable
from fireside.files.names import file_name, folder_name
from fireside.files.options import MAX_PIECE_BYTES, MAX_STREAMED_PIECE_BYTES, PIECE_BYTES
from fireside.files.sniff import reader, sniff
from fireside.files.types import require_taken
from fireside.files.writing import Writing
from fireside.gen.v1.file_pb2 import File, Upload, UploadLimits
from fireside.store import documents, files, uploads
from fireside.store.files import StoredFile
from fireside.store.records import timestamp_of, us_of
from fireside.store.uploads import StoredUpload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from fireside.core.principal import Principal
    from fireside.files.finish import Finisher
    from fireside.files.options import Options
    from fireside.files.writing import Writings
    from fireside.gen.v1.document_pb2 import Document
    from fireside.store.tx import Tx

    Quota: TypeAlias = "Callable[[Principal], int]"

_PAGE_SIZE = 100
_ASKED_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class UploadSpec:
    """What is announced of a file; see CreateUploadRequest."""

    id: str
    name: str
    size: int
    media_type: str = ""
    sha256: bytes = b""
    collection_id: str = ""
    folder: str = ""
    fingerprint: str = ""


class Uploads:
    """The uploads of all accounts."""

    def __init__(self, writings: Writings, finisher: Finisher, options: Options, quota: Quota) -> None:
        """`quota` says how many bytes a principal may keep; 0 for any number."""
        self._writings = writings
        self._finisher = finisher
        self._options = options
        self._quota = quota
        self._db = writings.db
        self._blobs = writings.blobs
        self._largest = min((size for size in (options.max_bytes, writings.blobs.largest) if size), default=0)

    def on_arrival(self, listener: Callable[[Document], None]) -> None:
        """Calls `listener` with the document of each file that has arrived here, after the commit."""
        self._finisher.on_arrival(listener)

    async def limits(self, principal: Principal) -> UploadLimits:
        """What holds for the principal's uploads now."""
        used, quota = await self._db.read(lambda tx: files.used_bytes(tx, principal.id)), self._quota(principal)
        return UploadLimits(
            max_file_bytes=self._largest,
            remaining_bytes=max(0, quota - used) if quota else -1,
            used_bytes=used,
            refused_types=self._options.refused_types,
            piece_bytes=PIECE_BYTES,
            max_piece_bytes=MAX_PIECE_BYTES,
            max_streamed_piece_bytes=MAX_STREAMED_PIECE_BYTES,
        )

    async def create(self, principal: Principal, spec: UploadSpec) -> Upload | Finished:
        """Begins an upload, or finds the one of this id; see CreateUpload for errors.

        If the principal may read a file with the bytes that are announced, that is all: it gets a row of its own.
        """
        now = now_us()
        wanted = Upload(
            id=spec.id, name=file_name(spec.name), size=spec.size, media_type=spec.media_type, sha256=spec.sha256,
            collection_id=spec.collection_id, folder=folder_name(spec.folder), fingerprint=spec.fingerprint,
            create_time=timestamp_of(now), expire_time=timestamp_of(now + int(self._options.keep * 1_000_000)),
        )  # fmt: skip
        if self._largest and spec.size > self._largest:
            raise InvalidArgumentError(
                "FILE_TOO_LARGE", f"This server takes files of at most {self._largest} bytes.", limit=str(self._largest)
            )
        require_taken(self._options.refused_types, wanted.name, spec.media_type)
        found = await self._db.read(lambda tx: self._same(tx, principal, wanted))
        if found is None:
            copied = await self._copied(principal, wanted) if spec.sha256 else None
            found = copied or await self._db.write(lambda tx: self._insert(tx, principal, wanted))
        return found if isinstance(found, Finished) else await self._with_offset(found)

    async def get(self, principal: Principal, upload_id: str) -> Upload | Finished:
        """The upload, or what came of it. Raises NotFoundError (UPLOAD_NOT_FOUND)."""
        with suppress(NotFoundError):
            return await self._with_offset(await self._writings.find(principal.id, upload_id))
        finished = await self._finisher.finished(principal, upload_id)
        if finished is None:
            raise uploads.no_upload(upload_id)
        return finished

    async def page(self, principal: Principal, page_size: int, page_token: str) -> tuple[list[Upload], str]:
        """The uploads that are not finished, the newest first, and the token of the next page."""
        limit, before = page_size or _PAGE_SIZE, paging.time_token(page_token)
        found = await self._db.read(lambda tx: uploads.page(tx, principal.id, limit=limit + 1, before=before))
        shown = await self._with_offsets(found[:limit])
        next_token = paging.token(str(us_of(shown[-1].create_time)), shown[-1].id) if len(found) > limit else ""
        return shown, next_token

    def writing(self, principal: Principal, upload_id: str) -> Writing:
        """`async with` it to get a Writer (see writing.py): the one connection that goes on with the upload."""
        return Writing(self._writings, principal.id, upload_id)

    async def finish(self, principal: Principal, upload_id: str, sha256: bytes = b"") -> Finished:
        """Makes a file of an upload that is complete, and of the file a document; see FinishUpload for errors."""
        return await self._finisher.finish(principal, upload_id, sha256)

    async def cancel(self, principal: Principal, upload_id: str) -> None:
        """Gives an upload up and frees what it held. Raises NotFoundError (UPLOAD_NOT_FOUND)."""
        await self._writings.finishing.run(self._cancel(principal, upload_id))

    async def _cancel(self, principal: Principal, upload_id: str) -> None:
        known = await self._writings.look(principal.id, upload_id)
        pen = await self._writings.pens.take(known, for_task=False)
        ended = True
        try:
            stored = await self._writings.look_again(pen)
            ended = False
            await discard(self._db, self._blobs, stored)
            ended = True
        finally:
            self._writings.pens.give_back(pen, ended=ended)

    async def _same(self, tx: Tx, principal: Principal, wanted: Upload) -> StoredUpload | Finished | None:
        """What there is under the id already. Raises AlreadyExistsError if that is something else."""
        stored = await uploads.find(tx, wanted.id)
        if stored is not None:
            if stored.owner != principal.id or not _is_same(stored.record, wanted):
                raise _taken(wanted.id)
            return stored
        file = await files.find(tx, wanted.id)
        if file is None:
            return None
        if file.owner != principal.id or (file.record.name, file.record.size) != (wanted.name, wanted.size):
            raise _taken(wanted.id)
        document_id = file.record.document_id
        return Finished(file.record, await documents.get(tx, document_id) if document_id else None)

    async def _insert(self, tx: Tx, principal: Principal, wanted: Upload) -> StoredUpload | Finished:
        found = await self._same(tx, principal, wanted)
        if found is not None:
            return found
        await require_writable(tx, principal, wanted.collection_id)
        await self._require_room(tx, principal, wanted.size)
        stored = StoredUpload(principal.id, new_id(), wanted)
        await uploads.insert(tx, stored)
        return stored

    async def _require_room(self, tx: Tx, principal: Principal, size: int) -> None:
        quota = self._quota(principal)
        if not quota:
            return
        # Those of one account look one after the other.
        await files.lock_owner(tx, principal.id)
        used = await files.used_bytes(tx, principal.id)
        if used + size > quota:
            raise ResourceExhaustedError(
                "STORAGE_FULL", "Your account has no room left for this file: delete some, or ask an admin for more.",
                retry_after=3600.0, limit=str(quota), used=str(used),
            )  # fmt: skip

    async def _copied(self, principal: Principal, wanted: Upload) -> Finished | None:
        """The file that a readable one with the same bytes makes, if there is one."""

        async def find(tx: Tx) -> StoredFile | None:
            return await files.readable_copy(tx, principal.id, wanted.sha256, wanted.size)

        source = await self._db.read(find)
        if source is None:
            return None
        try:
            media_type = await sniff(wanted.name, wanted.media_type, wanted.size, reader(self._blobs, source.blob_id))
        except FiresideError:
            # It is being deleted just now, or cannot be read: then it is sent.
            return None
        require_taken(self._options.refused_types, wanted.name, media_type)

        async def body(tx: Tx) -> Finished | None:
            again = await find(tx)
            if again is None or again.blob_id != source.blob_id or await self._same(tx, principal, wanted) is not None:
                return None
            await self._require_room(tx, principal, wanted.size)
            file = File(
                id=wanted.id, name=wanted.name, media_type=media_type, size=wanted.size, sha256=wanted.sha256,
                create_time=timestamp_of(now_us()),
            )  # fmt: skip
            return await self._finisher.arrive(tx, principal, wanted, StoredFile(principal.id, source.blob_id, file))

        try:
            copied = await self._db.write(body)
        except NotFoundError as error:
            if error.reason != "BLOB_NOT_FOUND":
                raise
            # The last file that had the bytes was deleted just now.
            return None
        if copied is not None:
            self._finisher.tell(copied)
        return copied

    async def _with_offsets(self, found: Sequence[StoredUpload]) -> list[Upload]:
        # A store may be far away.
        gate = asyncio.Semaphore(_ASKED_AT_ONCE)

        async def one(stored: StoredUpload) -> Upload:
            async with gate:
                return await self._with_offset(stored)

        return list(await asyncio.gather(*map(one, found)))

    async def _with_offset(self, stored: StoredUpload) -> Upload:
        stat = await self._blobs.stat(stored.blob_id)
        stored.record.offset = stat.size if stat is not None else 0
        return stored.record


def _is_same(one: Upload, other: Upload) -> bool:
    hashes = {upload.sha256 for upload in (one, other) if upload.sha256}
    return len(hashes) <= 1 and all(
        getattr(one, field) == getattr(other, field) for field in ("name", "size", "collection_id", "folder")
    )


def _taken(upload_id: str) -> AlreadyExistsError:
    return AlreadyExistsError(
        "UPLOAD_EXISTS", "This id was used for another file; make another one.", upload_id=upload_id
    )

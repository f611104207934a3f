"""tus 1.0 at /files/: uploads that resume, for clients such as Uppy and tus-js-client. What an upload is: files/uploads.py.

The core protocol with the extensions creation, creation-with-upload, termination, checksum and expiration. An upload
finishes by itself with its last byte; `Upload-File-Id` and `Upload-Document-Id` then say what came of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fireside.core.errors import FailedPreconditionError, FiresideError, InvalidArgumentError
from fireside.core.ids import new_id
from fireside.edge.http_errors import refusal
from fireside.edge.plain import Reply
from fireside.edge.request import ClientGoneError
from fireside.edge.tus import wire
from fireside.edge.tus.body import Body
from fireside.files.finish import Finished
from fireside.files.uploads import UploadSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectrpc.request import Headers

    from fireside.core.principal import Principal
    from fireside.edge.plain import Receive
    from fireside.files.uploads import Uploads
    from fireside.gen.v1.file_pb2 import Upload

CHECKSUM_MISMATCH: Final = 460
_SETTLE_SECONDS: Final = 0.5
_STATUSES: Final = {
    "OFFSET_MISMATCH": HTTPStatus.CONFLICT,
    "UPLOAD_TAKEN_OVER": HTTPStatus.LOCKED,
    "CHECKSUM_MISMATCH": CHECKSUM_MISMATCH,
    "FILE_CORRUPT": CHECKSUM_MISMATCH,
    "FILE_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "PIECE_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "PAST_END": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    # Clients try a 5xx again, which would not help.
    "STORAGE_FULL": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "FILE_TYPE_REFUSED": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "CONTENT_TYPE_UNKNOWN": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "TUS_VERSION_UNKNOWN": HTTPStatus.PRECONDITION_FAILED,
}
_METHODS = "OPTIONS, POST, HEAD, PATCH, DELETE, GET"
_RESUMABLE = (b"tus-resumable", wire.VERSION.encode())


@dataclass(frozen=True, slots=True)
class TusCall:
    """A request. `file_id` is empty for the collection of all."""

    principal: Principal
    method: str
    file_id: str
    headers: Headers
    receive: Receive

    def header(self, name: str) -> str:
        """Empty for one that is not there."""
        return self.headers.get(name) or ""


class TusDoor:
    """The calls."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._writing: dict[str, asyncio.Task[object]] = {}

    async def reply(self, call: TusCall) -> Reply:
        """The answer. Raises core errors, for `refused`, and ClientGoneError."""
        if call.method == "OPTIONS":
            return await self._options(call.principal)
        if call.header("tus-resumable") != wire.VERSION:
            message = f"This is tus {wire.VERSION}: send the header Tus-Resumable: {wire.VERSION}."
            raise FailedPreconditionError("TUS_VERSION_UNKNOWN", message)
        if call.method == "POST" and not call.file_id:
            return await self._create(call)
        if call.file_id:
            if call.method == "HEAD":
                return await self._head(call)
            if call.method == "PATCH":
                return await self._patch(call)
            if call.method == "DELETE":
                await self._uploads.cancel(call.principal, call.file_id)
                return _told(HTTPStatus.NO_CONTENT)
        text = (
            f"There is no {call.method} here. POST /files/ begins an upload; HEAD, PATCH and DELETE go on with one.\n"
        )
        return _told(HTTPStatus.METHOD_NOT_ALLOWED, [("allow", _METHODS)], text)

    def refused(self, error: Exception) -> Reply:
        """The answer for an error."""
        reply = refusal(error, _STATUSES)
        told = (_RESUMABLE, (b"tus-version", wire.VERSION.encode()))
        return Reply(reply.status, reply.body, reply.content_type, (*reply.headers, *told))

    async def _options(self, principal: Principal) -> Reply:
        told = [
            ("tus-version", wire.VERSION),
            ("tus-extension", wire.EXTENSIONS),
            ("tus-checksum-algorithm", wire.ALGORITHMS),
        ]
        if principal.id and (most := await self._most(principal)) is not None:
            told.append(("tus-max-size", str(most)))
        return _told(HTTPStatus.NO_CONTENT, told)

    async def _most(self, principal: Principal) -> int | None:
        """Bytes of the largest file that would be taken now; None for no limit."""
        limits = await self._uploads.limits(principal)
        both = [limits.max_file_bytes] if limits.max_file_bytes else []
        if limits.remaining_bytes >= 0:
            both.append(limits.remaining_bytes)
        return min(both, default=None)

    async def _create(self, call: TusCall) -> Reply:
        if call.header("upload-defer-length"):
            message = "An upload begins with its length here: send Upload-Length."
            raise InvalidArgumentError("HEADER_MALFORMED", message)
        metadata = wire.metadata_of(call.header("upload-metadata"))
        spec = UploadSpec(
            id=new_id(),
            name=metadata.name,
            size=wire.number_of("Upload-Length", call.header("upload-length")),
            media_type=metadata.media_type,
            sha256=metadata.sha256,
            collection_id=metadata.collection_id,
            folder=metadata.folder,
            fingerprint=metadata.fingerprint,
        )
        made = await self._uploads.create(call.principal, spec)
        if not isinstance(made, Finished):
            made = await self._begun(call, made)
        file_id = made.file.id if isinstance(made, Finished) else made.id
        return _told(HTTPStatus.CREATED, [("location", f"/files/{file_id}"), *_state(made)])

    async def _begun(self, call: TusCall, upload: Upload) -> Upload | Finished:
        """With what of the file came with its creation, if anything did."""
        try:
            if call.header("content-type") == wire.OFFSET_TYPE:
                return await self._append(call, upload, 0)
            return upload if upload.size else await self._uploads.finish(call.principal, upload.id)
        except (FiresideError, ClientGoneError):
            # Nobody has been told where it is.
            await self._uploads.cancel(call.principal, upload.id)
            raise

    async def _head(self, call: TusCall) -> Reply:
        found = await self._uploads.get(call.principal, call.file_id)
        writing = self._writing.get(call.file_id)
        if writing is not None:
            # A client asks because its connection broke: what came over that is still being taken in, and would be sent again.
            await asyncio.wait((writing,), timeout=_SETTLE_SECONDS)
            found = await self._uploads.get(call.principal, call.file_id)
        if not isinstance(found, Finished) and found.offset == found.size:
            # The process that took the last byte did not live to finish it, and clients take this answer for the end.
            found = await self._uploads.finish(call.principal, call.file_id)
        return _told(HTTPStatus.OK, _state(found))

    async def _patch(self, call: TusCall) -> Reply:
        if call.header("content-type") != wire.OFFSET_TYPE:
            raise InvalidArgumentError("CONTENT_TYPE_UNKNOWN", f"A piece has the content type {wire.OFFSET_TYPE}.")
        offset = wire.number_of("Upload-Offset", call.header("upload-offset"))
        found = await self._uploads.get(call.principal, call.file_id)
        if isinstance(found, Finished):
            if offset != found.file.size:
                message = "The upload has finished: all of it is here."
                raise FailedPreconditionError("OFFSET_MISMATCH", message, offset=str(found.file.size))
        else:
            found = await self._append(call, found, offset)
        return _told(HTTPStatus.NO_CONTENT, _state(found))

    async def _append(self, call: TusCall, upload: Upload, offset: int) -> Upload | Finished:
        """Writes the body, and finishes the upload if that was the last of it. Bytes before a cut are kept."""
        checksum = wire.checksum_of(call.header("upload-checksum"))
        body = Body(call.receive)
        task = asyncio.current_task()
        if task is not None:
            self._writing[upload.id] = task
        try:
            offset = await self._written(call, upload.id, (offset, body, checksum))
        finally:
            # Another one may have taken over.
            if self._writing.get(upload.id) is task:
                del self._writing[upload.id]
        if body.cut:
            raise ClientGoneError
        if offset == upload.size:
            return await self._uploads.finish(call.principal, upload.id)
        upload.offset = offset
        return upload

    async def _written(self, call: TusCall, upload_id: str, piece: tuple[int, Body, wire.Checksum | None]) -> int:
        """The offset after the body."""
        offset, body, checksum = piece
        async with self._uploads.writing(call.principal, upload_id) as writer:
            if checksum is not None:
                data = await body.whole()
                if not checksum.fits(data):
                    message = "The piece does not have the checksum that came with it: send it again."
                    raise InvalidArgumentError("CHECKSUM_MISMATCH", message)
                offset = await writer.write(offset, data)
            else:
                # An empty body, too, is for an offset that can be wrong.
                first = True
                while (data := await body.piece()) or first:
                    offset = await writer.write(offset, data)
                    first = False
        return offset


def _state(found: Upload | Finished) -> list[tuple[str, str]]:
    if isinstance(found, Finished):
        size = str(found.file.size)
        told = [("upload-offset", size), ("upload-length", size), ("upload-file-id", found.file.id)]
        if found.document is not None:
            told.append(("upload-document-id", found.document.id))
        return told
    told = [
        ("upload-offset", str(found.offset)),
        ("upload-length", str(found.size)),
        ("upload-expires", wire.date_of(found)),
    ]
    if metadata := wire.metadata_header(found):
        told.append(("upload-metadata", metadata))
    return told


def _told(status: int, headers: Iterable[tuple[str, str]] = (), text: str = "") -> Reply:
    encoded = ((name.encode(), value.encode("latin-1")) for name, value in headers)
    return Reply(status, text.encode(), headers=(_RESUMABLE, *encoded))

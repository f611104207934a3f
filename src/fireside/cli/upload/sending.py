"""Sends one file, over however many connections it takes. What of it is there, the server says; nothing is sent twice."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from connectrpc.code import Code
from connectrpc.errors import ConnectError

from fireside.cli.failure import CommandError, UnreachableError
from fireside.cli.link import is_final, obey, refused
from fireside.cli.upload.place import sha256_of
from fireside.cli.upload.reading import Reading
from fireside.core.ids import new_id
from fireside.gen.google.bytestream.bytestream_pb2 import QueryWriteStatusRequest, WriteRequest
from fireside.gen.v1.upload_service_pb2 import (
    CancelUploadRequest,
    CreateUploadRequest,
    FinishUploadRequest,
    GetUploadRequest,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from fireside.cli.link import Link
    from fireside.cli.upload.place import Known
    from fireside.cli.upload.screen import Running
    from fireside.cli.upload.sources import Source
    from fireside.gen.v1.document_pb2 import Document

T = TypeVar("T")

PIECE: Final = 256 * 1024
"""A cut loses at most the piece that it falls into; larger ones are not faster."""

# So much is read and hashed before it is sent, on the chance that it need not be sent at all.
_HASHED_FIRST: Final = 256 * 1024 * 1024
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
_LOOK_SECONDS: Final = 0.5
# A connection by which nothing has arrived for so long is dead, whatever it says.
_SILENCE: Final = 45.0
_CALL_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file. `sent` is how many bytes went over the line; with `there` it was there before."""

    document: Document
    there: bool
    sent: int = 0


class Links(NamedTuple):
    """The connections: what is asked must not wait behind megabytes that are being sent."""

    asking: Link
    sending: Link


class Sender:
    """Sends files to one collection. It goes on for `patience` seconds while nothing arrives."""

    def __init__(self, links: Links, collection_id: str, known: Known, patience: float) -> None:
        self._links = links
        self._collection_id = collection_id
        self._known = known
        self._patience = patience

    async def send(self, source: Source, running: Running) -> Outcome:
        """Has the file there. Raises CommandError."""
        reading = Reading(source)
        journey = Journey(self._links, source, reading, running, self._patience)
        try:
            document = self._known.documents.get(source.place)
            same_size = document is not None and document.size == source.size
            sha256 = b""
            if same_size or source.size <= _HASHED_FIRST:
                sha256 = await reading.digest()
            if document is not None and same_size:
                there = await journey.asked(lambda: sha256_of(self._links.asking, document))
                if there == sha256:
                    return Outcome(document, there=True)
            fingerprint = source.fingerprint(self._collection_id)
            begun = self._known.uploads.get(fingerprint)
            request = CreateUploadRequest(
                upload_id=begun.id if begun is not None else new_id(),
                name=source.name,
                size=source.size,
                sha256=sha256,
                collection_id=self._collection_id,
                folder=source.folder,
                fingerprint=fingerprint,
            )
            return await journey.travel(request, begun.offset if begun is not None else None)
        finally:
            reading.close()


class Journey:
    """One file on its way."""

    def __init__(self, links: Links, source: Source, reading: Reading, running: Running, patience: float) -> None:
        self._link = links.asking
        self._sending = links.sending
        self._source = source
        self._reading = reading
        self._running = running
        self._patience = patience
        self._sent = 0
        self._fault: CommandError | None = None

    async def travel(self, request: CreateUploadRequest, offset: int | None) -> Outcome:
        """From its beginning, or from `offset` of an upload that was begun before, to its end. Raises CommandError."""
        if offset is None:
            made = await self.asked(lambda: self._link.uploads.create_upload(request))
            if made.HasField("finished"):
                return Outcome(made.finished.document, there=True)
            offset = made.upload.offset
        upload_id = request.upload_id
        offset = await self._sent_all(upload_id, offset)
        self._running.offset = offset
        self._running.note = "being checked"
        finishing = FinishUploadRequest(upload_id=upload_id, sha256=await self._reading.digest())
        if not self._source.is_unchanged():
            await self._give_up(upload_id)
            raise CommandError(f"{self._source.path} changed while it was being sent: send it again when it is done.")
        finished = await self.asked(lambda: self._link.uploads.finish_upload(finishing))
        return Outcome(finished.finished.document, there=False, sent=self._sent)

    async def asked(self, call: Callable[[], Awaitable[T]]) -> T:
        """The answer to a call that may be made again. Raises CommandError."""
        patience = _Patience(self._patience)
        while True:
            try:
                async with asyncio.timeout(_CALL_SECONDS):
                    answer = await call()
            except (ConnectError, TimeoutError) as error:
                await patience.wait(self._failure(error), self._running)
            else:
                self._running.note = ""
                return answer

    async def _sent_all(self, upload_id: str, offset: int) -> int:
        patience = _Patience(self._patience)
        while offset < self._source.size:
            before = offset
            try:
                offset = await self._stream(upload_id, offset)
                failure = UnreachableError("The server keeps ending the connection before the file is complete.")
            except (ConnectError, TimeoutError) as error:
                if self._fault is not None:
                    raise self._fault from error
                failure = self._failure(error, resuming=True)
                offset = await self._there(upload_id)
            if offset > before:
                patience = _Patience(self._patience)
            if offset < self._source.size:
                await patience.wait(failure, self._running)
        return offset

    def _failure(self, error: ConnectError | TimeoutError, *, resuming: bool = False) -> CommandError:
        """Why it does not go on just now. Raises CommandError when it never will."""
        if isinstance(error, TimeoutError):
            return UnreachableError(f"The server at {self._link.url} does not answer.")
        failure = refused(error, self._link.url)
        if is_final(error) and not (resuming and error.code is Code.FAILED_PRECONDITION):
            raise failure from error
        return failure

    async def _there(self, upload_id: str) -> int:
        found = await self.asked(lambda: self._link.uploads.get_upload(GetUploadRequest(upload_id=upload_id)))
        return found.upload.offset if found.HasField("upload") else self._source.size

    async def _stream(self, upload_id: str, offset: int) -> int:
        """Sends from `offset` on, and returns how much is there. Raises ConnectError, and TimeoutError for silence."""
        self._running.offset = offset
        writing = asyncio.ensure_future(self._sending.byte_stream.write(self._messages(upload_id, offset)))
        quiet_since = time.monotonic()
        try:
            while not (await asyncio.wait((writing,), timeout=_LOOK_SECONDS))[0]:
                # What the connection has taken may still be on its way for long: the server says what is there.
                if await self._look(upload_id):
                    quiet_since = time.monotonic()
                elif time.monotonic() - quiet_since > _SILENCE:
                    raise TimeoutError
            return writing.result().committed_size
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _look(self, upload_id: str) -> bool:
        """Whether more is there than before."""
        request = QueryWriteStatusRequest(resource_name=f"uploads/{upload_id}")
        try:
            async with asyncio.timeout(_SILENCE):
                there = (await self._link.byte_stream.query_write_status(request)).committed_size
        except ConnectError as error:
            obey(error)
            return False
        except TimeoutError:
            return False
        if there <= self._running.offset:
            return False
        self._running.offset, self._running.note = there, ""
        return True

    async def _messages(self, upload_id: str, offset: int) -> AsyncGenerator[WriteRequest]:
        """The pieces from `offset` on; the next one is read while one is sent."""
        name, size = f"uploads/{upload_id}", self._source.size
        reading = asyncio.ensure_future(self._reading.piece(offset, PIECE))
        try:
            while offset < size:
                data = await reading
                if offset + len(data) < size:
                    reading = asyncio.ensure_future(self._reading.piece(offset + len(data), PIECE))
                yield WriteRequest(resource_name=name, write_offset=offset, data=data)
                offset += len(data)
                self._sent += len(data)
                name = ""
        except CommandError as error:
            self._fault = error  # The connection would make another error of it.
            raise
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _give_up(self, upload_id: str) -> None:
        try:
            await self._link.uploads.cancel_upload(CancelUploadRequest(upload_id=upload_id))
        except ConnectError as error:
            obey(error)


class _Patience:
    """How long to go on trying, with longer and longer pauses."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._pause = _FIRST_PAUSE

    async def wait(self, failure: CommandError, running: Running) -> None:
        """Waits a moment, or raises `failure` when it has been too long."""
        if time.monotonic() > self._deadline:
            raise failure
        running.note = "connection lost, trying again"
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

"""Documents as people and programs see them: list, read, follow, read again, delete. Not how they are read: ingest.py."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from fireside.core import paging
from fireside.core.errors import FailedPreconditionError
from fireside.core.finishing import Finishing
from fireside.gen.v1 import document_pb2
from fireside.gen.v1.knowledge_service_pb2 import WatchDocumentsResponse
from fireside.identity import audit
from fireside.knowledge import access
from fireside.knowledge.changes import rung
from fireside.store import collections, document_removal, documents, passages

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from fireside.core.principal import Origin, Principal
    from fireside.gen.v1.document_pb2 import Document, DocumentVersion, Passage
    from fireside.knowledge.changes import Changes
    from fireside.knowledge.purging import Purging
    from fireside.store.db import Database
    from fireside.store.tx import Tx

DEFAULT_DOCUMENTS: Final = 100
DEFAULT_PASSAGES: Final = 50
# Of one batch of a stream.
_AT_ONCE: Final = 200
# What nobody was told of is seen after this many seconds at the latest.
_LOOK_SECONDS: Final = 5.0
# A heartbeat is not a whole turn late because the clock was a little early.
_EARLY: Final = 0.9
_AT_REST: Final = (document_pb2.DOCUMENT_STATE_READY, document_pb2.DOCUMENT_STATE_FAILED)


class DocumentPage(NamedTuple):
    """A page of documents, with the token of the next one and the number after which changes are new."""

    documents: list[Document]
    next_page_token: str
    change_seq: int


class Text(NamedTuple):
    """A part of a document's text."""

    document: Document
    passages: list[Passage]
    total: int


class Documents:
    """The documents of all accounts."""

    def __init__(self, db: Database, changes: Changes, purging: Purging, wake: Callable[[], None]) -> None:
        """`wake` has jobs looked at: there is a new one, or one that is not wanted any more."""
        self._db = db
        self._changes = changes
        self._purging = purging
        self._wake = wake
        self._finishing = Finishing()

    async def aclose(self) -> None:
        """Waits for what was begun."""
        await self._finishing.join()

    async def get(self, principal: Principal, document_id: str) -> Document:
        """A document that the caller may read. NotFoundError."""
        return (await self._db.read(lambda tx: access.document(tx, principal, document_id)))[1]

    async def page(
        self, principal: Principal, collection_id: str, *, query: str, states: Sequence[int], page: tuple[int, str]
    ) -> DocumentPage:
        """The documents of a collection by folder and name; `page` is its size (0: 100) and token.

        NotFoundError, OutOfRangeError.
        """
        size, token = page[0] or DEFAULT_DOCUMENTS, page[1]
        words = paging.words(token)

        async def body(tx: Tx) -> DocumentPage:
            await access.collection(tx, principal, collection_id)
            found = await documents.page(
                tx, collection_id, query=query, states=states, limit=size + 1, after=words[1] if words else None
            )
            more = paging.token("place", found[size - 1][0]) if len(found) > size else ""
            seq = await collections.change_seq(tx, collection_id)
            return DocumentPage([document for _, document in found[:size]], more, seq)

        return await self._db.read(body)

    async def versions(self, principal: Principal, document_id: str) -> list[DocumentVersion]:
        """The files that a document was and that are kept, the newest first. NotFoundError."""

        async def body(tx: Tx) -> list[DocumentVersion]:
            await access.document(tx, principal, document_id)
            return await documents.versions(tx, document_id)

        return await self._db.read(body)

    async def read(self, principal: Principal, document_id: str, first: int, limit: int) -> Text:
        """The text of the version that is searched (or of the one that is being read), from passage `first` on. NotFoundError."""

        async def body(tx: Tx) -> Text:
            _, found = await access.document(tx, principal, document_id)
            version = found.ready_version or found.version
            file_id = await documents.file_of(tx, document_id, version) or found.file_id
            texts = await passages.of_document(tx, document_id, version, first, limit or DEFAULT_PASSAGES)
            for passage in texts:
                passage.collection_id, passage.file_id = found.collection_id, file_id
                passage.name, passage.media_type = found.name, found.media_type
            return Text(found, texts, await passages.count(tx, document_id, version))

        return await self._db.read(body)

    async def delete(self, principal: Principal, origin: Origin, document_id: str) -> None:
        """Deletes a document with all that came of it, for good; returns when that is gone.

        NotFoundError, PermissionDeniedError.
        """

        async def body(tx: Tx) -> Document:
            standing, found = await access.document(tx, principal, document_id)
            standing.require_editor()
            await document_removal.delete(tx, document_id)
            if found.collection_id:
                details = {"document": document_id, "name": found.name}
                target = (found.collection_id, "")
                await audit.record(
                    tx, "document.deleted", actor=principal, origin=origin, target=target, details=details
                )
            return found

        async def act() -> None:
            self._changes.document(await self._db.write(body))
            self._wake()
            await self._purging.purge()

        await self._finishing.run(act())

    async def retry(self, principal: Principal, document_id: str) -> Document:
        """Has a document read again. What was read of it is searched until that is done.

        NotFoundError, PermissionDeniedError, FailedPreconditionError (DOCUMENT_BUSY).
        """

        async def body(tx: Tx) -> Document:
            standing, found = await access.document(tx, principal, document_id)
            standing.require_editor()
            if found.state not in _AT_REST:
                raise FailedPreconditionError(
                    "DOCUMENT_BUSY", "This document is being read; wait for that to end.", document_id=document_id
                )
            again = await documents.again(tx, document_id)
            if again is None:
                raise documents.no_document(document_id)
            return again

        again = await self._db.write(body)
        self._changes.document(again)
        self._wake()
        return again

    def arrived(self, document: Document) -> None:
        """A file has come, and its document is committed."""
        self._changes.document(document)
        self._wake()

    async def watch(
        self, principal: Principal, collection_id: str, after: int, heartbeat: float
    ) -> AsyncGenerator[bytes]:
        """Serialised WatchDocumentsResponses: what changed after a number, then what changes. NotFoundError, also later.

        After `heartbeat` seconds of nothing there is an empty one. The first one comes at once.
        """

        async def body(tx: Tx) -> list[Document]:
            await access.collection(tx, principal, collection_id)
            return await documents.changes(tx, collection_id, after, _AT_ONCE)

        with self._changes.bell(collection_id) as bell:
            sent = float("-inf")
            while True:
                bell.clear()
                found = await self._db.read(body)
                now = time.monotonic()
                if found or now - sent >= heartbeat * _EARLY:
                    after = found[-1].change_seq if found else after
                    yield WatchDocumentsResponse(documents=found, change_seq=after).SerializeToString()
                    sent = now
                if len(found) < _AT_ONCE:
                    await rung(bell, min(_LOOK_SECONDS, heartbeat))

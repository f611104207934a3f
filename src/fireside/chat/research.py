"""Draws together what an answer is to be based on: waits until attached files are read, searches, and numbers what was found.

Runs inside the task of a generation, so that stopping the answer stops this. Which sources: sources.py; how they are put
to the model: grounding.py. What the asker has no access to (any more) is as if it were not named.
"""

from __future__ import annotations

import logging
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from fireside.chat.grounding import citations, fitting
from fireside.core.errors import FiresideError
from fireside.gen.v1 import document_pb2, message_pb2
from fireside.knowledge.changes import rung
from fireside.knowledge.query import Query
from fireside.store import collections, documents, files, passages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fireside.chat.grounding import Room
    from fireside.chat.sources import Sources
    from fireside.core.principal import Principal
    from fireside.files.downloads import Downloads
    from fireside.knowledge.changes import Changes
    from fireside.knowledge.search import Search
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
# Passages that a search gives at most; fewer fit.
_CANDIDATES = 24
_READABLE = (document_pb2.DOCUMENT_STATE_EMBEDDING, document_pb2.DOCUMENT_STATE_READY)
_UNDER_WAY = (document_pb2.DOCUMENT_STATE_UPLOADED, document_pb2.DOCUMENT_STATE_EXTRACTING)


@dataclass(frozen=True, slots=True)
class Options:
    """How far research goes."""

    patience: float = 120.0
    """Seconds to wait until files that a question brings are read."""

    look_seconds: float = 5.0
    """Without being told, it is looked after so many seconds whether they are."""

    picture_bytes: int = 8 * 1024 * 1024
    """The largest picture that is shown to a model."""

    pictures: int = 4
    """The most pictures that are shown to a model, the newest ones."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What an answer is based on: the parts that it begins with, and the pictures among its files, by file id."""

    parts: tuple[message_pb2.Part, ...] = ()
    pictures: dict[str, message_pb2.Part] = field(default_factory=dict[str, message_pb2.Part])


class _Attached(NamedTuple):
    """A file that the asker may read, and the document that it is."""

    file: message_pb2.FilePart
    document: document_pb2.Document | None


class Research:
    """Finds what answers are based on."""

    def __init__(
        self, db: Database, search: Search, changes: Changes, downloads: Downloads, options: Options | None = None
    ) -> None:
        self._db = db
        self._search = search
        self._changes = changes
        self._downloads = downloads
        self._options = options or Options()

    async def draw(self, principal: Principal, sources: Sources, room: Room) -> Drawn:
        """What there is. Raises UnavailableError when the store is away."""
        names = await self._collections(principal, sources)
        attached = await self._attached(principal, sources)
        pictures = await self._pictures(principal, attached) if room.vision else {}
        texts = [item for item in attached if item.file.file_id not in pictures]
        if not names and not texts:
            return Drawn(pictures=pictures)
        found = await self._of_files(principal, sources, texts, room.tokens)
        if names and sources.question:
            # Files that come with the question may take all the room but a third.
            found = fitting(found, room.tokens * 2 // 3)
            query = Query(text=sources.question, collection_ids=tuple(names), limit=_CANDIDATES, relevant_only=True)
            found += await self._searched(principal, query)
        found = fitting(found, room.tokens)
        search = message_pb2.SearchPart(
            query=sources.question[:2000], sources=[*names.values(), *(item.file.name for item in texts)],
            passage_count=len(found), unread=[item.file.name for item in texts if not _readable(item)],
        )  # fmt: skip
        return Drawn((message_pb2.Part(search=search), *citations(found)), pictures)

    async def _collections(self, principal: Principal, sources: Sources) -> dict[str, str]:
        """The names of those that the asker may search, by id."""
        if not sources.collections:
            return {}

        async def body(tx: Tx) -> dict[str, str]:
            names: dict[str, str] = {}
            for collection_id in sources.collections:
                if await collections.access(tx, principal.id, collection_id) is not None:
                    found = await collections.get(tx, collection_id)
                    names[collection_id] = found.name if found else ""
            return names

        return await self._db.read(body)

    async def _attached(self, principal: Principal, sources: Sources) -> list[_Attached]:
        """The files that the asker may read, once those of the question are read or time is up."""
        if not sources.files:
            return []

        async def body(tx: Tx) -> list[_Attached]:
            found: list[_Attached] = []
            for part in sources.files:
                stored = await files.readable(tx, principal.id, part.file_id)
                if stored is not None:
                    document = await documents.get(tx, stored.record.document_id)
                    found.append(_Attached(part, document))
            return found

        attached = await self._db.read(body)
        waited_for = _under_way(attached, sources)
        if not waited_for:
            return attached
        until = time.monotonic() + self._options.patience
        with self._changes.bell(*waited_for) as bell:
            while True:
                bell.clear()
                attached = await self._db.read(body)
                left = until - time.monotonic()
                if not _under_way(attached, sources) or left <= 0:
                    return attached
                await rung(bell, min(left, self._options.look_seconds))

    async def _of_files(
        self, principal: Principal, sources: Sources, attached: Sequence[_Attached], tokens: int
    ) -> list[document_pb2.Passage]:
        """Passages of attached files: all of them if they fit, else what fits the question best.

        Who asks about a file means the file, however little the words say ("sum this up"): with the question that brings
        files, what fits it is not asked to be relevant, and is followed by how the files begin.
        """
        readable = [item.document for item in attached if item.document is not None and _readable(item)]
        if sum(document.chunk_count for document in readable) <= _CANDIDATES:
            whole = await self._beginnings(readable)
            if len(fitting(whole, tokens)) == len(whole):
                return whole
        asked = [
            document
            for item in attached
            if (document := item.document) in readable and document and item.file.file_id in sources.asked
        ]
        found: list[document_pb2.Passage] = []
        if readable and sources.question:
            ids = tuple(document.id for document in readable)
            query = Query(text=sources.question, document_ids=ids, limit=_CANDIDATES, relevant_only=not asked)
            found = await self._searched(principal, query)
        return [*found, *await self._beginnings(asked)]

    async def _beginnings(self, asked: Iterable[document_pb2.Document]) -> list[document_pb2.Passage]:
        async def body(tx: Tx) -> list[document_pb2.Passage]:
            found: list[document_pb2.Passage] = []
            for document in asked:
                version = document.ready_version or document.version
                for passage in await passages.of_document(tx, document.id, version, 0, _CANDIDATES):
                    passage.document_id, passage.version, passage.file_id = document.id, version, document.file_id
                    passage.name, passage.media_type = document.name, document.media_type
                    passage.collection_id = document.collection_id
                    found.append(passage)
            return found

        return await self._db.read(body)

    async def _searched(self, principal: Principal, query: Query) -> list[document_pb2.Passage]:
        # What fails fails the answer: it must not say that nothing was found.
        return list((await self._search.search(principal, query)).passages)

    async def _pictures(self, principal: Principal, attached: Iterable[_Attached]) -> dict[str, message_pb2.Part]:
        shown: dict[str, message_pb2.Part] = {}
        for item in attached:
            if item.file.media_type not in _PICTURES or len(shown) == self._options.pictures:
                continue
            if not 0 < item.file.size <= self._options.picture_bytes:
                continue
            try:
                download = await self._downloads.open(principal, item.file.file_id)
                async with aclosing(download.read(0, item.file.size)) as pieces:
                    data = b"".join([piece async for piece in pieces])
            except FiresideError as error:
                logger.warning("A picture could not be read for an answer: %s", error)
                error.__traceback__ = None
                continue
            image = message_pb2.ImagePart(media_type=item.file.media_type, data=data)
            shown[item.file.file_id] = message_pb2.Part(image=image)
        return shown


def _readable(item: _Attached) -> bool:
    """Whether there is text to search."""
    document = item.document
    return (
        document is not None
        and bool(document.chunk_count)
        and (document.ready_version > 0 or document.state in _READABLE)
    )


def _under_way(attached: Iterable[_Attached], sources: Sources) -> list[str]:
    """The documents that the question brings and that are still being read: their ids."""
    return [
        item.document.id
        for item in attached
        if item.file.file_id in sources.asked
        and item.document is not None
        and not item.document.ready_version
        and item.document.state in _UNDER_WAY
    ]

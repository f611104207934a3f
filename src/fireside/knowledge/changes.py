"""Who is to look again: what documents and access to collections have changed, here or in another process.

Hints alone, and they may be lost: the truth is in the store, so whoever follows something looks now and then besides.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from fireside.store import collection_shares, documents
from fireside.store.dialects.base import MISSED

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import TypeAlias

    from fireside.gen.v1.document_pb2 import Document
    from fireside.store.db import Database

    Listener: TypeAlias = Callable[[str], None]


class Changes:
    """Tells of changes in the collections of this process. `open` before use."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._bells: dict[str, set[asyncio.Event]] = {}
        self._listeners: list[Listener] = []

    async def open(self) -> None:
        """Hears other processes from now on."""
        await self._db.listen(self._hear)

    def listen(self, listener: Listener) -> None:
        """Calls `listener(document_id)` for each change of a document that was committed, here or elsewhere."""
        self._listeners.append(listener)

    def document(self, document: Document) -> None:
        """A document has changed; call it after the commit."""
        self._document(document.id, document.collection_id)

    def collection(self, collection_id: str) -> None:
        """Who has access to a collection, or whether it is there, has changed; call it after the commit."""
        self._ring(collection_id)

    def account(self, _account_id: str) -> None:
        """What an account, or everybody, has access to may be something else now."""
        for bells in self._bells.values():
            for bell in bells:
                bell.set()

    @contextmanager
    def bell(self, *ids: str) -> Generator[asyncio.Event]:
        """An event that is set whenever something of these collections, or these documents, may have changed."""
        bell = asyncio.Event()
        for name in ids:
            self._bells.setdefault(name, set()).add(bell)
        try:
            yield bell
        finally:
            for name in set(ids):
                self._bells[name].discard(bell)
                if not self._bells[name]:
                    del self._bells[name]

    @property
    def followed(self) -> int:
        """How many bells there are."""
        return len(set[asyncio.Event]().union(*self._bells.values()))

    def _document(self, document_id: str, collection_id: str) -> None:
        for listener in self._listeners:
            listener(document_id)
        self._ring(document_id)
        self._ring(collection_id)

    def _ring(self, name: str) -> None:
        for bell in self._bells.get(name, ()):
            bell.set()

    def _hear(self, topic: str, payload: str) -> None:
        if topic == documents.TOPIC:
            document_id, _, collection_id = payload.partition(" ")
            self._document(document_id, collection_id)
        elif topic == collection_shares.TOPIC:
            self.collection(payload)
        elif topic == MISSED:
            self.account("")


async def rung(bell: asyncio.Event, seconds: float) -> None:
    """Returns when a bell has rung, or after so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await bell.wait()

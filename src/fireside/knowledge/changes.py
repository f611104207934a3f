"""Who is to look again: what documents and access to collections have changed, here or in another process.

Hints alone, and they may be lost: the truth is in the store, so whoever follows something looks now and then besides.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
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
        for bell in self._bells.get(collection_id, ()):
            bell.set()

    def account(self, _account_id: str) -> None:
        """What an account, or everybody, has access to may be something else now."""
        for bells in self._bells.values():
            for bell in bells:
                bell.set()

    @contextmanager
    def bell(self, collection_id: str) -> Generator[asyncio.Event]:
        """An event that is set whenever something of a collection may have changed."""
        bell = asyncio.Event()
        bells = self._bells.setdefault(collection_id, set())
        bells.add(bell)
        try:
            yield bell
        finally:
            bells.discard(bell)
            if not bells:
                self._bells.pop(collection_id, None)

    @property
    def followed(self) -> int:
        """How many bells there are."""
        return sum(map(len, self._bells.values()))

    def _document(self, document_id: str, collection_id: str) -> None:
        for listener in self._listeners:
            listener(document_id)
        if collection_id:
            self.collection(collection_id)

    def _hear(self, topic: str, payload: str) -> None:
        if topic == documents.TOPIC:
            document_id, _, collection_id = payload.partition(" ")
            self._document(document_id, collection_id)
        elif topic == collection_shares.TOPIC:
            self.collection(payload)
        elif topic == MISSED:
            self.account("")

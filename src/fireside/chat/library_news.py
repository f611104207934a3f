"""Tells those who follow their account how far documents are. Not stored: who comes later lists documents.

Collections that were made, changed or shared are in the feeds themselves (store/collection_shares.py).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fireside.gen.v1.account_event_pb2 import AccountEvent
from fireside.store import collection_shares, documents

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fireside.chat.feed import Feed
    from fireside.gen.v1.document_pb2 import Document
    from fireside.knowledge.changes import Changes
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 1.0
_AT_ONCE: Final = 200
# Many documents of a folder that is uploaded change at once: one look for all of them.
_PAUSE_SECONDS: Final = 0.1


class LibraryNews:
    """Tells of documents. `open` before use, `aclose` at the end."""

    def __init__(self, db: Database, feed: Feed, changes: Changes) -> None:
        self._db = db
        self._feed = feed
        # In the order in which they changed.
        self._changed: dict[str, None] = {}
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        changes.listen(self._hear)

    def open(self) -> None:
        """Tells from now on."""
        self._task = asyncio.create_task(self._work(), name="tell of documents")

    async def aclose(self) -> None:
        """Tells nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _hear(self, document_id: str) -> None:
        if self._feed.owners():
            self._changed[document_id] = None
            self._bell.set()

    async def _work(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            some = list(self._changed)[:_AT_ONCE]
            for document_id in some:
                del self._changed[document_id]
            try:
                await self._tell(some)
            except Exception:  # the store may be away for a while
                logger.exception("It could not be told how far documents are; trying again")
                self._changed = dict.fromkeys(some) | self._changed
                await asyncio.sleep(_RETRY_SECONDS)
            if self._changed:
                self._bell.set()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _tell(self, document_ids: Iterable[str]) -> None:
        wanted, followed = list(document_ids), set(self._feed.owners())

        async def body(tx: Tx) -> list[tuple[Document, set[str]]]:
            audiences: dict[str, set[str]] = {}
            found: list[tuple[Document, set[str]]] = []
            for document in await documents.latest(tx, wanted):
                about = document.collection_id or document.id
                if about not in audiences:
                    audiences[about] = await _audience(tx, document) & followed
                found.append((document, audiences[about]))
            return found

        for document, audience in await self._db.read(body):
            for account_id in audience:
                self._feed.tell(account_id, document.id, AccountEvent(document_changed=document))


async def _audience(tx: Tx, document: Document) -> set[str]:
    if document.collection_id:
        return set(await collection_shares.audience(tx, document.collection_id))
    return await documents.readers(tx, document)

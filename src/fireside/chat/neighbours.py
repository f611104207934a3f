"""Hears what other processes on the same store do to generations and feeds, and looks now and then for what was not heard.

A server that has its store alone has no neighbours: then there is none of this.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from fireside.chat import notes
from fireside.chat.elsewhere import POLL_SECONDS
from fireside.store import account_events, generations
from fireside.store.dialects.base import MISSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.chat.engine import Engine
    from fireside.chat.feed import Feed
    from fireside.store.db import Database
    from fireside.store.generations import StoredGeneration
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)


class _Sight(NamedTuple):
    """What a look around found: generations of ours to be stopped, feeds' newest numbers, and what runs."""

    to_stop: list[str]
    newest: dict[str, int]
    running: list[StoredGeneration]


class Neighbours:
    """The other processes, as the engine and the feed want to know of them."""

    def __init__(self, db: Database, engine: Engine, feed: Feed, holder: str) -> None:
        """`holder` is this process's name in leases."""
        self._db = db
        self._engine = engine
        self._feed = feed
        self._holder = holder
        self._task: asyncio.Task[None] | None = None
        self._soon = asyncio.Event()
        self._missed = False

    async def open(self) -> None:
        """Listens from now on."""
        await self._db.listen(self._hear)
        self._task = asyncio.create_task(self._look_forever(), name="look for other processes' doings")

    async def aclose(self) -> None:
        """Listens no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look_soon(self) -> None:
        """Somebody wants to know what runs elsewhere."""
        self._soon.set()

    def _hear(self, topic: str, payload: str) -> None:
        if topic == notes.LOGS:
            self._engine.elsewhere.wake(payload.split(" "))
        elif topic == notes.FEED:
            newest, owner = payload.split(" ", 1)
            self._feed.news_elsewhere(owner, int(newest))
        elif topic == notes.STARTED:
            generation_id, conversation_id, owner = payload.split(" ", 2)
            self._engine.started_elsewhere(owner, generation_id, conversation_id)
        elif topic == notes.STOP:
            self._engine.stop_here(payload)
        elif topic == MISSED:
            self._missed = True
            self._soon.set()

    async def _look_forever(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._soon.wait()
            self._soon.clear()
            try:
                await self._look_around()
            except Exception:  # the store may be away for a while; the next turn tries again
                logger.exception("Looking for what other processes did failed; trying again")

    async def _look_around(self) -> None:
        if self._missed:
            self._missed = False
            self._engine.elsewhere.wake_all()
        followed, wanted, writing = self._feed.owners(), self._engine.listened_to(), self._engine.writing
        if not (followed or wanted or writing):
            return

        async def body(tx: Tx) -> _Sight:
            to_stop = await generations.to_stop(tx, self._holder) if writing else []
            return _Sight(to_stop, await account_events.newest(tx, followed), await _running(tx, wanted))

        sight = await self._db.read(body)
        for generation_id in sight.to_stop:
            self._engine.stop_here(generation_id)
        for owner, newest in sight.newest.items():
            self._feed.news_elsewhere(owner, newest)
        for stored in sight.running:
            self._engine.started_elsewhere(stored.owner, stored.record.id, stored.record.conversation_id)


async def _running(tx: Tx, owners: Sequence[str]) -> list[StoredGeneration]:
    return [stored for owner in owners for stored in await generations.running(tx, owner)]

"""Hears what other processes on the same store do to generations and feeds, and looks now and then for what was not heard.

A server that has its store alone has no neighbours: then there is none of this.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, cast

from fireside.chat import notes
from fireside.chat.elsewhere import POLL_SECONDS
from fireside.gen.v1 import generation_pb2
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


# How often others are told what answers do that have no content yet.
_TELL_SECONDS = 1.0


class _Sight(NamedTuple):
    """What a look around found: generations of ours to be stopped, feeds' newest numbers, and what accounts may follow."""

    to_stop: list[str]
    newest: dict[str, int]
    running: list[tuple[str, StoredGeneration]]


class Neighbours:
    """The other processes, as the engine and the feed want to know of them."""

    def __init__(self, db: Database, engine: Engine, feed: Feed, holder: str) -> None:
        """`holder` is this process's name in leases."""
        self._db = db
        self._engine = engine
        self._feed = feed
        self._holder = holder
        self._tasks: list[asyncio.Task[None]] = []
        self._told: dict[str, generation_pb2.Heartbeat] = {}
        self._soon = asyncio.Event()
        self._missed = False

    async def open(self) -> None:
        """Listens from now on."""
        await self._db.listen(self._hear)
        self._tasks = [
            asyncio.create_task(self._look_forever(), name="look for other processes' doings"),
            asyncio.create_task(self._tell_forever(), name="tell other processes what answers do"),
        ]

    async def aclose(self) -> None:
        """Listens no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

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
            generation_id, conversation_id, *accounts = payload.split(" ")
            for account_id in accounts:
                self._engine.started_elsewhere(account_id, generation_id, conversation_id)
        elif topic == notes.ACCESS:
            self._engine.guests.changed(payload)
        elif topic == notes.STOP:
            self._engine.stop_here(payload)
        elif topic == notes.ACTIVITY:
            for word in payload.split(" "):
                generation_id, phase, place, sources = word.rsplit(":", 3)
                # A newer process may know phases that this one does not.
                known = cast("generation_pb2.Phase", int(phase))
                activity = generation_pb2.Heartbeat(phase=known, queue_position=int(place), source_count=int(sources))
                self._engine.elsewhere.show_activity(generation_id, activity)
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

    async def _tell_forever(self) -> None:
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            activities = self._engine.activities()
            # A log's activity is another object whenever it changes.
            words = [
                f"{generation_id}:{activity.phase}:{activity.queue_position}:{activity.source_count}"
                for generation_id, activity in activities.items()
                if self._told.get(generation_id) is not activity
            ]
            self._told = activities
            if not words:
                continue

            async def body(tx: Tx, words: Sequence[str] = words) -> None:
                await notes.tell_many(tx, notes.ACTIVITY, words)

            try:
                await self._db.write(body)
            except Exception:  # the store may be away for a while; it is told again with the next change
                logger.exception("Other processes could not be told what answers do")

    async def _look_around(self) -> None:
        # Who has begun to follow since then was not told.
        self._told = {}
        if self._missed:
            self._missed = False
            self._engine.elsewhere.wake_all()
        self._engine.guests.look_again()
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
        for account_id, stored in sight.running:
            self._engine.started_elsewhere(account_id, stored.record.id, stored.record.conversation_id)


async def _running(tx: Tx, accounts: Sequence[str]) -> list[tuple[str, StoredGeneration]]:
    return [(name, stored) for name in accounts for stored in await generations.running_for(tx, name)]

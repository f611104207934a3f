"""The feed of an account: what changed, durable first, then live to every tab and client. Not the answers: log.py.

A cursor is the number of an event in its account, as decimal text. Numbers are given in commit order, without gaps.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.chat import notes, wire
from fireside.core.errors import OutOfRangeError, UnavailableError
from fireside.gen.v1 import account_event_pb2
from fireside.store import account_events, generations
from fireside.store.shares import NOBODY

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from fireside.core.principal import Principal
    from fireside.store.db import Database
    from fireside.store.shares import Audience
    from fireside.store.tx import Tx

TICK_SECONDS = 1.0
# How many events of an account are kept in memory for those who follow it; others are read from the store.
_RECENT = 512
_READ = 500


@dataclass(frozen=True, slots=True)
class News:
    """An event that was written to an account's feed in a transaction, to be published after its commit."""

    owner: str
    seq: int
    frame: bytes


def shutting_down() -> UnavailableError:
    """What readers get when the server goes: nothing is lost, they come back with their position."""
    return UnavailableError("SHUTTING_DOWN", "The server is restarting: connect again and go on from where you are.")


async def write_news(
    tx: Tx, owner: str, *events: account_event_pb2.AccountEvent, audience: Audience = NOBODY
) -> list[News]:
    """Adds events to the account's feed, inside the transaction that makes them true; late in it.

    With the audience of a shared conversation, to theirs too, each as it is for them.
    """
    if not audience.roles:
        return await _write(tx, owner, events)
    news: list[News] = []
    # Feeds stay locked until the commit: always in this order, two transactions never wait for each other.
    for account_id in sorted((owner, *audience.roles)):
        shown = events if account_id == owner else [audience.shown(account_id, event) for event in events]
        news += await _write(tx, account_id, shown)
    return news


async def _write(tx: Tx, owner: str, events: Sequence[account_event_pb2.AccountEvent]) -> list[News]:
    last = await account_events.append(tx, owner, *events)
    await tx.notify(notes.FEED, f"{last} {owner}")
    first = last - len(events) + 1
    news: list[News] = []
    for seq, event in enumerate(events, first):
        event.cursor = str(seq)
        news.append(News(owner, seq, wire.frame(event)))
    return news


class _Channel:
    """The live part of one account's feed. `newest` is the highest number known here."""

    __slots__ = ("models", "newest", "recent", "told", "version", "wakers")

    def __init__(self) -> None:
        self.newest = 0
        # How often the list of models has changed here. It is each process's own, and so it is told but not stored.
        self.models = 0
        # What is told but not stored, by what it is about, with the version of this channel that it came with.
        self.told: dict[str, tuple[int, account_event_pb2.AccountEvent]] = {}
        self.version = 0
        self.recent: dict[int, bytes] = {}
        self.wakers: set[asyncio.Event] = set()


class FeedTail:
    """A place in an account's feed. `read` gives what is new; `waker` is set whenever there may be something."""

    def __init__(self, db: Database, owner: str, channel: _Channel, after: int) -> None:
        self._db = db
        self._owner = owner
        self._channel = channel
        self._models = channel.models
        self._version = channel.version
        self.after = after

    async def read(self) -> bytes:
        """The next events as joined frames; empty when there are none now."""
        frames = await self._stored()
        if self._models != self._channel.models:
            self._models = self._channel.models
            changed = account_event_pb2.ModelsChanged()
            frames += wire.frame(account_event_pb2.AccountEvent(cursor=str(self.after), models_changed=changed))
        if self._version != self._channel.version:
            frames += self._told()
        return frames

    def _told(self) -> bytes:
        seen, self._version = self._version, self._channel.version
        frames: list[bytes] = []
        for version, event in self._channel.told.values():
            if version > seen:
                event.cursor = str(self.after)
                frames.append(wire.frame(event))
        return b"".join(frames)

    def models_may_have_changed(self) -> None:
        """Has the next `read` say that the list of models is another one."""
        self._models = -1

    async def _stored(self) -> bytes:
        channel = self._channel
        frames: list[bytes] = []
        while (frame := channel.recent.get(self.after + 1)) is not None:
            frames.append(frame)
            self.after += 1
        if frames or channel.newest <= self.after:
            return b"".join(frames)
        # Not in memory: older than that, or committed by another process, or its publishing is still under way.
        owner, after = self._owner, self.after

        async def body(tx: Tx) -> Sequence[tuple[int, account_event_pb2.AccountEvent]]:
            return await account_events.read(tx, owner, after, _READ)

        for seq, event in await self._db.read(body):
            event.cursor = str(seq)
            frames.append(wire.frame(event))
            self.after = seq
        return b"".join(frames)

    def heartbeat(self) -> bytes:
        """A frame that says that the server is alive, with the present cursor."""
        beat = account_event_pb2.AccountEvent(cursor=str(self.after), heartbeat=account_event_pb2.EventsHeartbeat())
        return wire.frame(beat)


class Feed:
    """All feeds of this process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._channels: dict[str, _Channel] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._closed = False
        self._left: list[Callable[[str], None]] = []

    def open(self) -> None:
        """Starts the clock of the heartbeats."""
        self._ticker = asyncio.create_task(self._tick_forever())

    async def aclose(self) -> None:
        """Ends all tails: their readers come back with their cursor."""
        self.close_tails()
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)

    def close_tails(self) -> None:
        """Ends all tails, now and for good."""
        self._closed = True
        self.wake_all()

    @property
    def closed(self) -> bool:
        """Whether tails are to end."""
        return self._closed

    def publish(self, news: Sequence[News]) -> None:
        """Shows committed events to those who follow their accounts."""
        for item in news:
            channel = self._channels.get(item.owner)
            if channel is None:
                continue
            channel.recent[item.seq] = item.frame
            channel.newest = max(channel.newest, item.seq)
            while len(channel.recent) > _RECENT:
                del channel.recent[next(iter(channel.recent))]
            for waker in channel.wakers:
                waker.set()

    def tell(self, owner: str, about: str, event: account_event_pb2.AccountEvent) -> None:
        """Shows an event that is not stored to those who follow the account now; the newest one of a thing counts."""
        channel = self._channels.get(owner)
        if channel is None:
            return
        channel.version += 1
        channel.told[about] = channel.version, event
        while len(channel.told) > _RECENT:
            del channel.told[next(iter(channel.told))]
        for waker in channel.wakers:
            waker.set()

    def on_left(self, listener: Callable[[str], None]) -> None:
        """Calls `listener` with an account that nobody follows here any more."""
        self._left.append(listener)

    def owners(self) -> list[str]:
        """The accounts that somebody follows here."""
        return list(self._channels)

    def news_elsewhere(self, owner: str, newest: int) -> None:
        """Another process has committed events of an account, up to the number `newest`."""
        channel = self._channels.get(owner)
        if channel is not None and newest > channel.newest:
            channel.newest = newest
            for waker in channel.wakers:
                waker.set()

    def models_changed(self, owner: str = "") -> None:
        """Tells everybody who follows here, or one account, that the list of models is another one now."""
        for account, channel in self._channels.items():
            if owner in {"", account}:
                channel.models += 1
                for waker in channel.wakers:
                    waker.set()

    def wake_all(self) -> None:
        """Lets all tails look at the clock."""
        for channel in self._channels.values():
            for waker in channel.wakers:
                waker.set()

    async def attach(self, principal: Principal, after_cursor: str, waker: asyncio.Event) -> tuple[FeedTail, bytes]:
        """A tail from `after_cursor` (empty: from now) and its first frame, `ready`. Raises OutOfRangeError."""
        owner = principal.id
        channel = self._channels.setdefault(owner, _Channel())
        channel.wakers.add(waker)
        try:
            after, running = await self._position(owner, after_cursor)
        except BaseException:
            self.detach(principal, waker)
            raise
        channel.newest = max(channel.newest, after[1])
        ready = account_event_pb2.Ready(running=[item.record for item in running])
        frame = wire.frame(account_event_pb2.AccountEvent(cursor=str(after[0]), ready=ready))
        tail = FeedTail(self._db, owner, channel, after[0])
        if after_cursor:
            # What changed of the models while a reader was away is stored nowhere, so one that comes back lists them.
            tail.models_may_have_changed()
        return tail, frame

    def detach(self, principal: Principal, waker: asyncio.Event) -> None:
        """Ends `attach`."""
        channel = self._channels.get(principal.id)
        if channel is None:
            return
        channel.wakers.discard(waker)
        if not channel.wakers:
            del self._channels[principal.id]
            for listener in self._left:
                listener(principal.id)

    async def watch(self, principal: Principal, after_cursor: str, heartbeat: float) -> AsyncGenerator[bytes]:
        """The feed after a cursor, as joined frames, with a heartbeat after `heartbeat` seconds of nothing.

        Raises OutOfRangeError for a cursor that cannot be gone on from, UnavailableError when the server shuts down.
        """
        waker = asyncio.Event()
        tail, ready = await self.attach(principal, after_cursor, waker)
        try:
            yield ready
            sent = time.monotonic()
            while not self._closed:
                waker.clear()
                if payload := await tail.read():
                    yield payload
                    sent = time.monotonic()
                elif time.monotonic() - sent >= heartbeat - TICK_SECONDS / 4:
                    yield tail.heartbeat()
                    sent = time.monotonic()
                else:
                    await waker.wait()
            raise shutting_down()
        finally:
            self.detach(principal, waker)

    async def _position(self, owner: str, cursor: str) -> tuple[tuple[int, int], list[generations.StoredGeneration]]:
        async def body(tx: Tx) -> tuple[tuple[int, int], list[generations.StoredGeneration]]:
            return await account_events.bounds(tx, owner), await generations.running_for(tx, owner)

        (oldest, newest), running = await self._db.read(body)
        if not cursor:
            return (newest, newest), running
        after = int(cursor) if cursor.isascii() and cursor.isdecimal() else -1
        if not oldest <= after <= newest:
            raise OutOfRangeError(
                "CURSOR_OUT_OF_RANGE", "The cursor cannot be gone on from: list again and start with an empty one."
            )
        return (after, newest), running

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.wake_all()

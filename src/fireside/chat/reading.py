"""Reading a log that is not live here, or not the reader's own. One's own live log is read in log.py, with nothing between."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

from fireside.chat import replay, wire
from fireside.chat.access import no_generation
from fireside.chat.feed import shutting_down
from fireside.chat.log import STARTED_SEQ, TICK_SECONDS
from fireside.gen.v1 import generation_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fireside.chat.engine import Engine
    from fireside.chat.guests import Guest
    from fireside.chat.log import LiveLog
    from fireside.core.principal import Principal
    from fireside.store.db import Database
    from fireside.store.generations import StoredGeneration

# A reader that has not looked into the store for so long may have much to catch up with.
_BEHIND_SECONDS = 2.0


class Place(NamedTuple):
    """Where a reader is in a log, and how long it waits for a heartbeat."""

    generation_id: str
    after_seq: int
    heartbeat: float


async def read_on(engine: Engine, db: Database, principal: Principal, place: Place) -> AsyncGenerator[bytes]:
    """As Engine.watch. Raises NotFoundError at once when a guest's access ends."""
    generation_id, after_seq, heartbeat = place
    elsewhere = engine.elsewhere
    waker = asyncio.Event()
    guest: Guest | None = None
    elsewhere.attach(generation_id, waker)
    try:
        owner, sent, looked = "", time.monotonic(), -math.inf
        shown = elsewhere.activity(generation_id)
        while True:
            waker.clear()
            if time.monotonic() - looked > _BEHIND_SECONDS:
                standing, stored = await replay.load(db, principal, generation_id)
                owner = standing.owner
                news = replay.stored_events(db, generation_id, after_seq)
                guest = guest or _entered(engine, principal, stored, waker)
            else:
                stored, batches = await elsewhere.look(owner, generation_id, after_seq)
                news = replay.loaded_events(batches, after_seq)
            ended = _is_ended(stored, after_seq)
            looked = time.monotonic()
            async with aclosing(news) as events:
                async for payload, last in events:
                    _check(guest, generation_id)
                    yield payload
                    after_seq, sent = last, time.monotonic()
            _check(guest, generation_id)
            if ended:
                if after_seq < stored.record.last_seq:
                    yield await replay.compacted_end(db, stored, after_seq)
                return
            if (
                log := engine.log_of(generation_id)
            ) is not None:  # it was being launched when we looked, or is no own one
                rest = Place(generation_id, after_seq, heartbeat)
                async with aclosing(_tail(log, guest, rest, waker)) as tail:
                    async for payload in tail:
                        yield payload
                return
            if engine.draining:
                raise shutting_down()
            activity = elsewhere.activity(generation_id)
            if activity is not shown or time.monotonic() - sent >= heartbeat:
                shown, sent = activity, time.monotonic()
                yield wire.frame(generation_pb2.Event(heartbeat=activity))
            await elsewhere.wait(waker, sent + heartbeat - time.monotonic())
    finally:
        elsewhere.detach(generation_id, waker)
        if guest is not None:
            engine.guests.leave(guest)


def _is_ended(stored: StoredGeneration, after_seq: int) -> bool:
    """Whether it is. Raises OutOfRangeError for a place that it never had."""
    ended = stored.record.state == generation_pb2.GENERATION_STATE_ENDED
    replay.check_position(after_seq, stored.record.last_seq if ended else stored.seq_limit)
    return ended


def _entered(engine: Engine, principal: Principal, stored: StoredGeneration, waker: asyncio.Event) -> Guest | None:
    if stored.owner == principal.id:
        return None
    return engine.guests.enter(principal.id, stored.record.conversation_id, waker.set)


def _tail(log: LiveLog, guest: Guest | None, place: Place, waker: asyncio.Event) -> AsyncGenerator[bytes]:
    if guest is None:
        return log.tail(place.after_seq, place.heartbeat)
    return _guest_tail(log, guest, place, waker)


async def _guest_tail(log: LiveLog, guest: Guest, place: Place, waker: asyncio.Event) -> AsyncGenerator[bytes]:
    """LiveLog.tail for a reader who may have to go."""
    _, after_seq, heartbeat = place
    sent, shown = time.monotonic(), 0
    log.attach(waker)
    try:
        while True:
            waker.clear()
            _check(guest, log.generation_id)
            payload, after_seq = log.read(after_seq)
            if payload:
                if after_seq > STARTED_SEQ:
                    shown = log.activity_version
                yield payload
                sent = time.monotonic()
            elif log.finished(after_seq):
                return
            elif shown != log.activity_version or time.monotonic() - sent >= heartbeat - TICK_SECONDS / 4:
                shown = log.activity_version
                yield log.heartbeat()
                sent = time.monotonic()
            else:
                await waker.wait()
    finally:
        log.detach(waker)


def _check(guest: Guest | None, generation_id: str) -> None:
    if guest is not None and guest.ended:
        raise no_generation(generation_id)

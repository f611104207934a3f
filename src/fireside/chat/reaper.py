"""Ends what nobody writes any more and drops what nobody needs any more. Runs in every process; each row is taken once.

A generation whose process died has a stale lease. It ends as INTERRUPTED with what was stored, under numbers above
all that its process could have handed out, so that a reader who saw more is reset and never sees a number twice.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fireside.chat import wire
from fireside.chat.ending import Ending, write_end
from fireside.chat.replay import stored_message
from fireside.core.clock import now_us
from fireside.core.ids import new_id
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.store import account_events, conversations, generations, requests

if TYPE_CHECKING:
    from fireside.chat.ending import Desk
    from fireside.chat.feed import News
    from fireside.store.generations import StoredGeneration
    from fireside.store.tx import Body, Tx

logger = logging.getLogger(__name__)

REAP_SECONDS = 5.0
_SWEEP_EVERY = 12
_BATCH = 200
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_NEVER_US = 2**62


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept, in microseconds."""

    logs: int = _HOUR_US
    requests: int = 7 * _DAY_US
    account_events: int = 7 * _DAY_US
    deleted_conversations: int = 30 * _DAY_US


@dataclass(frozen=True, slots=True)
class Family:
    """Which process this is of those that one server has started on a store.

    `name` holds its leases. `members` are the names of all, where no other server can be on the store: whatever none
    of them holds was left by somebody dead. `dead` are processes whose death was seen.
    """

    name: str = field(default_factory=new_id)
    members: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()


async def reap_stale(desk: Desk) -> int:
    """Ends generations whose lease has run out; how many."""

    async def find(tx: Tx) -> list[StoredGeneration]:
        return await generations.stale(tx, now_us())

    return await _reap(desk, find, forced=False)


async def reap_at_start(desk: Desk, family: Family) -> int:
    """Ends what dead processes left behind; how many. Nothing of this family has been started yet."""

    async def find(tx: Tx) -> list[StoredGeneration]:
        if desk.db.exclusive:
            return await generations.running(tx, None)
        left = await generations.held_by_others(tx, family.members) if family.members else []
        return left + (await generations.held(tx, family.dead) if family.dead else [])

    return await _reap(desk, find, forced=True) + await reap_stale(desk)


async def reap_of(desk: Desk, dead: str) -> int:
    """Ends the generations of a process that was seen to die; how many."""

    async def find(tx: Tx) -> list[StoredGeneration]:
        return await generations.held(tx, [dead])

    return await _reap(desk, find, forced=True)


async def _reap(desk: Desk, find: Body[list[StoredGeneration]], *, forced: bool) -> int:
    abandoned = await desk.db.read(find)
    # Others may be at it too: each is ended by one.
    return sum([await _end_abandoned(stored, desk, forced=forced) for stored in abandoned])


async def reap_forever(desk: Desk, retention: Retention) -> None:
    """Reaps every REAP_SECONDS and sweeps now and then, until it is cancelled."""
    turn = 0
    while True:
        await asyncio.sleep(REAP_SECONDS)
        turn += 1
        try:
            await reap_stale(desk)
            if turn % _SWEEP_EVERY == 0:
                await sweep(desk, retention)
        except Exception:  # the store may be away for a while; the next turn tries again
            logger.exception("Reaping failed; trying again")


async def sweep(desk: Desk, retention: Retention) -> None:
    """Drops what is older than `retention`, a batch at a time so that nobody waits long behind it."""

    async def body(tx: Tx) -> None:
        now = now_us()
        await generations.drop_events(tx, now - retention.logs, _BATCH)
        await requests.prune(tx, now - retention.requests, _BATCH)
        await account_events.prune(tx, now - retention.account_events, _BATCH)
        await conversations.purge(tx, now - retention.deleted_conversations, _BATCH)

    await desk.db.write(body)


async def _end_abandoned(stored: StoredGeneration, desk: Desk, *, forced: bool) -> bool:
    """Whether it was this process that ended it."""

    async def body(tx: Tx) -> list[News] | None:
        lease = desk.book.lease()
        # Whoever held it is known to be dead, whatever the lease says.
        if not await generations.take(tx, stored.record.id, lease, now_us=_NEVER_US if forced else None):
            return None
        return (await write_end(tx, await _ending_of(tx, stored), lease))[1]

    news = await desk.db.write(body)
    if news is not None:
        logger.warning("Generation %s was abandoned by its process and ended as interrupted", stored.record.id)
        desk.feed.publish(news)
        desk.elsewhere.wake([stored.record.id])
    return news is not None


async def _ending_of(tx: Tx, stored: StoredGeneration) -> Ending:
    record = stored.record
    current = await generations.get(tx, stored.owner, record.id) or stored
    message = await stored_message(tx, record.id)
    reason = message_pb2.FINISH_REASON_STOPPED if current.stop_requested else message_pb2.FINISH_REASON_INTERRUPTED
    # The first number that was surely never handed out.
    first = current.seq_limit + 1
    message.state = message_pb2.MESSAGE_STATE_RUNNING
    reset = wire.frame(generation_pb2.Event(seq=first, reset=generation_pb2.Reset(message=message)))
    ended = generation_pb2.Ended(finish_reason=reason)
    return Ending(record, stored.owner, message, ended, first, reset, first + 1)

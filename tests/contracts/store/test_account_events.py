"""The account's numbered changes on both databases."""

from __future__ import annotations

import asyncio

from fireside.core.clock import now_us
from fireside.gen.v1.account_event_pb2 import AccountEvent, ModelsChanged
from fireside.store import account_events
from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.tx import Tx
from tests.store_rows import OWNER


def event(name: str) -> AccountEvent:
    return AccountEvent(cursor="junk", conversation_deleted=name)


async def test_numbers_start_at_one_for_each_account(db: Database) -> None:
    assert await db.read(lambda tx: account_events.bounds(tx, "new")) == (0, 0)
    assert await db.read(lambda tx: account_events.read(tx, "new", 0, 9)) == []
    for owner in (OWNER, "new"):
        for number in (1, 2):
            assert await db.write(lambda tx, owner=owner: account_events.append(tx, owner, event("x"))) == number
    assert await db.read(lambda tx: account_events.bounds(tx, "new")) == (0, 2)
    owners = [OWNER, "new", "nobody"]
    assert await db.read(lambda tx: account_events.newest(tx, owners)) == {OWNER: 2, "new": 2}


async def test_events_are_read_after_a_number_without_a_cursor(db: Database) -> None:
    for name in ("a", "b", "c"):
        await db.write(lambda tx, name=name: account_events.append(tx, OWNER, event(name)))
    rows = await db.read(lambda tx: account_events.read(tx, OWNER, 1, 9))
    assert rows == [(2, AccountEvent(conversation_deleted="b")), (3, AccountEvent(conversation_deleted="c"))]
    assert len(await db.read(lambda tx: account_events.read(tx, OWNER, 0, 2))) == 2


async def test_a_rolled_back_event_leaves_no_gap(db: Database) -> None:
    async def fails(tx: Tx) -> None:
        await account_events.append(tx, OWNER, event("x"))
        raise LookupError

    for _ in range(2):
        try:
            await db.write(fails)
        except LookupError:
            assert await db.write(lambda tx: account_events.append(tx, OWNER, event("y"))) > 0
    assert await db.read(lambda tx: account_events.bounds(tx, OWNER)) == (0, 2)


async def test_pruning_removes_the_oldest_and_says_up_to_where(db: Database) -> None:
    for owner in (OWNER, "other"):
        for _ in range(3):
            await db.write(lambda tx, owner=owner: account_events.append(tx, owner, event("x")))
    assert await db.write(lambda tx: account_events.prune(tx, 0, 9)) == 0
    later = now_us() + 1
    removed = await db.write(lambda tx: account_events.prune(tx, later, 4))
    assert removed >= 4
    assert await db.read(lambda tx: account_events.bounds(tx, OWNER)) == (3, 3)
    while await db.write(lambda tx: account_events.prune(tx, later, 4)):
        pass
    assert await db.read(lambda tx: account_events.bounds(tx, "other")) == (3, 3)
    assert await db.read(lambda tx: account_events.read(tx, OWNER, 0, 9)) == []
    assert await db.write(lambda tx: account_events.append(tx, OWNER, event("x"))) == 4


async def test_fifty_writers_get_numbers_that_become_visible_in_order(db: Database, database_url: str) -> None:
    per_writer = 6
    done = asyncio.Event()

    async def follow() -> list[int]:
        """Reads like a tail: after the last number that it has. A number that appears late would be missed."""
        seen: list[int] = []
        while True:
            last = done.is_set()
            after = seen[-1] if seen else 0
            rows = await db.read(lambda tx, after=after: account_events.read(tx, OWNER, after, 10_000))
            seen += [number for number, _ in rows]
            if last:
                return seen

    async def write(within: Database) -> list[int]:
        one = AccountEvent(models_changed=ModelsChanged())
        return [await within.write(lambda tx: account_events.append(tx, OWNER, one)) for _ in range(per_writer)]

    # On PostgreSQL half of them come from what could be another process.
    other = db if db.exclusive else await open_database(database_url, StoreOptions(pool_size=20))
    tail = asyncio.create_task(follow())
    numbers = await asyncio.gather(*(write(db if number % 2 else other) for number in range(50)))
    done.set()
    if other is not db:
        await other.close()
    assert sorted(number for row in numbers for number in row) == list(range(1, 50 * per_writer + 1))
    assert all(row == sorted(row) for row in numbers)
    assert await tail == list(range(1, 50 * per_writer + 1))

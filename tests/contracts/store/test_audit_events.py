"""The audit log on both databases: what is appended, how it is read, and that nothing changes it."""

from __future__ import annotations

import sqlite3

import asyncpg
import pytest

from fireside.gen.v1.audit_pb2 import AuditEvent
from fireside.store import audit_events
from fireside.store.audit_events import Filter
from fireside.store.db import Database
from fireside.store.tx import Tx

EVERYTHING = Filter()


async def append(db: Database, *actions: str, actor: str = "ann", time: int = 1_000_000) -> list[int]:
    async def body(tx: Tx) -> list[int]:
        made = [
            await audit_events.append(tx, AuditEvent(action=action, actor_id=actor, details={"a": "b"}), time + number)
            for number, action in enumerate(actions)
        ]
        return [event.number for event in made]

    return await db.write(body)


async def test_an_event_is_kept_as_it_was_given(db: Database) -> None:
    given = AuditEvent(action="key.created", actor_id="ann", actor_email="a\0b", succeeded=True, details={"k": "v"})
    made = await db.write(lambda tx: audit_events.append(tx, given, 1_500_000))
    assert (made.number, made.time.seconds, made.time.nanos) == (1, 1, 500_000_000)
    assert await db.read(lambda tx: audit_events.page(tx, EVERYTHING, 10)) == [made]
    assert made.actor_email == "a\0b"


async def test_pages_are_newest_first_and_walks_oldest_first(db: Database) -> None:
    numbers = await append(db, *(f"a.{n}" for n in range(5)))
    first = await db.read(lambda tx: audit_events.page(tx, EVERYTHING, 2))
    assert [event.number for event in first] == numbers[:2:-1]
    second = await db.read(lambda tx: audit_events.page(tx, EVERYTHING, 2, before=first[-1].number))
    assert [event.number for event in second] == numbers[2:0:-1]
    walked = await db.read(lambda tx: audit_events.walk(tx, EVERYTHING, 3, numbers[0], numbers[3]))
    assert [event.number for event in walked] == numbers[1:4]
    assert await db.read(audit_events.newest) == numbers[-1]


async def test_a_log_with_nothing_in_it(db: Database) -> None:
    assert await db.read(audit_events.newest) == 0
    assert await db.read(lambda tx: audit_events.page(tx, EVERYTHING, 10)) == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(actor_id="bob"), ["session.failed"]),
        (Filter(action="session."), ["session.failed", "session.signed_in"]),
        (Filter(action="session.signed_in"), ["session.signed_in"]),
        (Filter(action="session_"), []),
        (Filter(action="%"), []),
        (Filter(from_us=2_000_000), ["session.failed", "key.created"]),
        (Filter(before_us=2_000_000), ["session.signed_in"]),
        (Filter(from_us=2_000_000, before_us=3_000_000), ["key.created"]),
        (Filter(actor_id="ann", action="key"), ["key.created"]),
    ],
)
async def test_filters(db: Database, wanted: Filter, found: list[str]) -> None:
    await append(db, "session.signed_in", time=1_000_000)
    await append(db, "key.created", time=2_000_000)
    await append(db, "session.failed", actor="bob", time=3_000_000)
    assert [event.action for event in await db.read(lambda tx: audit_events.page(tx, wanted, 10))] == found
    walked = await db.read(lambda tx: audit_events.walk(tx, wanted, 10, 0, 100))
    assert [event.action for event in reversed(walked)] == found


@pytest.mark.parametrize("change", ["UPDATE audit_events SET actor_id = 'eve'", "DELETE FROM audit_events"])
async def test_the_database_refuses_to_change_the_log(db: Database, change: str) -> None:
    numbers = await append(db, "session.failed")
    with pytest.raises((sqlite3.IntegrityError, asyncpg.RaiseError), match="only appended to"):
        await db.write(lambda tx: tx.execute(change))
    (event,) = await db.read(lambda tx: audit_events.page(tx, EVERYTHING, 10))
    assert (event.number, event.actor_id) == (numbers[0], "ann")


async def test_postgresql_refuses_to_empty_the_log(postgres_db: Database) -> None:
    await append(postgres_db, "session.failed")
    with pytest.raises(asyncpg.RaiseError, match="only appended to"):
        await postgres_db.write(lambda tx: tx.execute("TRUNCATE audit_events"))
    assert await postgres_db.read(audit_events.newest) == 1


async def test_numbers_are_not_used_twice(db: Database) -> None:
    class GaveUpError(Exception):
        pass

    async def fails(tx: Tx) -> None:
        await audit_events.append(tx, AuditEvent(action="a"), 1)
        raise GaveUpError

    first = await append(db, "a.b")
    with pytest.raises(GaveUpError):
        await db.write(fails)
    second = await append(db, "a.c")
    assert second[0] > first[0]
    assert await db.read(audit_events.newest) == second[0]

"""What a transaction body can rely on, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from fireside.core.errors import (
    AlreadyExistsError,
    InvalidArgumentError,
    NotFoundError,
    UnavailableError,
)
from fireside.store import account_events, conversations, messages
from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.tx import TransactionMisuseError, Tx
from tests.store_rows import OWNER, conversation, have_conversation, have_messages, message


async def ids(db: Database) -> list[str]:
    rows = await db.read(lambda tx: conversations.page(tx, OWNER, query="", limit=1_000, before=None))
    return sorted(c.id for c in rows)


async def test_a_body_returns_its_result_and_sees_its_own_writes(db: Database) -> None:
    async def body(tx: Tx) -> tuple[str, int]:
        await conversations.insert(tx, OWNER, conversation("c"))
        found = await conversations.get(tx, OWNER, "c")
        assert found is not None
        return found.id, await tx.execute("DELETE FROM conversations WHERE id = $1", "nowhere")

    assert await db.write(body) == ("c", 0)


async def test_an_error_of_the_body_rolls_all_of_it_back_and_is_raised(db: Database) -> None:
    async def body(tx: Tx) -> None:
        await conversations.insert(tx, OWNER, conversation("c"))
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await db.write(body)
    assert await ids(db) == []


async def test_bodies_that_fail_do_not_hurt_those_beside_them(db: Database) -> None:
    await have_conversation(db, "taken")

    async def one(number: int) -> str:
        async def body(tx: Tx) -> None:
            await conversations.insert(tx, OWNER, conversation(f"c{number:02}"))
            match number % 5:
                case 1:
                    raise LookupError
                case 2:
                    await conversations.insert(tx, OWNER, conversation("taken"))
                case 3:
                    await messages.insert(tx, message("m", within="nowhere"))
                case 4:
                    await conversations.insert(tx, OWNER, conversation("n\0l"))
                case _:
                    pass

        try:
            await db.write(body)
        except (LookupError, AlreadyExistsError, NotFoundError, InvalidArgumentError) as error:
            return type(error).__name__
        return "written"

    outcomes = await asyncio.gather(*(one(number) for number in range(40)))
    expected = ["written", "LookupError", "AlreadyExistsError", "NotFoundError", "InvalidArgumentError"]
    assert outcomes == expected * 8
    assert await ids(db) == [f"c{number:02}" for number in range(0, 40, 5)] + ["taken"]


async def test_a_read_body_cannot_write(db: Database) -> None:
    with pytest.raises(TransactionMisuseError):
        await db.read(lambda tx: conversations.insert(tx, OWNER, conversation("c")))
    assert await ids(db) == []
    await have_conversation(db)


async def test_a_read_body_sees_one_moment(db: Database) -> None:
    await have_conversation(db)
    await have_messages(db, message("m0"))
    writing = True

    async def write() -> None:
        for number in range(1, 40):
            await have_messages(db, message(f"m{number}"), message(f"n{number}"))

    async def body(tx: Tx) -> tuple[int, int]:
        first = await messages.children(tx, "c", "")
        return len(first), len(await messages.children(tx, "c", ""))

    async def read() -> None:
        while writing:
            first, second = await db.read(body)
            assert first == second
            assert first % 2 == 1

    readers = [asyncio.create_task(read()) for _ in range(3)]
    await write()
    writing = False
    await asyncio.gather(*readers)


async def test_a_read_sees_what_was_written_before_it(db: Database) -> None:
    for number in range(30):
        await have_conversation(db, f"c{number:02}")
        assert len(await ids(db)) == number + 1


async def test_lost_updates_do_not_happen(db: Database) -> None:
    await have_conversation(db, title="0")

    async def body(tx: Tx) -> None:
        c = await conversations.get(tx, OWNER, "c")
        assert c is not None
        c.title = str(int(c.title) + 1)
        await conversations.update(tx, OWNER, c)

    # Few enough at a time for PostgreSQL's retries to win each race.
    for _ in range(10):
        await asyncio.gather(*(db.write(body) for _ in range(2)))
    c = await db.read(lambda tx: conversations.get(tx, OWNER, "c"))
    assert c is not None
    assert (c.title, c.etag) == ("20", "r15")


async def test_a_closed_database_says_so_and_closes_twice(db: Database) -> None:
    await db.close()
    for call in (db.read, db.write):
        with pytest.raises(UnavailableError):
            await call(lambda tx: account_events.bounds(tx, OWNER))
    await db.close()


async def test_closing_lets_what_was_asked_for_complete(database_url: str) -> None:
    db = await open_database(database_url, StoreOptions())
    tasks = [asyncio.create_task(have_conversation(db, f"c{number}")) for number in range(20)]
    # The first has returned, so all have asked.
    await tasks[0]
    await asyncio.gather(db.close(), *tasks)
    db = await open_database(database_url, StoreOptions())
    assert len(await ids(db)) == 20
    await db.close()


async def test_a_cancelled_write_leaves_the_database_usable(db: Database) -> None:
    for turns in range(12):
        task = asyncio.create_task(have_conversation(db, f"c{turns}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await have_conversation(db, "last")
    assert "last" in await ids(db)


async def test_the_seven_character_etag_of_many_changes_is_read_back(db: Database) -> None:
    c = await have_conversation(db)
    await db.write(lambda tx: tx.execute("UPDATE conversations SET revision = $1", 0xABCDEF))
    found = await db.read(lambda tx: conversations.get(tx, OWNER, "c"))
    assert found is not None
    assert found.etag == "rabcdef"
    assert (await db.write(lambda tx: conversations.update(tx, OWNER, found))).etag == "rabcdf0"
    assert c.etag == "r1"

"""What only PostgreSQL does: races between processes, and a server that goes away."""

from __future__ import annotations

import asyncio

import pytest

from fireside.core.errors import UnavailableError
from fireside.store import account_events, conversations, generations
from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.generations import LogBatch
from fireside.store.tx import Tx
from tests.postgres import PostgresServer
from tests.store_rows import LEASE, OWNER, conversation, have_conversation, have_generation


async def test_the_same_start_at_once_finds_what_the_other_wrote(postgres_db: Database) -> None:
    assert not postgres_db.exclusive
    runs = 0

    async def body(tx: Tx) -> str:
        nonlocal runs
        runs += 1
        found = await conversations.get(tx, OWNER, "c")
        return (found or await conversations.insert(tx, OWNER, conversation("c"))).etag

    assert await asyncio.gather(*(postgres_db.write(body) for _ in range(15))) == ["r1"] * 15
    assert runs >= 15


async def test_a_deadlock_is_run_again(postgres_db: Database) -> None:
    for name in ("a", "b"):
        await have_conversation(postgres_db, name)
    met = asyncio.Barrier(2)

    async def body(tx: Tx, first: str, second: str) -> None:
        await tx.execute("UPDATE conversations SET title_folded = 'x' WHERE id = $1", first)
        if not met.broken and runs[first] == 0:
            runs[first] += 1
            await met.wait()
        await tx.execute("UPDATE conversations SET title_folded = 'x' WHERE id = $1", second)

    runs = {"a": 0, "b": 0}
    async with asyncio.timeout(20):
        await asyncio.gather(
            postgres_db.write(lambda tx: body(tx, "a", "b")), postgres_db.write(lambda tx: body(tx, "b", "a"))
        )


async def test_a_log_is_not_written_by_two(postgres_db: Database) -> None:
    await have_conversation(postgres_db)
    await have_generation(postgres_db, "g")
    taken, release = asyncio.Event(), asyncio.Event()

    async def take(tx: Tx) -> bool:
        won = await generations.take(tx, "g", generations.Lease("run-2", 9_000), now_us=5_000)
        taken.set()
        await release.wait()
        return won

    taking = asyncio.create_task(postgres_db.write(take))
    await taken.wait()
    # It waits for the row, then sees that the lease is another's.
    appending = asyncio.create_task(
        postgres_db.write(lambda tx: generations.append(tx, [LogBatch("g", 1, 1, b"x", 9)], LEASE))
    )
    release.set()
    assert await taking is True
    assert await appending == ["g"]
    assert await postgres_db.read(lambda tx: generations.events(tx, "g", 0, 9)) == []


async def test_a_lost_connection_is_unavailable_and_a_new_one_is_made(
    postgres_db: Database, postgres_server: PostgresServer
) -> None:
    await have_conversation(postgres_db)
    begun = asyncio.Event()

    async def body(tx: Tx) -> None:
        await tx.execute("DELETE FROM conversations")
        begun.set()
        await tx.fetch("SELECT pg_sleep(30)")

    task = asyncio.create_task(postgres_db.write(body))
    await begun.wait()
    await postgres_server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fireside'"
    )
    with pytest.raises(UnavailableError) as caught:
        await task
    assert "Nothing was changed" in caught.value.message
    assert await postgres_db.read(lambda tx: conversations.get(tx, OWNER, "c")) is not None


async def test_a_statement_that_takes_too_long_is_given_up(postgres_url: str) -> None:
    db = await open_database(postgres_url, StoreOptions(pool_size=1, timeout=0.2))
    with pytest.raises(UnavailableError):
        await db.write(lambda tx: tx.fetch("SELECT pg_sleep(30)"))
    assert await db.read(lambda tx: account_events.bounds(tx, OWNER)) == (0, 0)
    await db.close()


@pytest.mark.parametrize("database", ["nowhere", "postgres"])
async def test_a_server_that_cannot_be_reached_is_told(postgres_server: PostgresServer, database: str) -> None:
    url = postgres_server.url(database) if database == "nowhere" else "postgresql://u@127.0.0.1:1/x"
    with pytest.raises(UnavailableError) as caught:
        await open_database(url, StoreOptions(timeout=2))
    assert caught.value.reason == "DATABASE_UNAVAILABLE"

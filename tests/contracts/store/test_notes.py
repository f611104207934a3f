"""What one process tells another through the database, on both: after the commit, to the others alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from fireside.core.errors import UnavailableError
from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.dialects.base import MISSED
from fireside.store.hold import hold
from fireside.store.tx import NOTE_BYTES, Body, TransactionMisuseError, Tx
from fireside.store.urls import sqlite_url
from tests.postgres import PostgresServer
from tests.store_rows import have_conversation

WAIT = 30.0
Opener: TypeAlias = "Callable[[], Awaitable[tuple[Database, Heard]]]"


class Heard:
    """The notes that a database's listener was told."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str]] = []
        self._news = asyncio.Event()

    def __call__(self, topic: str, payload: str) -> None:
        self.notes.append((topic, payload))
        self._news.set()

    async def until(self, arrived: Callable[[list[tuple[str, str]]], bool]) -> None:
        async with asyncio.timeout(WAIT):
            while not arrived(self.notes):
                self._news.clear()
                await self._news.wait()


def telling(*notes: tuple[str, str]) -> Body[None]:
    async def body(tx: Tx) -> None:
        for topic, payload in notes:
            await tx.notify(topic, payload)

    return body


@pytest.fixture
async def shared(database_url: str) -> AsyncIterator[Opener]:
    """Opens the database as one of several processes does."""
    held = await asyncio.to_thread(hold, database_url)
    async with AsyncExitStack() as stack:
        if held is not None:
            stack.callback(os.close, held)

        async def one() -> tuple[Database, Heard]:
            db = await open_database(database_url, StoreOptions(shared=True))
            stack.push_async_callback(db.close)
            heard = Heard()
            await db.listen(heard)
            return db, heard

        yield one


async def test_the_others_hear_what_was_committed_and_whoever_says_it_does_not(shared: Opener) -> None:
    (one, of_one), (_, of_two), (_, of_three) = await shared(), await shared(), await shared()
    assert not one.exclusive
    await one.write(telling(("news", "ä b"), ("news", "ä b"), ("other", "")))
    for heard in (of_two, of_three):
        await heard.until(lambda notes: len(notes) == 2)
        assert heard.notes == [("news", "ä b"), ("other", "")]
    assert of_one.notes == []


async def test_what_is_rolled_back_is_not_told(shared: Opener) -> None:
    (one, _), (_, heard) = await shared(), await shared()

    async def fails(tx: Tx) -> None:
        await tx.notify("lost", "")
        raise LookupError

    with pytest.raises(LookupError):
        await one.write(fails)
    await one.write(telling(("kept", "")))
    await heard.until(bool)
    assert heard.notes == [("kept", "")]


async def test_what_is_told_is_in_the_store(shared: Opener) -> None:
    (one, _), (two, heard) = await shared(), await shared()

    async def body(tx: Tx) -> None:
        await tx.notify("made", "c")

    for number in range(20):
        await asyncio.gather(have_conversation(one, f"c{number}"), one.write(body))
    await heard.until(bool)

    async def count(tx: Tx) -> object:
        return (await tx.fetch("SELECT count(*) FROM conversations"))[0][0]

    assert await two.read(count)


async def test_notes_are_small_and_belong_to_writes(shared: Opener) -> None:
    (one, _), (_, heard) = await shared(), await shared()
    await one.write(telling(("big", "x" * NOTE_BYTES)))
    await heard.until(bool)
    assert heard.notes == [("big", "x" * NOTE_BYTES)]
    for wrong in (("big", "x" * (NOTE_BYTES + 1)), ("two words", ""), ("", "")):
        with pytest.raises(ValueError, match="note"):
            await one.write(telling(wrong))
    with pytest.raises(TransactionMisuseError):
        await one.read(telling(("read", "")))


async def test_many_notes_at_once_all_arrive_or_are_said_to_be_missed(shared: Opener) -> None:
    (one, _), (_, heard) = await shared(), await shared()
    await asyncio.gather(*(one.write(telling(("n", str(number)))) for number in range(1500)))
    await one.write(telling(("last", "")))
    await heard.until(lambda notes: ("last", "") in notes or (MISSED, "") in notes)
    if (MISSED, "") not in heard.notes:
        assert sorted(int(payload) for topic, payload in heard.notes if topic == "n") == list(range(1500))


async def test_who_has_the_database_alone_tells_nobody(sqlite_database_url: str) -> None:
    db = await open_database(sqlite_database_url)
    heard = Heard()
    await db.listen(heard)
    await db.write(telling(("news", "")))
    with pytest.raises(UnavailableError):
        await asyncio.to_thread(hold, sqlite_database_url)
    await db.close()
    assert heard.notes == []


async def test_the_path_of_a_database_may_be_longer_than_that_of_a_socket(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / ("long" * 30) / "fireside.db")
    held = await asyncio.to_thread(hold, url)
    assert held is not None
    one, two = [await open_database(url, StoreOptions(shared=True)) for _ in range(2)]
    heard = Heard()
    await two.listen(heard)
    await one.write(telling(("news", "")))
    await heard.until(bool)
    await two.close()
    # The one that is left finds that out by itself.
    await one.write(telling(("news", "")))
    await one.close()
    os.close(held)


async def test_a_listener_whose_connection_was_lost_is_told_that_it_missed_something(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    one, two = [await open_database(postgres_url) for _ in range(2)]
    heard = Heard()
    await two.listen(heard)
    await postgres_server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE query LIKE '%pg_locks%' AND pid <> pg_backend_pid()"
    )
    await heard.until(lambda notes: (MISSED, "") in notes)
    await one.write(telling(("again", "")))
    await heard.until(lambda notes: ("again", "") in notes)
    await one.close()
    await two.close()

"""Changes of accounts reach every process on a store, also when a note is lost. Two servers on PostgreSQL stand for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fireside.core.errors import FailedPreconditionError
from fireside.identity.changes import COUNTER, EVERYBODY, Changes
from fireside.store import counters
from fireside.store.db import StoreOptions, open_database
from fireside.store.tx import Tx

SOON = 5.0


class Process:
    """What one process hears."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        changes.listen(self.heard.put_nowait)

    async def next(self) -> str:
        async with asyncio.timeout(SOON):
            return await self.heard.get()


@asynccontextmanager
async def process(url: str) -> AsyncIterator[Process]:
    db = await open_database(url, StoreOptions())
    changes = Changes(db)
    try:
        opened = Process(changes)
        await changes.open()
        assert await opened.next() == EVERYBODY, "what was read before it listened may be old"
        yield opened
    finally:
        await changes.aclose()
        await db.close()


async def nothing(_tx: Tx) -> None:
    pass


async def test_every_process_hears_of_a_change(postgres_url: str) -> None:
    async with process(postgres_url) as one, process(postgres_url) as two:
        await one.changes.write("ann", nothing)
        assert one.heard.get_nowait() == "ann", "in the process itself at once"
        assert await two.next() == "ann"
        await two.changes.write(EVERYBODY, nothing)
        assert await one.next() == EVERYBODY


async def test_a_change_that_nobody_told_of_is_seen(postgres_url: str) -> None:
    async with process(postgres_url) as one, process(postgres_url) as two:
        await one.changes.write("ann", nothing)
        assert await two.next() == "ann"
        # As after a note that was lost.
        lost = await open_database(postgres_url, StoreOptions())
        await lost.write(lambda tx: counters.increment(tx, COUNTER))
        await lost.close()
        assert await two.next() == EVERYBODY
        assert two.heard.empty()


async def test_what_is_refused_is_no_change(postgres_url: str) -> None:
    async def refused(_tx: Tx) -> None:
        raise FailedPreconditionError("NO", "No.")

    async with process(postgres_url) as one, process(postgres_url) as two:
        with pytest.raises(FailedPreconditionError):
            await one.changes.write("ann", refused)
        await one.changes.write("bob", nothing)
        assert await two.next() == "bob"
        assert await one.changes.count() == 1

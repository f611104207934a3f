"""One SQLite file written by several processes: nothing is lost, nobody is kept out, and the event loop never waits."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fireside.core.errors import UnavailableError
from fireside.store import accounts
from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.hold import hold
from fireside.store.tx import Tx
from tests.contracts.store.sharing_child import increment
from tests.store_rows import OWNER

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def child(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.contracts.store.sharing_child", *arguments, cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_of(process: asyncio.subprocess.Process) -> str:
    if process.stdout is None:
        pytest.fail("the child has no output")
    return (await process.stdout.readline()).decode().strip()


@pytest.fixture
async def held_url(sqlite_database_url: str) -> AsyncIterator[str]:
    """A database that is there to be shared, with one account."""
    held = await asyncio.to_thread(hold, sqlite_database_url)
    db = await open_database(sqlite_database_url, StoreOptions(shared=True))
    await db.write(lambda tx: accounts.ensure(tx, OWNER))
    await db.close()
    yield sqlite_database_url
    if held is not None:
        os.close(held)


async def counted(db: Database) -> object:
    async def body(tx: Tx) -> object:
        return (await tx.fetch("SELECT event_seq FROM accounts"))[0][0]

    return await db.read(body)


async def test_processes_that_write_at_the_same_time_lose_nothing(held_url: str) -> None:
    async with (
        asyncio.timeout(120),
        child("count", held_url, "8", "60") as one,
        child("count", held_url, "8", "60") as two,
    ):
        db = await open_database(held_url, StoreOptions(shared=True))
        await asyncio.gather(*(db.write(increment) for _ in range(200)))
        assert [await line_of(process) for process in (one, two)] == ["done", "done"]
        assert await counted(db) == 2 * 8 * 60 + 200
        await db.close()


async def test_a_process_that_hangs_in_a_transaction_blocks_no_loop_and_its_death_frees_the_file(held_url: str) -> None:
    async with asyncio.timeout(120), child("keep", held_url) as process:
        db = await open_database(held_url, StoreOptions(shared=True, timeout=0.2))
        assert await line_of(process) == "inside"
        with pytest.raises(UnavailableError) as caught:
            await db.write(increment)
        assert caught.value.reason == "DATABASE_BUSY"
        # Reading goes on, and what was not committed is not seen.
        assert await counted(db) == 0
        process.kill()
        await process.wait()
        while True:
            try:
                await db.write(increment)
            except UnavailableError:  # the thread has not had its turn yet
                continue
            break
        assert await counted(db) == 1
        await db.close()

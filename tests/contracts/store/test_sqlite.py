"""What only SQLite does: the writer thread, the lock, and what is left after a crash or on a full disk."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from fireside.core.errors import UnavailableError
from fireside.store import conversations
from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.tx import TransactionMisuseError, Tx
from fireside.store.urls import sqlite_url
from tests.store_rows import OWNER, conversation, have_conversation

ROOT = Path(__file__).parents[3]


async def exists(db: Database, name: str) -> bool:
    return await db.read(lambda tx: conversations.get(tx, OWNER, name)) is not None


async def start_child(command: str, url: str) -> asyncio.subprocess.Process:
    module = "tests.contracts.store.sqlite_child"
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, command, url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )


class Gate:
    """A write body that waits, on the writer thread, until it is let through."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    async def body(self, tx: Tx) -> None:
        self.entered.set()
        self.opened.wait(10)
        await conversations.insert(tx, OWNER, conversation("gate"))


async def test_a_write_that_is_cancelled_in_the_queue_is_dropped(sqlite_db: Database) -> None:
    gate = Gate()
    first = asyncio.create_task(sqlite_db.write(gate.body))
    await asyncio.to_thread(gate.entered.wait, 10)
    ran = False

    async def body(tx: Tx) -> None:
        nonlocal ran
        ran = True

    queued = asyncio.create_task(sqlite_db.write(body))
    beside = asyncio.create_task(have_conversation(sqlite_db, "beside"))
    await asyncio.sleep(0)
    queued.cancel()
    gate.opened.set()
    await asyncio.gather(first, beside)
    assert queued.cancelled()
    assert not ran


async def test_a_write_that_was_begun_completes_without_its_caller(sqlite_db: Database) -> None:
    gate = Gate()
    task = asyncio.create_task(sqlite_db.write(gate.body))
    await asyncio.to_thread(gate.entered.wait, 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    gate.opened.set()
    # The next write comes after it on the same thread.
    await have_conversation(sqlite_db)
    assert await exists(sqlite_db, "gate")


async def test_writes_of_one_moment_share_a_commit(sqlite_db: Database, tmp_path: Path) -> None:
    wal = tmp_path / "fireside.db-wal"
    await have_conversation(sqlite_db, "warm")
    before = wal.stat().st_size
    await asyncio.gather(*(have_conversation(sqlite_db, f"c{number}") for number in range(50)))
    # Each commit writes a frame for each page that it changed; fifty of them would write hundreds.
    assert (wal.stat().st_size - before) / 4_120 < 50


async def yields() -> None:
    await asyncio.sleep(0)


async def needs_the_loop() -> None:
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("something", [yields, needs_the_loop])
async def test_a_body_that_awaits_something_else_is_told_so(
    sqlite_db: Database, something: Callable[[], Awaitable[None]]
) -> None:
    async def body(tx: Tx) -> None:
        await tx.execute("SELECT 1")
        await something()

    for call in (sqlite_db.write, sqlite_db.read):
        with pytest.raises(TransactionMisuseError):
            await call(body)
    await have_conversation(sqlite_db)


async def test_commits_wait_for_the_disk(sqlite_db: Database) -> None:
    async def body(tx: Tx) -> list[object]:
        return [(await tx.fetch(f"PRAGMA {name}"))[0][0] for name in ("journal_mode", "synchronous", "foreign_keys")]

    assert await sqlite_db.write(body) == ["wal", 2, 1]
    assert await sqlite_db.read(body) == ["wal", 2, 1]


async def test_a_second_server_on_the_same_file_is_refused(sqlite_db: Database, sqlite_database_url: str) -> None:
    assert sqlite_db.exclusive
    with pytest.raises(UnavailableError) as caught:
        await open_database(sqlite_database_url, StoreOptions())
    assert caught.value.reason == "DATABASE_IN_USE"
    assert "process" in caught.value.message
    await sqlite_db.close()
    again = await open_database(sqlite_database_url, StoreOptions())
    await again.close()


async def test_a_new_database_is_readable_by_its_owner_alone(sqlite_db: Database, tmp_path: Path) -> None:
    await have_conversation(sqlite_db)
    files = [tmp_path / f"fireside.db{suffix}" for suffix in ("", "-wal", "-shm", ".lock")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


async def test_folders_are_made_and_any_character_may_be_in_their_names(tmp_path: Path) -> None:
    path = tmp_path / "a b" / "100% ü?#" / "x.db"
    db = await open_database(sqlite_url(path), StoreOptions())
    await db.close()
    assert path.exists()


async def test_what_is_no_database_of_ours_is_left_alone(tmp_path: Path) -> None:
    text, other, folder = tmp_path / "text.db", tmp_path / "other.db", tmp_path / "folder.db"
    text.write_text("not a database at all, and long enough to have a header" * 9, "utf-8")
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE theirs (id)")
    connection.close()
    folder.mkdir()
    for path in (text, other, folder):
        with pytest.raises(UnavailableError) as caught:
            await open_database(sqlite_url(path), StoreOptions())
        assert str(path) in caught.value.message
    assert text.read_text("utf-8").startswith("not a database")


async def test_nothing_acknowledged_is_lost_when_the_process_is_killed(sqlite_database_url: str) -> None:
    child = await start_child("write", sqlite_database_url)
    assert child.stdout is not None
    acknowledged: list[str] = []
    async with asyncio.timeout(30):
        while len(acknowledged) < 500:
            acknowledged.append((await child.stdout.readline()).decode().strip())
        child.kill()
        # What was said before the kill is in the pipe; the last line may be cut.
        rest = (await child.stdout.read()).decode()
        await child.wait()
    acknowledged += rest.split("\n")[:-1]
    db = await open_database(sqlite_database_url, StoreOptions())

    async def stored(tx: Tx) -> set[object]:
        return {row[0] for row in await tx.fetch("SELECT id FROM conversations")}

    assert set(acknowledged) <= await db.read(stored)
    await db.close()


# The small ones fail in the commit. The large ones do not fit in SQLite's cache: one of them fails in the middle of
# the transaction, and those behind it are tried in the next one.
@pytest.mark.parametrize("size", [30_000, 300_000])
async def test_a_full_disk_fails_the_whole_batch_clearly_and_only_while_it_is_full(
    sqlite_database_url: str, size: int
) -> None:
    child = await start_child(str(size), sqlite_database_url)
    async with asyncio.timeout(30):
        output, _ = await child.communicate()
    lines = output.decode().split()
    assert lines == ["DATABASE_WRITE_FAILED"] * 20 + ["LookupError", "written", "none-of-the-failed"]

"""SQLite: one thread writes and commits many bodies at once, a few threads read. Not the file itself: see sqlite_file.py.

A commit has to wait for the disk (a quarter of a millisecond to ten); sharing it is what makes thousands of durable
writes a second possible. Bodies are coroutines only so that they read the same on every database: here they never
wait for anything, and one `send` runs them from start to end.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import threading
from collections import deque
from contextlib import suppress
from functools import lru_cache
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, NamedTuple, cast

from fireside.core.errors import NotFoundError, UnavailableError
from fireside.store.dialects import sqlite_file
from fireside.store.tx import T, TransactionMisuseError, id_taken, refuse_nul

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fireside.store.dialects.base import StoreOptions
    from fireside.store.tx import Body, Row, Value

# The most bodies that share a commit; it bounds how long the first of them waits.
_BATCH = 512

_MISUSE = "A transaction body may await nothing but its transaction."


async def open_sqlite(path: Path, options: StoreOptions) -> SqliteDatabase:
    """Opens the database at an absolute path, makes it if it is not there, and brings its schema up to date."""
    return await asyncio.to_thread(_open, path, options, asyncio.get_running_loop())


def _open(path: Path, options: StoreOptions, loop: asyncio.AbstractEventLoop) -> SqliteDatabase:
    lock = sqlite_file.lock(path)
    try:
        sqlite_file.prepare(path, options.timeout)
        return SqliteDatabase(path, options, loop, lock)
    except BaseException:
        os.close(lock)
        raise


class SqliteTx:
    """Runs the statements of one body on the connection of its thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: Value) -> Sequence[Row]:
        """See Tx."""
        refuse_nul(args)
        try:
            return self._connection.execute(_numbered(sql), args).fetchall()
        except sqlite3.Error as error:
            raise _told(error) from error

    async def execute(self, sql: str, *args: Value) -> int:
        """See Tx."""
        refuse_nul(args)
        try:
            return self._connection.execute(_numbered(sql), args).rowcount
        except sqlite3.Error as error:
            raise _told(error) from error

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        """See Tx."""
        for row in rows:
            refuse_nul(row)
        try:
            self._connection.executemany(_numbered(sql), rows)
        except sqlite3.Error as error:
            raise _told(error) from error


class _Job(NamedTuple, Generic[T]):
    body: Body[T]
    future: asyncio.Future[T]


class _Outcome(NamedTuple):
    future: asyncio.Future[object]
    result: object
    error: BaseException | None


class _Mailbox:
    """Hands outcomes from threads to the event loop, with one wake-up for as many as there are."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._outcomes: deque[_Outcome] = deque()
        self._woken = False

    def put(self, outcomes: Sequence[_Outcome]) -> None:
        """Called in a thread."""
        self._outcomes.extend(outcomes)
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._resolve)
            except RuntimeError:
                # The loop is closed, and with it everybody who waited for this.
                self._outcomes.clear()

    def _resolve(self) -> None:
        # Lowered first: what a thread adds from here on is either seen below or causes another wake-up.
        self._woken = False
        while self._outcomes:
            future, result, error = self._outcomes.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


class SqliteDatabase:
    """A Database in one file. It belongs to the event loop that opened it, and to this process alone."""

    dialect = "sqlite"
    exclusive = True

    def __init__(self, path: Path, options: StoreOptions, loop: asyncio.AbstractEventLoop, lock: int) -> None:
        self._loop = loop
        self._lock = lock
        self._closing: asyncio.Future[None] | None = None
        # Writes that were asked for in one turn of the loop travel to the writer together.
        self._asked: list[_Job[object]] = []
        self._writes: SimpleQueue[list[_Job[object]] | None] = SimpleQueue()
        self._reads: SimpleQueue[_Job[object] | None] = SimpleQueue()
        mailbox = _Mailbox(loop)
        writer = _Writer(sqlite_file.connect(path, options.timeout, query_only=False), self._writes, mailbox)
        readers = [
            _Reader(sqlite_file.connect(path, options.timeout, query_only=True), self._reads, mailbox)
            for _ in range(options.readers)
        ]
        self._threads = [
            threading.Thread(target=worker.run, name=f"fireside-sqlite-{number}", daemon=True)
            for number, worker in enumerate([writer, *readers])
        ]
        for thread in self._threads:
            thread.start()

    async def write(self, body: Body[T]) -> T:
        """See Database."""
        self._check_open()
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._asked:
            self._loop.call_soon(self._hand_over)
        self._asked.append(cast("_Job[object]", _Job(body, future)))
        return await future

    async def read(self, body: Body[T]) -> T:
        """See Database."""
        self._check_open()
        future: asyncio.Future[T] = self._loop.create_future()
        self._reads.put(cast("_Job[object]", _Job(body, future)))
        return await future

    async def close(self) -> None:
        """See Database."""
        if self._closing is None:
            self._hand_over()
            self._writes.put(None)
            for _ in self._threads[1:]:
                self._reads.put(None)
            self._closing = asyncio.ensure_future(asyncio.to_thread(self._join))
        await asyncio.shield(self._closing)

    def _check_open(self) -> None:
        if self._closing is not None:
            raise UnavailableError("DATABASE_CLOSED", "The server is shutting down; try again in a moment.")

    def _hand_over(self) -> None:
        if self._asked:
            self._writes.put(self._asked)
            self._asked = []

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()
        os.close(self._lock)


class _Reader:
    """A thread that runs read bodies, one after the other, each on a snapshot."""

    def __init__(
        self, connection: sqlite3.Connection, jobs: SimpleQueue[_Job[object] | None], mailbox: _Mailbox
    ) -> None:
        self._connection = connection
        self._jobs = jobs
        self._mailbox = mailbox

    def run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not job.future.cancelled():
                self._mailbox.put([self._read(job)])
        self._connection.close()

    def _read(self, job: _Job[object]) -> _Outcome:
        try:
            self._connection.execute("BEGIN")
            try:
                return _Outcome(job.future, _run(job.body, SqliteTx(self._connection)), None)
            finally:
                _roll_back(self._connection)
        except BaseException as error:  # noqa: BLE001 Whatever a body raises belongs to whoever asked for it.
            return _Outcome(job.future, None, error)


class _Writer:
    """The thread that writes. All that waits when it looks shares one transaction and one commit."""

    def __init__(
        self, connection: sqlite3.Connection, jobs: SimpleQueue[list[_Job[object]] | None], mailbox: _Mailbox
    ) -> None:
        self._connection = connection
        self._jobs = jobs
        self._mailbox = mailbox
        self._pending: deque[_Job[object]] = deque()
        self._ended = False

    def run(self) -> None:
        while self._wait():
            batch = [self._pending.popleft() for _ in range(min(len(self._pending), _BATCH))]
            self._mailbox.put(self._commit(batch))
        # It only refreshes the planner's statistics: a full disk must not keep the server from closing.
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA optimize")
        self._connection.close()

    def _wait(self) -> bool:
        """Collects what was asked for; blocks while there is nothing. False once there will be nothing more."""
        while not self._ended and (not self._pending or not self._jobs.empty()):
            jobs = self._jobs.get()
            if jobs is None:
                self._ended = True
            else:
                self._pending.extend(jobs)
        return bool(self._pending)

    def _commit(self, batch: list[_Job[object]]) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                if not job.future.cancelled():
                    outcomes.append(self._run_alone(job))  # noqa: PERF401 What came before an error must be kept.
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 The thread must outlive whatever happens to one batch.
            _roll_back(self._connection)
            return _failed(batch, outcomes, error)
        return outcomes

    def _run_alone(self, job: _Job[object]) -> _Outcome:
        """Runs a body under its own savepoint. sqlite3.Error: the whole transaction is lost."""
        self._connection.execute("SAVEPOINT body")
        try:
            outcome = _Outcome(job.future, _run(job.body, SqliteTx(self._connection)), None)
        except BaseException as error:
            outcome = _Outcome(job.future, None, error)
            if not self._connection.in_transaction:
                # A full disk can make SQLite drop the transaction, and with it what other bodies wrote.
                raise sqlite3.OperationalError(f"the transaction was dropped: {error}") from error
            self._connection.execute("ROLLBACK TO body")
        self._connection.execute("RELEASE body")
        return outcome


def _failed(batch: list[_Job[object]], outcomes: list[_Outcome], error: Exception) -> list[_Outcome]:
    """What a batch hears that is not durable. Bodies that failed by themselves hear their own reason."""
    own = {outcome.future: outcome for outcome in outcomes if outcome.error is not None}
    return [own.get(job.future) or _Outcome(job.future, None, _told(error)) for job in batch]


def _run(body: Body[T], tx: SqliteTx) -> T:
    """Runs a body from start to end. TransactionMisuseError: it awaited something else than its transaction."""
    coroutine = body(tx)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast("T", stop.value)
    except RuntimeError as error:
        if str(error) == "no running event loop":
            raise TransactionMisuseError(_MISUSE) from error
        raise
    coroutine.close()
    raise TransactionMisuseError(_MISUSE)


def _roll_back(connection: sqlite3.Connection) -> None:
    # Where even this fails, the next BEGIN fails too and says so to its callers.
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@lru_cache(maxsize=1024)
def _numbered(sql: str) -> str:
    """SQLite takes `$1` for a name; `?1` is its way to number a parameter."""
    return re.sub(r"\$(\d+)", r"?\1", sql)


def _told(error: Exception) -> Exception:
    """What a caller can be told of an error of SQLite; a defect of ours stays what it is."""
    name = getattr(error, "sqlite_errorname", "")
    if name in {"SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE"}:
        return id_taken(str(error).rpartition(": ")[2].partition(".")[0])
    if name == "SQLITE_CONSTRAINT_FOREIGNKEY":
        return NotFoundError("REFERENCE_NOT_FOUND", "What this refers to is not there (any more).")
    if name.startswith("SQLITE_READONLY"):
        return TransactionMisuseError("A read body tried to write, or the database file is read-only.")
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_NOMEM")) or (
        not name and isinstance(error, sqlite3.OperationalError)
    ):
        return UnavailableError(
            "DATABASE_WRITE_FAILED",
            f"The database could not be used ({error}); nothing was changed. Make sure that its disk has free space.",
            retry_after=5.0,
        )
    return error

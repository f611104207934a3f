"""SQLite: many bodies share one commit, a thread waits for the disk, a few threads read. Not the file: see sqlite_file.py.

A commit has to wait for the disk (a quarter of a millisecond to ten); sharing it is what makes thousands of durable
writes a second possible. Bodies are coroutines only so that they read the same on every database: here they never
wait for anything, and one `send` runs them from start to end.

The statements of a writing body run on the event loop, and only the commit in a thread. A statement takes about ten
microseconds, but a thread that runs one has to win the interpreter lock back after each, which with a busy event
loop costs up to a switch interval (5 ms) a statement: with 1,000 streams that made a start wait a second.
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

# For so long the event loop may run bodies at a stretch, in seconds; those that are left wait for the next commit.
_STRETCH = 0.03

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

    def tell(self) -> None:
        """On the event loop: lets whoever asked go on."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


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
            self._outcomes.popleft().tell()


class SqliteDatabase:
    """A Database in one file. It belongs to the event loop that opened it, and to this process alone."""

    dialect = "sqlite"
    exclusive = True

    def __init__(self, path: Path, options: StoreOptions, loop: asyncio.AbstractEventLoop, lock: int) -> None:
        self._loop = loop
        self._lock = lock
        self._closing: asyncio.Future[None] | None = None
        self._reads: SimpleQueue[_Job[object] | None] = SimpleQueue()
        mailbox = _Mailbox(loop)
        self._writer = _Writer(sqlite_file.connect(path, options.timeout, query_only=False), loop)
        readers = [
            _Reader(sqlite_file.connect(path, options.timeout, query_only=True), self._reads, mailbox)
            for _ in range(options.readers)
        ]
        self._threads = [
            threading.Thread(target=worker.run, name=f"fireside-sqlite-{number}", daemon=True)
            for number, worker in enumerate([self._writer, *readers])
        ]
        for thread in self._threads:
            thread.start()

    async def write(self, body: Body[T]) -> T:
        """See Database."""
        self._check_open()
        future: asyncio.Future[T] = self._loop.create_future()
        self._writer.ask(cast("_Job[object]", _Job(body, future)))
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
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._writer.end()
        for _ in self._threads[1:]:
            self._reads.put(None)
        await asyncio.to_thread(self._join)

    def _check_open(self) -> None:
        if self._closing is not None:
            raise UnavailableError("DATABASE_CLOSED", "The server is shutting down; try again in a moment.")

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
    """Writes: bodies on the event loop, commits in a thread (`run`), by turns and never both at once.

    What is asked for while a commit is under way shares the next one.
    """

    def __init__(self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._pending: deque[_Job[object]] = deque()
        self._busy = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._commits: SimpleQueue[list[_Outcome] | None] = SimpleQueue()

    def ask(self, job: _Job[object]) -> None:
        """Writes soon: with all that is asked for in the same turn of the loop."""
        self._pending.append(job)
        if not self._busy:
            self._busy = True
            self._idle.clear()
            self._loop.call_soon(self._write)

    async def end(self) -> None:
        """Writes what was asked for and ends the thread, which lets go of the file."""
        while self._busy:
            await self._idle.wait()
        self._commits.put(None)

    def run(self) -> None:
        """The thread: waits for the disk."""
        while (outcomes := self._commits.get()) is not None:
            error: Exception | None = None
            try:
                self._connection.execute("COMMIT")
            except Exception as caught:  # noqa: BLE001 The thread must outlive whatever happens to one commit.
                error = caught
                _roll_back(self._connection)
            with suppress(RuntimeError):  # the loop is closed, and with it everybody who waited for this
                self._loop.call_soon_threadsafe(self._committed, outcomes, error)
        # It only refreshes the planner's statistics: a full disk must not keep the server from closing.
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA optimize")
        self._connection.close()

    def _write(self) -> None:
        outcomes: list[_Outcome] = []
        batch: list[_Job[object]] = []
        until = self._loop.time() + _STRETCH
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            while self._pending and self._loop.time() < until:
                job = self._pending.popleft()
                if not job.future.cancelled():
                    batch.append(job)
                    outcomes.append(self._run_alone(job))
        except Exception as error:  # noqa: BLE001 The writer must outlive whatever happens to one batch.
            _roll_back(self._connection)
            if not batch and self._pending:
                batch.append(self._pending.popleft())
            # Later, not from here: while a disk stays full, each failure would go one call deeper.
            self._loop.call_soon(self._tell, _failed(batch, outcomes, error))
            return
        self._commits.put(outcomes)

    def _committed(self, outcomes: list[_Outcome], error: Exception | None) -> None:
        if error is not None:
            outcomes = [
                outcome if outcome.error is not None else _Outcome(outcome.future, None, _told(error))
                for outcome in outcomes
            ]
        self._tell(outcomes)

    def _tell(self, outcomes: list[_Outcome]) -> None:
        for outcome in outcomes:
            outcome.tell()
        self._busy = False
        if self._pending:
            # At once: a turn of a busy loop is as long as a commit.
            self._busy = True
            self._write()
        else:
            self._idle.set()

    def _run_alone(self, job: _Job[object]) -> _Outcome:
        """Runs a body under its own savepoint. sqlite3.Error: the whole transaction is lost."""
        self._connection.execute("SAVEPOINT body")
        try:
            outcome = _Outcome(job.future, _run(job.body, SqliteTx(self._connection)), None)
        except Exception as error:
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

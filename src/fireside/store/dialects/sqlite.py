"""SQLite: many bodies share one commit, a thread waits for the disk, a few threads read. Not the file: see sqlite_file.py.

A commit has to wait for the disk (a quarter of a millisecond to ten); sharing it is what makes thousands of durable
writes a second possible.

The statements of a writing body run on the event loop, and only the commit in a thread. A statement takes about ten
microseconds, but a thread that runs one has to win the interpreter lock back after each, which with a busy event
loop costs up to a switch interval (5 ms) a statement: with 1,000 streams that made a start wait a second.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, cast

from fireside.core.errors import UnavailableError
from fireside.store.dialects import sqlite_file
from fireside.store.dialects.sqlite_peers import Peers, shared_folder
from fireside.store.dialects.sqlite_turns import Turns
from fireside.store.dialects.sqlite_tx import Job, Outcome, SqliteTx, roll_back, run
from fireside.store.dialects.sqlite_writer import SharedWriter, Writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from fireside.store.dialects.base import Listener, StoreOptions
    from fireside.store.tx import Body, T


async def open_sqlite(path: Path, options: StoreOptions) -> SqliteDatabase:
    """Opens the database at an absolute path, makes it if it is not there, and brings its schema up to date."""
    db = await asyncio.to_thread(_open, path, options, asyncio.get_running_loop())
    if db.peers is not None:
        db.peers.open()
    return db


def _open(path: Path, options: StoreOptions, loop: asyncio.AbstractEventLoop) -> SqliteDatabase:
    if options.shared:
        return SqliteDatabase(path, options, loop, None)
    lock = sqlite_file.lock(path)
    try:
        sqlite_file.prepare(path, options.timeout)
        return SqliteDatabase(path, options, loop, lock)
    except BaseException:
        os.close(lock)
        raise


class _Mailbox:
    """Hands outcomes from threads to the event loop, with one wake-up for as many as there are."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._outcomes: deque[Outcome] = deque()
        self._woken = False

    def put(self, outcomes: Sequence[Outcome]) -> None:
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
    """A Database in one file. It belongs to the event loop that opened it."""

    dialect = "sqlite"

    def __init__(self, path: Path, options: StoreOptions, loop: asyncio.AbstractEventLoop, lock: int | None) -> None:
        """`lock` is what keeps other processes out; without, they share the file, and the options say so."""
        self.exclusive = lock is not None
        self.peers = None if self.exclusive else Peers(shared_folder(path), loop)
        self._loop = loop
        self._lock = lock
        self._closing: asyncio.Future[None] | None = None
        self._reads: SimpleQueue[Job[object] | None] = SimpleQueue()
        mailbox = _Mailbox(loop)
        writing = sqlite_file.connect(path, options.timeout, query_only=False)
        if self.peers is None:
            self._writer = Writer(writing, loop)
        else:
            turns = Turns(shared_folder(path))
            self._writer = SharedWriter(writing, loop, turns, self.peers.tell, options.timeout)
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
        self._writer.ask(cast("Job[object]", Job(body, future)))
        return await future

    async def read(self, body: Body[T]) -> T:
        """See Database."""
        self._check_open()
        future: asyncio.Future[T] = self._loop.create_future()
        self._reads.put(cast("Job[object]", Job(body, future)))
        return await future

    async def listen(self, listener: Listener) -> None:
        """See Database."""
        if self.peers is not None:
            self.peers.listen(listener)

    async def close(self) -> None:
        """See Database."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._writer.end()
        if self.peers is not None:
            self.peers.close()
        for _ in self._threads[1:]:
            self._reads.put(None)
        await asyncio.to_thread(self._join)

    def _check_open(self) -> None:
        if self._closing is not None:
            raise UnavailableError("DATABASE_CLOSED", "The server is shutting down; try again in a moment.")

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()
        if self._lock is not None:
            os.close(self._lock)


class _Reader:
    """A thread that runs read bodies, one after the other, each on a snapshot."""

    def __init__(
        self, connection: sqlite3.Connection, jobs: SimpleQueue[Job[object] | None], mailbox: _Mailbox
    ) -> None:
        self._connection = connection
        self._jobs = jobs
        self._mailbox = mailbox

    def run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not job.future.cancelled():
                self._mailbox.put([self._read(job)])
        self._connection.close()

    def _read(self, job: Job[object]) -> Outcome:
        try:
            self._connection.execute("BEGIN")
            try:
                return Outcome(job.future, run(job.body, SqliteTx(self._connection, None)), None)
            finally:
                roll_back(self._connection)
        except BaseException as error:  # noqa: BLE001 Whatever a body raises belongs to whoever asked for it.
            return Outcome(job.future, None, error)

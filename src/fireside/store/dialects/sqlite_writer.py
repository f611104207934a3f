"""The one writer of a process: bodies on the event loop, commits in a thread, by turns and never both at once.

What is asked for while a commit is under way shares the next one. `Writer` has the file alone. `SharedWriter` takes
turns with the writers of other processes: it waits for its turn in its thread, so that the event loop never does.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

from fireside.core.errors import UnavailableError
from fireside.store.dialects.sqlite_tx import Outcome, SqliteTx, roll_back, run, told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fireside.store.dialects.sqlite_turns import Turns
    from fireside.store.dialects.sqlite_tx import Job
    from fireside.store.tx import Note

# For so long the event loop may run bodies at a stretch, in seconds; those that are left wait for the next commit.
_STRETCH = 0.03


class Writer:
    """Writes to a file that this process has alone."""

    def __init__(self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._pending: deque[Job[object]] = deque()
        self._busy = False
        self._idle = asyncio.Event()
        self._idle.set()
        # What the thread is to do: commit (with whom to tell then), wait for the turn (BEGIN), or end (None).
        self._commits: SimpleQueue[list[Outcome] | None] = SimpleQueue()

    def ask(self, job: Job[object]) -> None:
        """Writes soon: with all that is asked for in the same turn of the loop."""
        self._pending.append(job)
        if not self._busy:
            self._busy = True
            self._idle.clear()
            self._loop.call_soon(self._begin)

    async def end(self) -> None:
        """Writes what was asked for and ends the thread, which lets go of the file."""
        while self._busy:
            await self._idle.wait()
        self._commits.put(None)

    def run(self) -> None:
        """The thread: waits for the disk."""
        while (outcomes := self._commits.get()) is not None:
            self._commit(outcomes)
        self._close()

    def _commit(self, outcomes: list[Outcome]) -> None:
        """In the thread."""
        error: Exception | None = None
        try:
            self._connection.execute("COMMIT")
        except Exception as caught:  # noqa: BLE001 The thread must outlive whatever happens to one commit.
            error = caught
            roll_back(self._connection)
        self._let_go()
        self._call_in_loop(self._committed, outcomes, error)

    def _let_go(self) -> None:
        """A transaction has ended. Other processes may have the file."""

    def _close(self) -> None:
        """In the thread."""
        # It only refreshes the planner's statistics: a full disk must not keep the server from closing.
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA optimize")
        self._connection.close()

    def _call_in_loop(
        self,
        function: Callable[[list[Outcome], Exception | None], None],
        outcomes: list[Outcome],
        error: Exception | None,
    ) -> None:
        with suppress(RuntimeError):  # the loop is closed, and with it everybody who waited for this
            self._loop.call_soon_threadsafe(function, outcomes, error)

    def _begin(self) -> None:
        """On the event loop: begins the next transaction, and runs what waits for it."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except Exception as error:  # noqa: BLE001 The writer must outlive whatever happens to one batch.
            self._fail([self._pending.popleft()] if self._pending else [], [], error)
            return
        self._run_bodies()

    def _run_bodies(self) -> None:
        outcomes: list[Outcome] = []
        batch: list[Job[object]] = []
        until = self._loop.time() + _STRETCH
        try:
            while self._pending and self._loop.time() < until:
                job = self._pending.popleft()
                if not job.future.cancelled():
                    batch.append(job)
                    outcomes.append(self._run_alone(job))
        except Exception as error:  # noqa: BLE001 The writer must outlive whatever happens to one batch.
            self._fail(batch, outcomes, error)
            return
        self._commits.put(outcomes)

    def _fail(self, batch: list[Job[object]], outcomes: list[Outcome], error: Exception) -> None:
        roll_back(self._connection)
        self._let_go()
        # Later, not from here: while a disk stays full, each failure would go one call deeper.
        self._loop.call_soon(self._tell, _failed(batch, outcomes, error))

    def _committed(self, outcomes: list[Outcome], error: Exception | None) -> None:
        if error is not None:
            outcomes = [
                outcome if outcome.error is not None else Outcome(outcome.future, None, told(error))
                for outcome in outcomes
            ]
        self._tell(outcomes)

    def _tell(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            outcome.tell()
        self._busy = False
        if self._pending:
            # At once: a turn of a busy loop is as long as a commit.
            self._busy = True
            self._begin()
        else:
            self._idle.set()

    def _run_alone(self, job: Job[object]) -> Outcome:
        """Runs a body under its own savepoint. sqlite3.Error: the whole transaction is lost."""
        self._connection.execute("SAVEPOINT body")
        notes: list[Note] = []
        try:
            outcome = Outcome(job.future, run(job.body, SqliteTx(self._connection, notes)), None, notes)
        except Exception as error:
            outcome = Outcome(job.future, None, error)
            if not self._connection.in_transaction:
                # A full disk can make SQLite drop the transaction, and with it what other bodies wrote.
                raise sqlite3.OperationalError(f"the transaction was dropped: {error}") from error
            self._connection.execute("ROLLBACK TO body")
        self._connection.execute("RELEASE body")
        return outcome


_BEGIN: list[Outcome] = []


class SharedWriter(Writer):
    """Writes to a file that other processes write too."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        loop: asyncio.AbstractEventLoop,
        turns: Turns,
        tell_others: Callable[[Sequence[Note]], None],
        patience: float,
    ) -> None:
        """`tell_others` gets the notes of each commit. Who waits longer than `patience` seconds for a turn is told so."""
        super().__init__(connection, loop)
        self._turns = turns
        self._tell_others = tell_others
        self._patience = patience
        self._impatience: asyncio.TimerHandle | None = None

    def run(self) -> None:
        """The thread: waits for the turn and for the disk."""
        while (outcomes := self._commits.get()) is not None:
            if outcomes is _BEGIN:
                self._call_in_loop(self._begun, [], self._take_turn())
            else:
                self._commit(outcomes)
        self._close()

    def _take_turn(self) -> Exception | None:
        try:
            self._turns.take()
            # Nobody of ours has the lock now, but a backup or a shell may: SQLite waits for those.
            self._connection.execute("BEGIN IMMEDIATE")
        except Exception as error:  # noqa: BLE001 It is for those who wait for this transaction.
            self._turns.give()
            return error
        return None

    def _let_go(self) -> None:
        self._turns.give()

    def _close(self) -> None:
        with suppress(sqlite3.Error):
            # Another process may write just now; statistics are not worth waiting for.
            self._connection.execute("PRAGMA busy_timeout = 0")
        super()._close()
        self._turns.close()

    def _begin(self) -> None:
        self._wait_with_patience()
        self._commits.put(_BEGIN)

    def _wait_with_patience(self) -> None:
        self._impatience = self._loop.call_later(self._patience, self._give_up)

    def _give_up(self) -> None:
        """The turn is long in coming: another process hangs. What waits fails; what comes next waits anew."""
        error = UnavailableError(
            "DATABASE_BUSY",
            "Another server process keeps the database for itself; nothing was changed.",
            retry_after=5.0,
        )
        waiting, self._pending = self._pending, deque()
        for job in waiting:
            Outcome(job.future, None, error).tell()
        self._wait_with_patience()

    def _begun(self, _outcomes: list[Outcome], error: Exception | None) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
        if error is None:
            self._run_bodies()
            return
        waiting, self._pending = self._pending, deque()
        self._fail(list(waiting), [], error)

    def _committed(self, outcomes: list[Outcome], error: Exception | None) -> None:
        if error is None:
            notes = [note for outcome in outcomes if outcome.error is None for note in outcome.notes]
            if notes:
                self._tell_others(notes)
        super()._committed(outcomes, error)


def _failed(batch: list[Job[object]], outcomes: list[Outcome], error: Exception) -> list[Outcome]:
    """What a batch hears that is not durable. Bodies that failed by themselves hear their own reason."""
    own = {outcome.future: outcome for outcome in outcomes if outcome.error is not None}
    return [own.get(job.future) or Outcome(job.future, None, told(error)) for job in batch]

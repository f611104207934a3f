"""Runs one transaction body on a connection of SQLite, and says what its errors mean. Not who runs when: sqlite_writer.py.

Bodies are coroutines only so that they read the same on every database: here they never wait for anything, and one
`send` runs them from start to end.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, NamedTuple, cast

from fireside.core.errors import NotFoundError, UnavailableError
from fireside.store.tx import T, TransactionMisuseError, id_taken, note_to, refuse_nul

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from fireside.store.tx import Body, Note, Row, Value

_MISUSE = "A transaction body may await nothing but its transaction."


class SqliteTx:
    """Runs the statements of one body on a connection, and keeps its notes."""

    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection, notes: list[Note] | None) -> None:
        """`notes` gets what the body wants to tell; None for a body that only reads."""
        self._connection = connection
        self._notes = notes

    async def fetch(self, sql: str, *args: Value) -> Sequence[Row]:
        """See Tx."""
        refuse_nul(args)
        try:
            return self._connection.execute(_numbered(sql), args).fetchall()
        except sqlite3.Error as error:
            raise told(error) from error

    async def execute(self, sql: str, *args: Value) -> int:
        """See Tx."""
        refuse_nul(args)
        try:
            return self._connection.execute(_numbered(sql), args).rowcount
        except sqlite3.Error as error:
            raise told(error) from error

    async def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        """See Tx."""
        for row in rows:
            refuse_nul(row)
        try:
            self._connection.executemany(_numbered(sql), rows)
        except sqlite3.Error as error:
            raise told(error) from error

    async def notify(self, topic: str, payload: str) -> None:
        """See Tx."""
        note_to(self._notes, topic, payload)


class Job(NamedTuple, Generic[T]):
    """A body to run, and who waits for it."""

    body: Body[T]
    future: asyncio.Future[T]


class Outcome(NamedTuple):
    """What became of a body. `notes` are for other processes, once it is durable."""

    future: asyncio.Future[object]
    result: object
    error: BaseException | None
    notes: Sequence[Note] = ()

    def tell(self) -> None:
        """On the event loop: lets whoever asked go on."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


def run(body: Body[T], tx: SqliteTx) -> T:
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


def roll_back(connection: sqlite3.Connection) -> None:
    """Drops the open transaction, if there is one."""
    # Where even this fails, the next BEGIN fails too and says so to its callers.
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@lru_cache(maxsize=1024)
def _numbered(sql: str) -> str:
    """SQLite takes `$1` for a name; `?1` is its way to number a parameter."""
    return re.sub(r"\$(\d+)", r"?\1", sql)


def told(error: Exception) -> Exception:
    """What a caller can be told of an error of SQLite; a defect of ours stays what it is."""
    name = getattr(error, "sqlite_errorname", "")
    if name in {"SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE"}:
        return id_taken(str(error).rpartition(": ")[2].partition(".")[0])
    if name == "SQLITE_CONSTRAINT_FOREIGNKEY":
        return NotFoundError("REFERENCE_NOT_FOUND", "What this refers to is not there (any more).")
    if name.startswith("SQLITE_READONLY"):
        return TransactionMisuseError("A read body tried to write, or the database file is read-only.")
    if name.startswith("SQLITE_BUSY"):
        return UnavailableError(
            "DATABASE_BUSY", "Another program keeps the database for itself; nothing was changed.", retry_after=5.0
        )
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_NOMEM")) or (
        not name and isinstance(error, sqlite3.OperationalError)
    ):
        return UnavailableError(
            "DATABASE_WRITE_FAILED",
            f"The database could not be used ({error}); nothing was changed. Make sure that its disk has free space.",
            retry_after=5.0,
        )
    return error

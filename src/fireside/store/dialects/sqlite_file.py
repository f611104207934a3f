"""The SQLite file: its lock, its connections and its schema. Not transactions: those are in sqlite.py. It blocks; call it in a thread."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from typing import TYPE_CHECKING

from fireside.core.errors import UnavailableError
from fireside.store import fresh, revisions, upgrade, urls

if TYPE_CHECKING:
    from pathlib import Path


def lock(path: Path) -> int:
    """Locks the database for this process and returns the lock's file descriptor; closing it unlocks.

    The lock lies beside the database, in `<name>.lock`, and dies with the process.
    UnavailableError: another process has it, or the folder cannot be written.
    """
    lock_path = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnavailableError(
            "DATABASE_UNAVAILABLE", f"The folder of the database {path} cannot be written: {error.strerror}."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise UnavailableError(
            "DATABASE_IN_USE",
            f"Another Fireside server{f' (process {holder})' if holder else ''} has the database {path} open. "
            "Stop it first, or give this one another data directory.",
            process=holder,
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def unlock(descriptor: int) -> None:
    """Ends `lock`, unless another process has inherited it."""
    os.close(descriptor)


def connect(path: Path, timeout: float, *, query_only: bool) -> sqlite3.Connection:
    """Opens a connection that one thread at a time may use. Transactions are begun by hand."""
    connection = sqlite3.connect(
        path, timeout=timeout, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    # FULL makes each commit wait for the disk: what was acknowledged survives a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute("PRAGMA cache_size = -8000")
    if query_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def prepare(path: Path, timeout: float) -> None:
    """Makes the database if there is none, and brings its schema up to date.

    FailedPreconditionError: it is newer than this build. UnavailableError: it cannot be read or upgraded.
    """
    try:
        # Made by hand first, because SQLite gives its files (WAL included) the mode of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = connect(path, timeout, query_only=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            revision = _revision(connection)
        finally:
            connection.close()
    except (OSError, sqlite3.Error) as error:
        raise UnavailableError("DATABASE_UNAVAILABLE", f"The database {path} cannot be opened: {error}.") from error
    if revision is not None and revisions.needs_upgrade(revision):
        upgrade.run(urls.sqlite_url(path))


def _revision(connection: sqlite3.Connection) -> str | None:
    """The revision of the schema; a database with nothing in it gets the newest one at once (None)."""
    tables = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "alembic_version" in tables:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    if tables:
        raise sqlite3.DatabaseError("it holds tables that are not Fireside's")
    connection.executescript(f"BEGIN IMMEDIATE;\n{fresh.script('sqlite')}\nCOMMIT;")
    return None

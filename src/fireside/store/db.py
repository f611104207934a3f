"""Opens a database by its URL. Not a place for SQL: see dialects/ and the aggregates."""

from __future__ import annotations

from fireside.store.dialects.base import Database, StoreOptions
from fireside.store.dialects.sqlite import open_sqlite
from fireside.store.urls import sqlite_path

__all__ = ["Database", "StoreOptions", "open_database"]


async def open_database(url: str, options: StoreOptions | None = None) -> Database:
    """Opens the database at `url` and brings its schema up to date first.

    `url` is `sqlite:///absolute/path.db` or `postgresql://user:password@host:port/name`.
    InvalidArgumentError: another kind of URL. FailedPreconditionError: the database is newer than this build.
    UnavailableError: it cannot be reached, or (SQLite) another server has it open.
    """
    options = options or StoreOptions()
    path = sqlite_path(url)
    if path is not None:
        return await open_sqlite(path, options)
    # The driver costs start time and memory that a server on SQLite need not pay.
    from fireside.store.dialects.postgres import open_postgres

    return await open_postgres(url, options)

"""Holds a database for the processes of one server, which then open it as shared. Opens nothing itself: that is db.py."""

from __future__ import annotations

from fireside.store.dialects import sqlite_file
from fireside.store.urls import sqlite_path


def hold(url: str, timeout: float = 30.0) -> int | None:
    """Keeps every other server from the SQLite file at `url`, makes it if it is not there and brings its schema up to date.

    Returns the descriptor of the lock, or None where nothing is to be held (PostgreSQL, where each process sees to the
    schema). It ends when all processes that have the descriptor have closed it or have ended: let those that use the
    file inherit it. Blocks. Errors as open_database.
    """
    path = sqlite_path(url)
    if path is None:
        return None
    lock = sqlite_file.lock(path)
    try:
        sqlite_file.prepare(path, timeout)
    except BaseException:
        sqlite_file.unlock(lock)
        raise
    return lock

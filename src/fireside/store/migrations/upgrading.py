"""Upgrades a database with Alembic, in one transaction. Runs in a process of its own (migrate.py) and in tests."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from fireside.store.dialects.base import MIGRATION_LOCK
from fireside.store.urls import sqlite_path

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import Connection


def upgrade(url: str, revision: str = "head") -> None:
    """Brings the database at `url` (as for open_database) from its revision, or from nothing, to `revision`."""
    path = sqlite_path(url)
    if path is not None:
        _upgrade_sqlite(URL.create("sqlite", database=str(path)), revision)
    else:
        asyncio.run(_upgrade_postgres(url, revision))


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings, without a file."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.attributes["connection"] = connection
    return settings


def _upgrade_sqlite(url: URL, revision: str) -> None:
    engine = create_engine(url, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def take_over(connection: sqlite3.Connection, _record: object) -> None:  # pyright: ignore[reportUnusedFunction]
        # The driver would commit before each CREATE and ALTER; transactions are begun by hand instead. Foreign keys
        # are not enforced here, so that a migration may rebuild a table; they are checked at the end.
        connection.isolation_level = None

    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            command.upgrade(config(connection), revision)
            _check_references(connection)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
    engine.dispose()


def _check_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise RuntimeError(f"{len(broken)} rows would refer to nothing, the first in {broken[0][0]}")


async def _upgrade_postgres(url: str, revision: str) -> None:
    # The driver reads the URL, so that its parameters (such as sslmode) mean the same here as in the server.
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(url),  # pyright: ignore[reportUnknownMemberType, reportUnknownLambdaType]
        poolclass=NullPool,
    )
    try:
        async with engine.begin() as connection:
            # Servers that start at the same time upgrade one after the other; the later ones find nothing to do.
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            await connection.run_sync(lambda sync: command.upgrade(config(sync), revision))
    finally:
        await engine.dispose()

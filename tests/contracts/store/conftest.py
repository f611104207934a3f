"""Every test that asks for `db` runs on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.urls import sqlite_url


@pytest.fixture
def sqlite_database_url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "fireside.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue("sqlite_database_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue("sqlite_database_url" if request.param == "sqlite" else "empty_postgres_url")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = await open_database(database_url, StoreOptions(pool_size=20))
    yield database
    await database.close()


@pytest.fixture
async def sqlite_db(sqlite_database_url: str) -> AsyncIterator[Database]:
    database = await open_database(sqlite_database_url, StoreOptions())
    yield database
    await database.close()


@pytest.fixture
async def postgres_db(postgres_url: str) -> AsyncIterator[Database]:
    database = await open_database(postgres_url, StoreOptions(pool_size=20))
    yield database
    await database.close()

"""Every test that asks for `db` runs on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.urls import sqlite_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return (
        sqlite_url(tmp_path / "fireside.db") if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = await open_database(database_url, StoreOptions())
    yield database
    await database.close()

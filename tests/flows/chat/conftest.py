"""The chat engine is tested on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.store.db import Database, open_database
from fireside.store.urls import sqlite_url
from tests.rig import Rig, open_rig


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    return (
        sqlite_url(tmp_path / "fireside.db") if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An empty database."""
    database = await open_database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def rig(db: Database) -> AsyncIterator[Rig]:
    """A chat engine on an empty database."""
    async with open_rig(db) as opened:
        yield opened

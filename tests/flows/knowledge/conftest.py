"""Knowledge is tested on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.store.db import Database, open_database
from fireside.store.tx import Tx
from fireside.store.urls import sqlite_url
from tests.documents import have_collection, have_people


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    return (
        sqlite_url(tmp_path / "fireside.db") if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A database where Ann owns the collection `c`."""
    database = await open_database(database_url)
    await prepare(database)
    yield database
    await database.close()


async def prepare(database: Database) -> None:
    """Stores Ann, Bob and Cid, and Ann's collection."""

    async def body(tx: Tx) -> None:
        await have_people(tx, "ann", "bob", "cid")
        await have_collection(tx)

    await database.write(body)

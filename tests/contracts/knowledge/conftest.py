"""Every test that asks for `db` runs on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.knowledge.embedding import Embedder, EmbedderOptions
from fireside.knowledge.index.exact import ExactIndex
from fireside.knowledge.search import Search
from fireside.runners.catalog import Catalog
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner
from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.urls import sqlite_url
from tests.meanings import MODEL, MeaningRunner


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


@pytest.fixture
def meanings() -> MeaningRunner:
    return MeaningRunner()


@pytest.fixture
async def embedder(meanings: MeaningRunner) -> AsyncIterator[Embedder]:
    catalog = Catalog([ManagedRunner(meanings, ManagedOptions(failures_to_rest=0, retries=0))])
    yield Embedder(catalog, EmbedderOptions(model=MODEL, query_timeout=0.2))
    await catalog.aclose()


@pytest.fixture
async def search(db: Database, embedder: Embedder) -> AsyncIterator[Search]:
    index = ExactIndex(db)
    yield Search(db, embedder, index)
    await index.aclose()


@pytest.fixture
def words(db: Database, embedder: Embedder) -> Search:
    """A search that has no index."""
    return Search(db, embedder, None)

"""Chooses the index for a database: pgvector where it is, else the exact one; none without the libraries for it."""

from __future__ import annotations

import asyncio
import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING

from fireside.knowledge.index.late import LateIndex
from fireside.store import vector_tables

if TYPE_CHECKING:
    from fireside.knowledge.index.base import VectorIndex
    from fireside.knowledge.index.exact import ExactIndex
    from fireside.knowledge.index.pgvector import PgVectorIndex
    from fireside.store.db import Database

logger = logging.getLogger(__name__)

_LIBRARIES = ("numpy", "usearch")


def late_index(db: Database) -> VectorIndex | None:
    """The index, opened when it is first used; the caller closes it.

    None: numpy or usearch is missing (the extra `knowledge`), so words alone count.
    """
    for library in _LIBRARIES:
        if find_spec(library) is None:
            logger.warning("Documents are searched by words alone: %s is not installed.", library)
            return None
    return LateIndex(lambda: open_index(db))


async def open_index(db: Database) -> VectorIndex:
    """The index, which the caller closes."""
    exact, nearest = await asyncio.to_thread(_libraries)
    return nearest(db) if await vector_tables.available(db) else exact(db)


def _libraries() -> tuple[type[ExactIndex], type[PgVectorIndex]]:
    """In a thread, because loading them takes a good part of a second."""
    from fireside.knowledge.index.exact import ExactIndex
    from fireside.knowledge.index.pgvector import PgVectorIndex

    return ExactIndex, PgVectorIndex

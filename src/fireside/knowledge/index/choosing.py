"""Chooses the index for a database: pgvector where it is, else the exact one; none without the libraries for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fireside.store import vector_tables

if TYPE_CHECKING:
    from fireside.knowledge.index.base import VectorIndex
    from fireside.store.db import Database

logger = logging.getLogger(__name__)


async def open_index(db: Database) -> VectorIndex | None:
    """The index, which the caller closes. None: numpy or usearch is missing (the extra `knowledge`), so words alone count."""
    try:
        from fireside.knowledge.index.exact import ExactIndex
        from fireside.knowledge.index.pgvector import PgVectorIndex
    except ImportError as error:
        logger.warning("Documents are searched by words alone: %s is not installed.", error.name)
        return None
    return PgVectorIndex(db) if await vector_tables.available(db) else ExactIndex(db)

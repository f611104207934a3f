"""The server's embedding model, with what it made before kept in a file: embedding thousands of passages takes minutes."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

from fireside.knowledge.embedding import Embedder, EmbedderOptions
from fireside.runners.catalog import Catalog
from fireside.runners.e5.runner import MODEL_ID, E5Runner
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner


class Remembered(Embedder):
    """An Embedder that makes no vector of a passage twice. A question waits as long as it takes."""

    def __init__(self, catalog: Catalog, kept: sqlite3.Connection) -> None:
        super().__init__(catalog, EmbedderOptions(model=MODEL_ID, query_timeout=60.0))
        self._file = kept
        kept.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)")

    async def passages(self, texts: Sequence[str]) -> list[bytes]:
        keys = [hashlib.sha256(f"{self.model}\0{text}".encode()).digest() for text in texts]
        known = {key: self._found(key) for key in keys}
        new = {key: text for key, text in zip(keys, texts, strict=True) if known[key] is None}
        for key, vector in zip(new, await super().passages(list(new.values())), strict=True):
            known[key] = vector
            self._file.execute("INSERT OR REPLACE INTO vectors (key, vector) VALUES (?, ?)", (key, vector))
        self._file.commit()
        return [vector for key in keys if (vector := known[key]) is not None]

    def _found(self, key: bytes) -> bytes | None:
        row = self._file.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None


@asynccontextmanager
async def open_embedder(path: Path) -> AsyncGenerator[Remembered]:
    """With the file of vectors, which is made when it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    catalog = Catalog([ManagedRunner(E5Runner(), ManagedOptions(check_interval=0.0))])
    with closing(sqlite3.connect(path, timeout=60.0)) as kept:
        try:
            yield Remembered(catalog, kept)
        finally:
            await catalog.aclose()

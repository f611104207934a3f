"""Tables of pgvector, one for each embedding model: copies of vectors that PostgreSQL finds the nearest of. PostgreSQL alone.

They are no part of the schema, since not every server has the extension: they are made when they are wanted, from
what chunk_vectors holds, and can be dropped at any time. A row goes with its chunk.
"""

from __future__ import annotations

import hashlib
import logging
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fireside.core.errors import FiresideError
from fireside.store.chunks import chunks, marks
from fireside.store.passages import listed
from fireside.store.records import bytes_of, int_of, str_of

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.db import Database
    from fireside.store.tx import Row, Tx

# Takes the lock under which tables are made and filled (`vector` in ASCII), until the transaction ends.
_LOCK: Final = "SELECT pg_advisory_xact_lock(0x766563746f72)"
_PAGE: Final = 256
_WHOLE: Final = "whole"
# So many vectors in the scopes of a search are all looked at, which takes less than a walk through the graph that most lead out of.
_ALL_LOOKED_AT: Final = 10_000
_LONGEST_HALFVEC: Final = 4_000
GRAPH: Final = "WITH (m = 24, ef_construction = 128)"
"""Of 150,000 vectors 0.989 of the true ten are found with it, 0.977 with pgvector's defaults; it takes twice the time to make."""

# Candidates that a walk keeps: twice as many find little more of so many, but do of a million.
_EFFORT: Final = 600


async def available(db: Database) -> bool:
    """Whether the database has pgvector, which is switched on if need be."""
    if db.dialect != "postgresql":
        return False

    async def find(tx: Tx) -> Sequence[Row]:
        return await tx.fetch("SELECT installed_version FROM pg_available_extensions WHERE name = 'vector'")

    async def switch_on(tx: Tx) -> None:
        await tx.fetch(_LOCK)
        await tx.execute("CREATE EXTENSION IF NOT EXISTS vector")

    rows = await db.read(find)
    if rows and rows[0][0] is None:
        try:
            await db.write(switch_on)
        except FiresideError:
            raise
        except Exception as error:  # noqa: BLE001 - the driver's error for a role that may not: then there is none.
            logger.info("pgvector is installed but cannot be switched on, so vectors are searched in memory: %s", error)
            return False
    return bool(rows)


def table_of(model: str, size: int) -> str:
    """The name of the table for vectors of so many values."""
    return f"near_{size}_{_digest(model)}"


async def make(tx: Tx, model: str, size: int) -> bool:
    """Makes the table of a model if there is none. False: the extension takes no vectors of this length."""
    if not 0 < size <= _LONGEST_HALFVEC:
        return False
    name = table_of(model, size)
    if (await tx.fetch("SELECT to_regclass($1) IS NOT NULL", name))[0][0]:
        return True
    await tx.fetch(_LOCK)
    await tx.execute(
        f"CREATE TABLE IF NOT EXISTS {name} (chunk_id BIGINT PRIMARY KEY REFERENCES chunks (id) ON DELETE CASCADE,"
        f' scope TEXT COLLATE "C" NOT NULL, near halfvec({size}) NOT NULL)'
    )
    await tx.execute(f"CREATE INDEX IF NOT EXISTS {name}_scope ON {name} (scope)")
    # Vectors have length one, so that the inner product is the cosine.
    await tx.execute(f"CREATE INDEX IF NOT EXISTS {name}_graph ON {name} USING hnsw (near halfvec_ip_ops) {GRAPH}")
    return True


async def is_whole(tx: Tx, model: str, size: int) -> bool:
    """Whether the table has all vectors of its model: that it was filled is written down as its comment."""
    rows = await tx.fetch("SELECT obj_description(to_regclass($1), 'pg_class')", table_of(model, size))
    return rows[0][0] == _WHOLE


async def put(tx: Tx, model: str, scope: str, vectors: Sequence[tuple[int, bytes]]) -> None:
    """Copies vectors of one length whose chunks are there into the table of their model."""
    if not vectors:
        return
    name = table_of(model, len(vectors[0][1]) // 2)
    await tx.execute_many(
        f"INSERT INTO {name} (chunk_id, scope, near)"  # noqa: S608 - a name that is made of digits
        " SELECT c.id, c.scope, $3::text::halfvec FROM chunks c WHERE c.id = $1 AND c.scope = $2"
        " ON CONFLICT (chunk_id) DO UPDATE SET near = excluded.near",
        [(chunk_id, scope, _text(vector)) for chunk_id, vector in vectors],
    )


async def fill(tx: Tx, model: str, size: int) -> bool:
    """Copies a page of vectors that the table lacks. False: it has all, which is written down."""
    name = table_of(model, size)
    await tx.fetch(_LOCK)
    rows = await tx.fetch(
        "SELECT v.scope, v.chunk_id, v.vector FROM chunk_vectors v WHERE v.model = $1 AND length(v.vector) = $2"  # noqa: S608
        f" AND NOT EXISTS (SELECT 1 FROM {name} n WHERE n.chunk_id = v.chunk_id) LIMIT {_PAGE}",
        model,
        2 * size,
    )
    scopes: dict[str, list[tuple[int, bytes]]] = {}
    for scope, chunk_id, vector in rows:
        scopes.setdefault(str_of(scope), []).append((int_of(chunk_id), bytes_of(vector)))
    for scope, vectors in scopes.items():
        await put(tx, model, scope, vectors)
    if not rows:
        await tx.execute(f"COMMENT ON TABLE {name} IS '{_WHOLE}'")
    return bool(rows)


async def delete(tx: Tx, model: str, size: int, chunk_ids: Sequence[int]) -> None:
    """Removes copies."""
    for some in chunks(chunk_ids):
        await tx.execute(
            f"DELETE FROM {table_of(model, size)} WHERE chunk_id IN ({marks(1, len(some))})",  # noqa: S608
            *some,
        )


async def drop(tx: Tx, model: str) -> None:
    """Removes the tables of a model."""
    await tx.fetch(_LOCK)
    names = await tx.fetch(
        "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relname LIKE 'near!_%!_' || $1 ESCAPE '!'"
        " AND pg_table_is_visible(c.oid)",
        _digest(model),
    )
    for row in names:
        await tx.execute(f"DROP TABLE IF EXISTS {str_of(row[0])}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """So many chunks in these scopes that are the nearest to a vector; of these chunks alone if there are any."""

    scopes: Sequence[str]
    vector: bytes
    limit: int
    among: Sequence[int] = ()


async def nearest(tx: Tx, model: str, wanted: Wanted) -> list[tuple[int, float]]:
    """The nearest chunks, with their cosines, the nearest first."""
    vector, limit = wanted.vector, wanted.limit
    name, asked = table_of(model, len(vector) // 2), _text(vector)
    where, args = "n.scope = ANY($3::text::text[])", [listed(tx, wanted.scopes)]
    if wanted.among:
        where += " AND n.chunk_id = ANY($4::text::bigint[])"
        args.append("{" + ",".join(map(str, wanted.among)) + "}")
    few = bool(wanted.among)
    if not few:
        rows = await tx.fetch(
            "SELECT COUNT(*) FROM (SELECT 1"  # noqa: S608
            f" FROM {name} n WHERE n.scope = ANY($1::text::text[]) LIMIT {_ALL_LOOKED_AT + 1}) AS several",
            args[0],
        )
        few = int_of(rows[0][0]) <= _ALL_LOOKED_AT
    source = f"{name} n WHERE {where}"
    if few:
        source = f"(SELECT * FROM {source} OFFSET 0) AS n"  # noqa: S608 - as it stands, not by the graph
    else:
        await tx.execute(f"SET LOCAL hnsw.ef_search = {max(_EFFORT, min(1000, 4 * limit))}")
        # Goes on through the graph until enough of these scopes were found.
        await tx.execute("SET LOCAL hnsw.iterative_scan = relaxed_order")
    rows = await tx.fetch(
        f"SELECT n.chunk_id, -(n.near <#> $1::text::halfvec({len(vector) // 2})) FROM {source}"  # noqa: S608
        f" ORDER BY n.near <#> $1::text::halfvec({len(vector) // 2}) LIMIT $2",
        asked,
        limit,
        *args,
    )
    found = [(int_of(chunk_id), float(cosine or 0.0)) for chunk_id, cosine in rows]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def _digest(model: str) -> str:
    return hashlib.sha256(model.encode()).hexdigest()[:16]


def _text(vector: bytes) -> str:
    values = struct.unpack(f"<{len(vector) // 2}e", vector)
    return "[" + ",".join(f"{value:.5g}" for value in values) + "]"

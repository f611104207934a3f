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
from fireside.store import vectors as stored
from fireside.store.chunks import chunks, marks
from fireside.store.passages import listed
from fireside.store.records import bytes_of, int_of, str_of
from fireside.store.vector_lists import FEWEST, probes

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.db import Database
    from fireside.store.tx import Row, Tx

# Takes the lock under which tables are made and filled (`vector` in ASCII), until the transaction ends.
_LOCK: Final = "SELECT pg_advisory_xact_lock(0x766563746f72)"
_PAGE: Final = 256
_WHOLE: Final = "whole"
_LONGEST_HALFVEC: Final = 4_000
# Where most of what is near is in other scopes, so many lists are looked at before all of the scopes is.
_MOST_PROBES: Final = 256


@dataclass(frozen=True, slots=True)
class Place:
    """How far a table is filled: with all of this scope (in it, up to this chunk) and of the scopes before it."""

    scope: str = ""
    chunk_id: int = 0


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


async def prepare(db: Database, model: str, size: int) -> tuple[bool, bool]:
    """Makes the table of a model if there is none. Returns whether there is one now, and whether it has all vectors."""

    async def body(tx: Tx) -> tuple[bool, bool]:
        made = await make(tx, model, size)
        return made, made and await is_whole(tx, model, size)

    try:
        return await db.write(body)
    except FiresideError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        logger.warning("The table of vectors cannot be made, so vectors are searched in memory: %s", error)
        return False, False


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
        f"{_insertion(name)} ON CONFLICT (chunk_id) DO UPDATE SET near = excluded.near",
        [(chunk_id, scope, _text(vector)) for chunk_id, vector in vectors],
    )


async def fill(tx: Tx, model: str, size: int, place: Place) -> Place | None:
    """Copies a page of vectors that the table lacks, of those after `place`. None: it has all, which is written down."""
    name = table_of(model, size)
    await tx.fetch(_LOCK)
    scope = place.scope if place.chunk_id else await stored.next_scope(tx, place.scope)
    if scope is None or await is_whole(tx, model, size):
        await tx.execute(f"COMMENT ON TABLE {name} IS '{_WHOLE}'")
        return None
    rows = await tx.fetch(
        "SELECT v.chunk_id, CASE WHEN n.chunk_id IS NULL AND length(v.vector) = $4 THEN v.vector END"  # noqa: S608
        f" FROM chunk_vectors v LEFT JOIN {name} n ON n.chunk_id = v.chunk_id"
        f" WHERE v.scope = $1 AND v.model = $2 AND v.chunk_id > $3 ORDER BY v.chunk_id LIMIT {_PAGE}",
        scope,
        model,
        place.chunk_id,
        2 * size,
    )
    # One that was stored meanwhile is a newer one, and is there.
    await tx.execute_many(
        f"{_insertion(name)} ON CONFLICT (chunk_id) DO NOTHING",
        [(chunk_id, scope, _text(bytes_of(vector))) for chunk_id, vector in rows if vector is not None],
    )
    return Place(scope, int_of(rows[-1][0]) if len(rows) == _PAGE else 0)


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
    name, scopes = table_of(model, len(wanted.vector) // 2), listed(tx, wanted.scopes)
    source = f"{name} n WHERE n.scope = ANY($3::text::text[])"
    # As it stands, not by the lists.
    all_of_it = f"(SELECT * FROM {source} OFFSET 0) AS n"  # noqa: S608
    if wanted.among:
        listing = "{" + ",".join(map(str, wanted.among)) + "}"
        some = f"(SELECT * FROM {source} AND n.chunk_id = ANY($4::text::bigint[]) OFFSET 0) AS n"  # noqa: S608
        return await _ordered(tx, some, wanted, scopes, listing)
    rows = await tx.fetch(
        f"SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM {name} n WHERE n.scope = ANY($1::text::text[])"  # noqa: S608
        f" LIMIT {FEWEST + 1}) AS several),"
        # Translating a statement to machine code takes longer than running it.
        " set_config('jit', 'off', true),"
        # Goes on to more lists until enough of these scopes were found.
        " set_config('ivfflat.iterative_scan', 'relaxed_order', true),"
        f" set_config('ivfflat.probes', {probes(name)}, true), set_config('ivfflat.max_probes', '{_MOST_PROBES}', true)",
        scopes,
    )
    if int_of(rows[0][0]) > FEWEST:
        found = await _ordered(tx, source, wanted, scopes)
        if len(found) == wanted.limit:
            return found
    # Few, or most of it is far from the question.
    return await _ordered(tx, all_of_it, wanted, scopes)


async def _ordered(tx: Tx, source: str, wanted: Wanted, *args: str) -> list[tuple[int, float]]:
    # Selected, so that the text is read once and not for each row.
    near = f"n.near <#> (SELECT $1::text::halfvec({len(wanted.vector) // 2}))"
    rows = await tx.fetch(
        f"SELECT n.chunk_id, -({near}) FROM {source} ORDER BY {near} LIMIT $2",  # noqa: S608
        _text(wanted.vector),
        wanted.limit,
        *args,
    )
    found = [(int_of(chunk_id), float(cosine or 0.0)) for chunk_id, cosine in rows]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def _insertion(name: str) -> str:
    return (
        f"INSERT INTO {name} (chunk_id, scope, near)"  # noqa: S608 - a name that is made of digits
        " SELECT c.id, c.scope, $3::text::halfvec FROM chunks c WHERE c.id = $1 AND c.scope = $2"
    )


def _digest(model: str) -> str:
    return hashlib.sha256(model.encode()).hexdigest()[:16]


def _text(vector: bytes) -> str:
    values = struct.unpack(f"<{len(vector) // 2}e", vector)
    return "[" + ",".join(f"{value:.5g}" for value in values) + "]"

"""The index of a table of vectors: lists of vectors that are near each other (pgvector's ivfflat). PostgreSQL alone.

A search looks at the lists that are nearest to the question. What makes a list is learned from the vectors that are there, so
an index is made when there are enough, and another one in its place when there are more than twice as many; new vectors go
into the lists that are there. It is made while the table is read and written. Whatever ends that in the middle leaves an index that nobody
uses, which the next look removes; processes that look at once leave it to one of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, cast

from fireside.store.records import int_of, str_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.dialects.base import Database, MaintainedDatabase
    from fireside.store.tx import Tx

FEWEST: Final = 10_000
"""Of so many vectors all are looked at, which takes less than finding the nearest lists."""

_LOOKED_AT: Final = 24_000
# The vectors that a search looks at, in the nearest lists: it takes some 15 ms, and there are 97 to 98 of a hundred true ones among them.

_MOST_LISTS: Final = 2_000
# pgvector learns from so many vectors for each list, and keeps a bound of 4 bytes for each of them and each list.
_SAMPLES: Final = 50
_LISTS: Final = "substring(c.reloptions::text FROM 'lists=([0-9]+)')::integer"
_LOCK: Final = 0x6C69737473  # `lists` in ASCII


def lists_for(rows: int) -> int:
    """How many lists so many vectors are best cut into."""
    return min(_MOST_LISTS, 2 * math.isqrt(rows))


def probes(table: str) -> str:
    """SQL for how many lists of a table to look at, as a text."""
    # There are 2 * sqrt(n) lists of sqrt(n) / 2 vectors.
    return (
        f"(SELECT LEAST(32768, {4 * _LOOKED_AT} / COALESCE(MAX({_LISTS}), 1))::text FROM pg_index i"  # noqa: S608 - a name that is made of digits
        f" JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = '{table}'::regclass AND i.indisvalid)"
    )


async def tend(db: Database, table: str, size: int) -> int | None:
    """Makes the index of a table of vectors with `size` values, if it needs one or another one. Returns how many vectors there are.

    None: another process is at it. It takes minutes for a million. Raises what MaintainedDatabase.maintain does.
    """
    rows = 0

    async def plan(tx: Tx) -> list[str]:
        nonlocal rows
        rows = int_of((await tx.fetch(f"SELECT COUNT(*) FROM {table}"))[0][0])  # noqa: S608 - a name that is made of digits
        return _statements(table, size, lists_for(rows) if rows > FEWEST else 0, await _indexes(tx, table))

    return rows if await cast("MaintainedDatabase", db).maintain(_LOCK, plan) else None


def _statements(table: str, size: int, wanted: int, indexes: Sequence[tuple[str, bool, int]]) -> list[str]:
    best = max((lists for _, valid, lists in indexes if valid), default=0)
    removed = [
        f"DROP INDEX CONCURRENTLY IF EXISTS {name}" for name, valid, lists in indexes if not valid or lists != best
    ]
    if not wanted or 2 * wanted < 3 * best:
        return removed
    samples = _SAMPLES * wanted
    memory = samples * wanted * 4 + samples * (2 * size + 64) + (64 << 20)
    replaced = [
        f"DROP INDEX CONCURRENTLY IF EXISTS {name}" for name, valid, lists in indexes if valid and lists == best
    ]
    return [
        *removed,
        "SET statement_timeout = 0",
        "SET lock_timeout = 0",
        f"SET maintenance_work_mem = {memory >> 10}",
        # Vectors have length one, so that the inner product is the cosine.
        f"CREATE INDEX CONCURRENTLY {table}_{wanted} ON {table} USING ivfflat (near halfvec_ip_ops) WITH (lists = {wanted})",
        *replaced,
    ]


async def _indexes(tx: Tx, table: str) -> list[tuple[str, bool, int]]:
    """The table's indexes of lists: names, whether each can be used, and how many lists it has."""
    rows = await tx.fetch(
        f"SELECT c.relname, CASE WHEN i.indisvalid THEN 1 ELSE 0 END, {_LISTS}"  # noqa: S608 - a constant
        " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam"
        " WHERE i.indrelid = to_regclass($1) AND a.amname = 'ivfflat' ORDER BY c.oid",
        table,
    )
    return [(str_of(name), bool(valid), int_of(lists)) for name, valid, lists in rows]

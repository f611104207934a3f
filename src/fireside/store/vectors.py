"""Vectors of chunks: the truth that every vector index is made from. Not a search: knowledge/index/.

A vector is stored as little-endian 16-bit floats, of length one. `scope` is the one of its chunk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.store.chunks import chunks, marks
from fireside.store.records import bytes_of, int_of, str_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.tx import Tx

_IDS_AT_ONCE = 500


async def put(tx: Tx, scope: str, model: str, vectors: Sequence[tuple[int, bytes]]) -> None:
    """Stores vectors by their chunks' ids, in the place of older ones. Those of chunks that are gone are left out."""
    await tx.execute_many(
        "INSERT INTO chunk_vectors (scope, model, chunk_id, vector)"
        " SELECT c.scope, $2, c.id, $4 FROM chunks c WHERE c.id = $3 AND c.scope = $1"
        " ON CONFLICT (scope, model, chunk_id) DO UPDATE SET vector = excluded.vector",
        [(scope, model, chunk_id, vector) for chunk_id, vector in vectors],
    )


async def delete(tx: Tx, scope: str, model: str, chunk_ids: Sequence[int]) -> None:
    """Removes vectors. Those of chunks that are deleted go with them."""
    for some in chunks(chunk_ids):
        await tx.execute(
            f"DELETE FROM chunk_vectors WHERE scope = $1 AND model = $2 AND chunk_id IN ({marks(3, len(some))})",  # noqa: S608
            scope,
            model,
            *some,
        )


async def page(tx: Tx, scope: str, model: str, after: int, limit: int) -> list[tuple[int, bytes]]:
    """At most `limit` vectors of a scope, by the chunks' ids, of chunks after `after`."""
    rows = await tx.fetch(
        "SELECT chunk_id, vector FROM chunk_vectors WHERE scope = $1 AND model = $2 AND chunk_id > $3"
        " ORDER BY chunk_id LIMIT $4",
        scope,
        model,
        after,
        limit,
    )
    return [(int_of(chunk_id), bytes_of(vector)) for chunk_id, vector in rows]


async def some(tx: Tx, scope: str, model: str, chunk_ids: Sequence[int]) -> list[tuple[int, bytes]]:
    """The vectors of these chunks that are there, in no order."""
    found: list[tuple[int, bytes]] = []
    for ids in chunks(chunk_ids):
        rows = await tx.fetch(
            f"SELECT chunk_id, vector FROM chunk_vectors WHERE scope = $1 AND model = $2 AND chunk_id IN ({marks(3, len(ids))})",  # noqa: S608
            scope,
            model,
            *ids,
        )
        found.extend((int_of(chunk_id), bytes_of(vector)) for chunk_id, vector in rows)
    return found


async def chunk_ids(tx: Tx, scope: str) -> list[int]:
    """The ids of all chunks of a scope, with a vector or without, in order. It is an index alone that is read."""
    rows = await tx.fetch("SELECT id FROM chunks WHERE scope = $1 ORDER BY id", scope)
    return [int_of(row[0]) for row in rows]


async def next_scope(tx: Tx, after: str) -> str | None:
    """The first scope after this one (in their order) that has vectors; None for no more."""
    rows = await tx.fetch("SELECT MIN(scope) FROM chunk_vectors WHERE scope > $1", after)
    return None if rows[0][0] is None else str_of(rows[0][0])


async def next_chunked_scope(tx: Tx, after: str) -> str | None:
    """The first scope after this one that has chunks, with vectors or without; None for no more."""
    rows = await tx.fetch("SELECT MIN(scope) FROM chunks WHERE scope > $1", after)
    return None if rows[0][0] is None else str_of(rows[0][0])


async def changed(tx: Tx, scope: str) -> None:
    """Gives a collection or an attachment another number, so that whoever keeps its vectors looks for new ones."""
    await tx.execute("UPDATE collections SET change_seq = change_seq + 1 WHERE id = $1", scope)
    await tx.execute("UPDATE documents SET change_seq = change_seq + 1 WHERE id = $1 AND collection_id IS NULL", scope)


async def models(tx: Tx, scope: str) -> list[str]:
    """The models that a scope has vectors of."""
    found: list[str] = []
    while True:
        rows = await tx.fetch(
            "SELECT MIN(model) FROM chunk_vectors WHERE scope = $1 AND model > $2", scope, found[-1] if found else ""
        )
        if rows[0][0] is None:
            return found
        found.append(str_of(rows[0][0]))


async def drop(tx: Tx, scope: str, model: str, limit: int) -> int:
    """Removes at most `limit` vectors of a model. Returns how many."""
    return await tx.execute(
        "DELETE FROM chunk_vectors WHERE scope = $1 AND model = $2 AND chunk_id IN (SELECT v.chunk_id FROM chunk_vectors v"
        " WHERE v.scope = $1 AND v.model = $2 ORDER BY v.chunk_id LIMIT $3)",
        scope,
        model,
        limit,
    )

"""Chunks of documents with the terms that they are found by. Not their vectors (vectors.py), and not the ranking by words
(word_search.py). What a chunk's record holds is a Passage without what its document says.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fireside.gen.v1.document_pb2 import Passage
from fireside.store.records import bytes_of, int_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.tx import Tx

SCOPE: Final = "\ue001"
"""Begins the term by which PostgreSQL finds the chunks of a scope."""

_MOST_POSITIONS = 255


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk to store. `terms` are what it is found by, with repeats, as knowledge/terms.py cuts them."""

    ordinal: int
    passage: Passage
    terms: Sequence[str]


async def put(tx: Tx, document_id: str, version: int, scope: str, chunks: Sequence[NewChunk]) -> None:
    """Stores chunks of a version. Those whose ordinals are there already stay as they are: a job may put them again."""
    for chunk in chunks:
        rows = await tx.fetch(
            "INSERT INTO chunks (document_id, version, ordinal, scope, record) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT (document_id, version, ordinal) DO NOTHING RETURNING id",
            document_id,
            version,
            chunk.ordinal,
            scope,
            stripped(chunk.passage),
        )
        if not rows:
            continue
        if tx.dialect == "sqlite":
            await tx.execute(
                "INSERT INTO chunk_text (rowid, scope, terms) VALUES ($1, $2, $3)",
                rows[0][0],
                scope_term(scope),
                " ".join(chunk.terms),
            )
        else:
            await tx.execute(
                "INSERT INTO chunk_text (chunk_id, terms) VALUES ($1, $2::text::tsvector)",
                rows[0][0],
                tsvector([*chunk.terms, SCOPE + scope_term(scope)]),
            )


async def of_document(tx: Tx, document_id: str, version: int, first: int, limit: int) -> list[Passage]:
    """At most `limit` chunks of a version from ordinal `first` on, in order: without what the document says."""
    rows = await tx.fetch(
        "SELECT ordinal, record FROM chunks WHERE document_id = $1 AND version = $2 AND ordinal >= $3"
        " ORDER BY ordinal LIMIT $4",
        document_id,
        version,
        first,
        limit,
    )
    found: list[Passage] = []
    for ordinal, record in rows:
        passage = Passage.FromString(bytes_of(record))
        passage.document_id, passage.version, passage.ordinal = document_id, version, int_of(ordinal)
        found.append(passage)
    return found


async def count(tx: Tx, document_id: str, version: int) -> int:
    """How many chunks a version has."""
    rows = await tx.fetch("SELECT COUNT(*) FROM chunks WHERE document_id = $1 AND version = $2", document_id, version)
    return int_of(rows[0][0])


async def count_without_vector(tx: Tx, document_id: str, version: int, model: str) -> int:
    """How many chunks of a version have no vector of a model."""
    rows = await tx.fetch(f"SELECT COUNT(*) {_WITHOUT}", document_id, version, model)
    return int_of(rows[0][0])


async def without_vector(tx: Tx, document_id: str, version: int, model: str, limit: int) -> list[tuple[int, str]]:
    """The ids of the first chunks of a version that have no vector of a model, and the texts to make it of.

    The text begins with the headings that the chunk stands under: they say what it is about.
    """
    rows = await tx.fetch(
        f"SELECT c.id, c.record {_WITHOUT} ORDER BY c.ordinal LIMIT $4", document_id, version, model, limit
    )
    return [(int_of(chunk_id), whole_text(Passage.FromString(bytes_of(record)))) for chunk_id, record in rows]


async def without_vector_in_scope(tx: Tx, scope: str, model: str, after: int, limit: int) -> list[tuple[int, str]]:
    """The same of a scope: of chunks after the id `after`."""
    rows = await tx.fetch(
        "SELECT c.id, c.record FROM chunks c WHERE c.scope = $1 AND c.id > $2 AND NOT EXISTS (SELECT 1 FROM chunk_vectors v"
        " WHERE v.scope = c.scope AND v.model = $3 AND v.chunk_id = c.id) ORDER BY c.id LIMIT $4",
        scope,
        after,
        model,
        limit,
    )
    return [(int_of(chunk_id), whole_text(Passage.FromString(bytes_of(record)))) for chunk_id, record in rows]


async def drop(tx: Tx, document_id: str, keep_version: int, limit: int = 0) -> int:
    """Deletes the chunks of all versions but one (0: of all), with their terms and vectors. Returns how many.

    With a limit at most so many: call it in transactions of their own until it returns 0.
    """
    return await tx.execute(
        "DELETE FROM chunks WHERE id IN (SELECT c.id FROM chunks c WHERE c.document_id = $1 AND c.version <> $2"
        " ORDER BY c.id LIMIT $3)",
        document_id,
        keep_version,
        limit or 2**62,
    )


def whole_text(passage: Passage) -> str:
    """The text of a passage below its headings."""
    return "\n".join([*passage.headings, passage.text])


def scope_term(scope: str) -> str:
    """A scope as one term."""
    return scope.replace("-", "")


def listed(tx: Tx, ids: Sequence[str]) -> str:
    """Ids as one argument of a statement that has `chunks_of` in it."""
    return json.dumps(list(ids)) if tx.dialect == "sqlite" else "{" + ",".join(f'"{one}"' for one in ids) + "}"


def chunks_of(tx: Tx, number: int) -> str:
    """The statement for the ids of all chunks of the documents that argument `number` lists."""
    if tx.dialect == "sqlite":
        return f"SELECT l.id FROM chunks l WHERE l.document_id IN (SELECT value FROM json_each(${number}))"  # noqa: S608
    return f"SELECT l.id FROM chunks l WHERE l.document_id = ANY(${number}::text::text[])"  # noqa: S608


_WITHOUT = (
    "FROM chunks c WHERE c.document_id = $1 AND c.version = $2 AND NOT EXISTS"
    " (SELECT 1 FROM chunk_vectors v WHERE v.chunk_id = c.id AND v.model = $3 AND v.scope = c.scope)"
)


def stripped(passage: Passage) -> bytes:
    """A chunk's record: a passage without what its document says."""
    kept = Passage(page=passage.page, headings=passage.headings, text=passage.text)
    return kept.SerializeToString()


def tsvector(terms: Sequence[str]) -> str:
    """The terms in PostgreSQL's notation. How often one comes is how many positions it has; where does not matter."""
    lexemes: list[str] = []
    for term, times in Counter(terms).items():
        positions = ",".join(map(str, range(1, min(times, _MOST_POSITIONS) + 1)))
        quoted = term.replace("\\", "\\\\").replace("'", "''")
        lexemes.append(f"'{quoted}':{positions}")
    return " ".join(lexemes)

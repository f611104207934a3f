"""Thousands of chunks on PostgreSQL, made by the database itself: for tests of what differs in large libraries."""

from __future__ import annotations

from collections.abc import Mapping

from fireside.store.db import Database
from fireside.store.passages import SCOPE, scope_term
from fireside.store.records import int_of
from fireside.store.tx import Tx
from tests.library import have_document


async def have_chunks(
    db: Database, scope: str, count: int, words: Mapping[str, int] | None = None
) -> tuple[str, list[int]]:
    """A document with so many chunks, and their ids. The chunk n (from 1) has each word whose number divides n."""

    async def body(tx: Tx) -> list[int]:
        await tx.execute(
            "INSERT INTO chunks (document_id, version, ordinal, scope, record)"
            " SELECT $1::text, 1, n, $2::text, ''::bytea FROM generate_series(1, $3::bigint) AS n",
            document, scope, count,
        )  # fmt: skip
        every = {**(words or {}), SCOPE + scope_term(scope): 1}
        terms = " || ".join(
            f"CASE WHEN ordinal % {number} = 0 THEN ' {word}:1' ELSE '' END" for word, number in every.items()
        )
        await tx.execute(
            f"INSERT INTO chunk_text (chunk_id, terms) SELECT id, ({terms})::tsvector FROM chunks WHERE document_id = $1 AND ordinal > 0",  # noqa: S608 - of the test itself
            document,
        )
        rows = await tx.fetch("SELECT id FROM chunks WHERE document_id = $1 AND ordinal > 0 ORDER BY ordinal", document)
        await tx.execute("ANALYZE chunk_text")
        return [int_of(row[0]) for row in rows]

    document = await have_document(db, scope, ["first"], name=f"{count}.txt")
    return document, await db.write(body)

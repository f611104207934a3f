"""What tests of searching do besides."""

from __future__ import annotations

from fireside.knowledge.embedding import Embedder
from fireside.knowledge.index.exact import ExactIndex
from fireside.knowledge.search import Found
from fireside.store import passages
from fireside.store.db import Database
from fireside.store.tx import Tx
from tests.meanings import MODEL


async def embed(db: Database, embedder: Embedder, document_id: str, scope: str = "", version: int = 1) -> None:
    """Makes the vectors that a document lacks."""

    async def lacking(tx: Tx) -> list[tuple[int, str]]:
        return await passages.without_vector(tx, document_id, version, MODEL, 100)

    rows = await db.read(lacking)
    made = await embedder.passages([text for _, text in rows])
    index = ExactIndex(db)
    await index.upsert(scope or document_id, MODEL, [(row[0], one) for row, one in zip(rows, made, strict=True)])
    await index.aclose()

    async def stamp(tx: Tx) -> None:
        await tx.execute("UPDATE collections SET change_seq = change_seq + 1 WHERE id = $1", scope)

    await db.write(stamp)


async def execute(db: Database, sql: str, *args: str) -> None:
    async def body(tx: Tx) -> None:
        await tx.execute(sql, *args)

    await db.write(body)


def texts(found: Found) -> list[str]:
    return [passage.text for passage in found.passages]

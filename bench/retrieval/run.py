"""How often a search finds the right page: of the questions' answers, by words, by vectors and by both.

`python -m bench.retrieval.run` fetches the documents, reads, cuts and embeds them as the server does, and searches them with
the server's search. Vectors are kept in .cache/, so that only what changed is embedded again. The table in
docs/performance.md comes from here. Tune by one half of the questions, odd or even ids, and see by the other whether that holds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Final

import uvloop

from bench.retrieval.corpus import CACHE, SOURCES, Source, fetch
from bench.retrieval.embedded import Remembered, open_embedder
from bench.retrieval.figures import Result, misses, table
from bench.retrieval.questions import Passage, Question, load
from fireside.core.ids import new_id
from fireside.core.principal import LOCAL
from fireside.gen.v1 import document_pb2
from fireside.gen.v1.collection_pb2 import Collection
from fireside.gen.v1.document_pb2 import Document
from fireside.gen.v1.file_pb2 import File
from fireside.knowledge.chunk import Chunk, Cutter
from fireside.knowledge.extract.base import Limits
from fireside.knowledge.extract.sandbox import extract
from fireside.knowledge.index.exact import ExactIndex
from fireside.knowledge.query import Mode, Query
from fireside.knowledge.search import Search
from fireside.knowledge.terms import terms
from fireside.store import collections, documents, files, passages
from fireside.store.db import Database, open_database
from fireside.store.files import StoredFile
from fireside.store.passages import NewChunk, whole_text
from fireside.store.tx import Tx
from fireside.store.urls import sqlite_url

DEPTH: Final = 10
AT_ONCE: Final = 64


async def read(source: Source) -> list[NewChunk]:
    """The passages of the pages that are searched."""
    cutter = Cutter()
    chunks: list[Chunk] = []
    async with aclosing(extract(source.file, source.media_type, source.file.name, Limits())) as batches:
        async for batch in batches:
            chunks += cutter.feed(batch.blocks)
    chunks += cutter.end()
    shown = [
        document_pb2.Passage(page=chunk.page, headings=chunk.headings, text=chunk.text)
        for chunk in chunks
        if not source.last or chunk.page <= source.last
    ]
    return [NewChunk(ordinal, one, terms(whole_text(one))) for ordinal, one in enumerate(shown)]


async def add_document(db: Database, collection_id: str, source: Source) -> Document:
    """The rows of a document that has come."""
    record = File(
        id=new_id(),
        name=source.file.name,
        media_type=source.media_type,
        size=source.file.stat().st_size,
        sha256=b"\0" * 32,
    )

    async def body(tx: Tx) -> Document:
        await files.insert_blob(tx, record.id, record.size)
        await files.insert(tx, StoredFile(LOCAL.id, record.id, record))
        return await documents.arrived(tx, LOCAL.id, record, collection_id=collection_id)

    return await db.write(body)


async def ingest(db: Database, collection_id: str, source: Source, index: ExactIndex, embedder: Remembered) -> str:
    """Reads, cuts and embeds one document. Returns its id."""
    document = await add_document(db, collection_id, source)
    rows = await read(source)

    def ready(one: Document) -> None:
        one.state, one.ready_version, one.chunk_count = document_pb2.DOCUMENT_STATE_READY, 1, len(rows)

    async def store(tx: Tx) -> None:
        await passages.put(tx, document.id, 1, collection_id, rows)
        await documents.change(tx, document.id, ready)

    await db.write(store)
    while waiting := await db.read(lambda tx: passages.without_vector(tx, document.id, 1, embedder.model, AT_ONCE)):
        vectors = await embedder.passages([text for _, text in waiting])
        ids = [chunk_id for chunk_id, _ in waiting]
        await index.upsert(collection_id, embedder.model, list(zip(ids, vectors, strict=True)))
    print(f"{source.id}: {len(rows)} passages", flush=True)
    return document.id


class Library:
    """The documents in a collection, and their search."""

    def __init__(self, search: Search, names: dict[str, str]) -> None:
        self._search = search
        self._names = names

    async def ask(self, question: Question, mode: Mode) -> Result:
        """What is found, and whether anything of it passes as relevant."""
        found = await self._search.search(LOCAL, Query(text=question.question, limit=DEPTH, mode=mode))
        relevant = await self._search.search(
            LOCAL, Query(text=question.question, limit=DEPTH, mode=mode, relevant_only=True)
        )
        some = tuple(Passage(self._names[one.document_id], one.page, one.text) for one in found.passages)
        return Result(question, some, bool(relevant.passages))


@asynccontextmanager
async def library() -> AsyncGenerator[Library]:
    """The documents, ingested into a database of their own."""
    async with open_embedder(CACHE / "vectors.db") as embedder:
        with tempfile.TemporaryDirectory() as folder:
            db = await open_database(sqlite_url(Path(folder) / "retrieval.db"))
            index = ExactIndex(db)
            try:
                collection = Collection(id=new_id(), owner_id=LOCAL.id, name="Manuals")
                await db.write(lambda tx: collections.insert(tx, collection))
                ids = [await ingest(db, collection.id, source, index, embedder) for source in SOURCES]
                names = dict(zip(ids, (source.id for source in SOURCES), strict=True))
                yield Library(Search(db, embedder, index), names)
            finally:
                await index.aclose()
                await db.close()


async def run(modes: Sequence[Mode], *, show_misses: bool) -> None:
    started = time.monotonic()
    async with library() as documents_of:
        print(f"ingested in {time.monotonic() - started:.0f} s")
        for mode in modes:
            results = [await documents_of.ask(question, mode) for question in load()]
            print(f"\n{mode.value}\n\n{table(results)}")
            if show_misses:
                print("\n".join(misses(results)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=[mode.value for mode in Mode], action="append", help="all unless named")
    parser.add_argument("--misses", action="store_true", help="list the questions without a hit among the first five")
    args = parser.parse_args()
    fetch()
    modes = [Mode(name) for name in args.mode or [mode.value for mode in (Mode.TEXT, Mode.VECTOR, Mode.HYBRID)]]
    uvloop.run(run(modes, show_misses=args.misses))


if __name__ == "__main__":
    main()

"""How long a search takes and what it finds, with 10,000 to a million passages: `python -m bench.search --help`.

The passages are made of real ones (bench/library.py). Questions are those of bench/retrieval, each embedded by the embedded
model as it is asked. `recall@10` compares with a look at all vectors in
32 bits by numpy, which is also the floor that times are compared with, in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import uvloop

from bench.library import Base, fill_postgres, fill_sqlite, made, make_lists, real, server
from bench.retrieval.corpus import CACHE
from bench.retrieval.embedded import open_embedder
from bench.retrieval.questions import load
from fireside.core.ids import new_id
from fireside.core.principal import LOCAL
from fireside.knowledge.embedding import Embedder, EmbedderOptions
from fireside.knowledge.index.base import Scope, VectorIndex
from fireside.knowledge.index.exact import ExactIndex, ExactOptions
from fireside.knowledge.index.pgvector import PgVectorIndex
from fireside.knowledge.query import Mode, Query
from fireside.knowledge.search import Search
from fireside.runners.catalog import Catalog
from fireside.runners.e5.runner import MODEL_ID, E5Runner
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner
from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.urls import sqlite_url


@dataclass(frozen=True, slots=True)
class Stage:
    """What is measured: an index over a library."""

    name: str
    db: Database
    index: VectorIndex
    base: Base
    count: int
    collection_id: str


def spread(name: str, seconds: Sequence[float]) -> str:
    """Median and the slowest in a hundred, in milliseconds."""
    ordered = sorted(seconds)
    return f"{name} p50 {statistics.median(ordered) * 1e3:.1f} p99 {ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1e3:.1f} ms"


class Heart:
    """Beats each millisecond, and knows the longest time between two beats."""

    def __init__(self) -> None:
        self.worst = 0.0

    async def beat(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            self.worst, last = max(self.worst, now - last - 0.001), now


async def timed(call: Callable[[str], Awaitable[object]], texts: Sequence[str]) -> list[float]:
    """The seconds of each call."""
    found: list[float] = []
    for text in texts:
        started = time.perf_counter()
        await call(text)
        found.append(time.perf_counter() - started)
    return found


@asynccontextmanager
async def embedders() -> AsyncGenerator[Callable[[], Embedder]]:
    """Makes embedders that remember no question, over one child process."""
    catalog = Catalog([ManagedRunner(E5Runner(), ManagedOptions(check_interval=0.0))])
    try:
        yield lambda: Embedder(catalog, EmbedderOptions(model=MODEL_ID, query_timeout=30.0))
    finally:
        await catalog.aclose()


async def measure(stage: Stage, questions: Sequence[str]) -> None:
    """One line of the report for each thing that is measured."""
    vectors = np.concatenate([rows.vectors for rows in made(stage.base, stage.count)]).astype(np.float32)
    async with embedders() as fresh:
        embedder = fresh()
        scope = [Scope(stage.collection_id, 1)]
        asked = [await embedder.query(text) for text in questions]
        started = time.perf_counter()
        while await stage.index.search_vector(MODEL_ID, scope, asked[0], 10) is None:
            pass
        first = time.perf_counter() - started
        hits, floor, near = 0, list[float](), list[float]()
        for one in asked:
            started = time.perf_counter()
            cosines = vectors @ np.frombuffer(one, "<f2").astype(np.float32)
            truth = np.argpartition(cosines, -10)[-10:] + 1
            floor.append(time.perf_counter() - started)
            started = time.perf_counter()
            found = await stage.index.search_vector(MODEL_ID, scope, one, 10) or []
            near.append(time.perf_counter() - started)
            hits += len(set(truth.tolist()) & {each.chunk_id for each in found})
        del vectors
        print(f"{stage.name} {stage.count}: recall@10 {hits / 10 / len(asked):.3f}; first search {first:.2f} s")
        print(
            f"  {spread('floor (numpy, all)', floor)}; {spread('vectors', near)} ({statistics.median(near) / statistics.median(floor):.2f} of the floor)"
        )
        heart = Heart()
        beating = asyncio.create_task(heart.beat())
        print(f"  {spread('question to vector', await timed(fresh().query, questions))}")
        for mode in (Mode.TEXT, Mode.HYBRID):
            search = Search(stage.db, fresh(), stage.index)
            before = time.process_time()
            took = await timed(
                lambda text, mode=mode, search=search: search.search(LOCAL, Query(text=text, mode=mode)), questions
            )
            # Of this process: its own threads, the beating heart with them, but not PostgreSQL and not the embedded model.
            spent = (time.process_time() - before) / len(questions) * 1e3
            print(f"  {spread(f'search, {mode.value}, end to end', took)}; {spent:.1f} ms of CPU each", flush=True)
        beating.cancel()
        print(f"  the event loop was held up for at most {heart.worst * 1e3:.1f} ms", flush=True)


async def run(args: argparse.Namespace) -> None:
    async with open_embedder(CACHE / "vectors.db") as remembered:
        base = await real(remembered)
    questions = [question.question for question in load()]
    print(f"{len(base.records)} real passages, {len(questions)} questions")
    for count in args.sizes:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            if args.database == "sqlite":
                await sqlite(Path(folder) / "bench.db", base, count, questions)
            else:
                async with server(Path(folder)) as url:
                    await postgres(url, base, count, questions)


async def sqlite(path: Path, base: Base, count: int, questions: Sequence[str]) -> None:
    """The exact index on SQLite."""
    url, collection_id = sqlite_url(path), new_id()
    await (await open_database(url)).close()
    started = time.monotonic()
    await asyncio.to_thread(fill_sqlite, path, base, count, collection_id)
    size = (await asyncio.to_thread(path.stat)).st_size / 1e6
    print(f"loaded {count} in {time.monotonic() - started:.0f} s; the database has {size:.0f} MB", flush=True)
    db = await open_database(url)
    index = ExactIndex(db, ExactOptions(patience=120))
    await measure(Stage("sqlite", db, index, base, count, collection_id), questions)
    await index.aclose()
    await db.close()


async def postgres(url: str, base: Base, count: int, questions: Sequence[str]) -> None:
    """pgvector on PostgreSQL."""
    started, collection_id = time.monotonic(), new_id()
    await fill_postgres(url, base, count, collection_id)
    print(f"loaded {count} in {time.monotonic() - started:.0f} s", flush=True)
    took = await make_lists(url, base, count, collection_id)
    print(f"the lists of {count} took {took:.0f} s", flush=True)
    db = await open_database(url, StoreOptions(timeout=120.0))
    index = PgVectorIndex(db)
    await measure(Stage("postgresql with pgvector", db, index, base, count, collection_id), questions)
    await index.aclose()
    await db.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument(
        "--folder", help="where the databases are made, for those that do not fit into the temporary folder"
    )
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()

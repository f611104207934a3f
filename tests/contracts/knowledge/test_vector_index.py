"""What every index does that finds the nearest vectors: the exact one on both databases, and pgvector's."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence

import pytest

from fireside.knowledge.embedding import packed
from fireside.knowledge.index.base import Scope, VectorIndex
from fireside.knowledge.index.choosing import open_index
from fireside.knowledge.index.exact import ExactIndex, ExactOptions
from fireside.knowledge.index.pgvector import PgVectorIndex
from fireside.store import vectors as stored
from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.tx import Tx
from fireside.store.urls import sqlite_url
from tests.library import have_collection, have_document, ids_of, vector

MODEL = "m"


@pytest.fixture(params=["exact on sqlite", "exact on postgresql", "pgvector"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def database_url(request: pytest.FixtureRequest, kind: str, tmp_path: str) -> str:
    return sqlite_url(tmp_path / "f.db") if "sqlite" in kind else request.getfixturevalue("postgres_url")


async def opened(db: Database, kind: str, options: ExactOptions | None = None) -> VectorIndex:
    if kind != "pgvector":
        return ExactIndex(db, options)
    index = await open_index(db)
    assert isinstance(index, PgVectorIndex)
    return index


@pytest.fixture
async def index(db: Database, kind: str) -> AsyncIterator[VectorIndex]:
    index = await opened(db, kind)
    yield index
    await index.aclose()


async def have(db: Database, count: int, scope: str = "") -> tuple[str, list[int]]:
    """A scope with so many chunks."""
    scope = scope or await have_collection(db)
    document = await have_document(db, scope, [f"text {at}" for at in range(count)], name=f"{count} {random.random()}")
    return scope, await ids_of(db, document)


async def nearest(
    index: VectorIndex, scopes: Sequence[str], asked: bytes, limit: int = 3, stamp: int = 1, among: Sequence[int] = ()
) -> list[int]:
    found = await index.search_vector(MODEL, [Scope(scope, stamp) for scope in scopes], asked, limit, among)
    assert found is not None
    assert [one.similarity for one in found] == sorted((one.similarity for one in found), reverse=True)
    return [one.chunk_id for one in found]


async def settle(index: VectorIndex) -> None:
    if isinstance(index, PgVectorIndex):
        await index.settled()


async def test_finds_the_nearest(db: Database, index: VectorIndex) -> None:
    scope, ids = await have(db, 4)
    await index.upsert(
        scope, MODEL, [(ids[0], vector(1)), (ids[1], vector(1, 1)), (ids[2], vector(0, 1)), (ids[3], vector(-1))]
    )
    for _ in range(2):
        assert await nearest(index, [scope], vector(1)) == [ids[0], ids[1], ids[2]]
        assert await nearest(index, [scope], vector(0.1, 1), 2) == [ids[2], ids[1]]
        [one] = await index.search_vector(MODEL, [Scope(scope, 1)], vector(1, 1), 1) or []
        assert one == (ids[1], pytest.approx(1.0, abs=1e-3))
        assert await nearest(index, [scope], vector(1), among=[ids[2], ids[3]]) == [ids[2], ids[3]]
        await settle(index)
    assert await index.search_vector("other", [Scope(scope, 1)], vector(1), 3) == []
    assert await nearest(index, [], vector(1)) == []


async def test_keeps_scopes_apart(db: Database, index: VectorIndex) -> None:
    one, [first] = await have(db, 1)
    other, [second] = await have(db, 1)
    await index.upsert(one, MODEL, [(first, vector(1))])
    await index.upsert(other, MODEL, [(second, vector(1, 0.1))])
    await settle(index)
    assert await nearest(index, [one], vector(1)) == [first]
    assert await nearest(index, [other], vector(1)) == [second]
    assert await nearest(index, [one, other], vector(1)) == [first, second]


async def test_shows_what_this_process_stored_at_once(db: Database, index: VectorIndex) -> None:
    scope, ids = await have(db, 3)
    await index.upsert(scope, MODEL, [(ids[2], vector(0, 1))])
    assert await nearest(index, [scope], vector(1)) == [ids[2]]
    await index.upsert(scope, MODEL, [(ids[0], vector(1)), (ids[1], vector(1, 1))])
    assert await nearest(index, [scope], vector(1)) == [ids[0], ids[1], ids[2]]
    await index.upsert(scope, MODEL, [(ids[0], vector(-1))])
    assert await nearest(index, [scope], vector(1)) == [ids[1], ids[2], ids[0]]
    await index.delete(scope, MODEL, [ids[1]])
    assert await nearest(index, [scope], vector(1)) == [ids[2], ids[0]]


async def test_sees_what_others_stored_once_the_stamp_is_another(db: Database, index: VectorIndex, kind: str) -> None:
    scope, ids = await have(db, 4)
    other = await opened(db, kind)
    await index.upsert(scope, MODEL, [(ids[1], vector(1)), (ids[2], vector(0, 1))])
    await settle(index)
    assert await nearest(index, [scope], vector(1)) == [ids[1], ids[2]]
    # One that comes before what is known already, and one after.
    await other.upsert(scope, MODEL, [(ids[0], vector(1, 0.1)), (ids[3], vector(1, 0.2))])
    assert await nearest(index, [scope], vector(1), stamp=2) == [ids[1], ids[0], ids[3]]
    await other.aclose()

    async def remove(tx: Tx) -> None:
        await tx.execute("DELETE FROM chunks WHERE id IN ($1, $2)", ids[1], ids[3])

    await db.write(remove)
    assert await nearest(index, [scope], vector(1), stamp=3) == [ids[0], ids[2]]


async def test_vectors_of_chunks_that_are_gone_are_left_out(db: Database, index: VectorIndex) -> None:
    scope, [first] = await have(db, 1)
    other, _ = await have(db, 1)
    await index.upsert(scope, MODEL, [(first, vector(1)), (first + 1000, vector(1))])
    await index.upsert(other, MODEL, [(first, vector(1))])
    assert await nearest(index, [scope], vector(1)) == [first]
    assert await nearest(index, [other], vector(1)) == []


async def test_vectors_of_another_length_are_no_trouble(db: Database, index: VectorIndex) -> None:
    scope, ids = await have(db, 3)
    await index.upsert(scope, MODEL, [(ids[0], vector(1)), (ids[1], vector(1, size=16))])
    await settle(index)
    for _ in range(2):
        assert await nearest(index, [scope], vector(1)) == [ids[0]]
        await index.upsert(scope, MODEL, [(ids[2], vector(1, size=16))])


async def test_finds_what_looking_at_all_finds(db: Database, index: VectorIndex) -> None:
    chance = random.Random(7)
    scope, ids = await have(db, 400)
    # Near each other, as real ones are: all of them share a direction.
    common = [chance.gauss(0, 1) for _ in range(96)]
    values = [[3 * shared + chance.gauss(0, 1) for shared in common] for _ in ids]
    vectors = [packed(one) for one in values]
    await index.upsert(scope, MODEL, list(zip(ids, vectors, strict=True)))
    await settle(index)
    hits = 0
    for _ in range(20):
        near = values[chance.randrange(len(values))]
        asked = [one + chance.gauss(0, 0.7) for one in near]
        scores = {
            name: sum(a * b for a, b in zip(asked, one, strict=True)) / sum(b * b for b in one) ** 0.5
            for name, one in zip(ids, values, strict=True)
        }
        truth = sorted(ids, key=lambda name: -scores[name])[:10]
        hits += len(set(truth) & set(await nearest(index, [scope], packed(asked), 10)))
    assert hits >= 196


async def test_drops_a_model(db: Database, index: VectorIndex) -> None:
    scope, ids = await have(db, 2)
    await index.upsert(scope, MODEL, [(ids[0], vector(1))])
    await index.upsert(scope, "kept", [(ids[0], vector(1))])
    await settle(index)
    await index.drop(MODEL)
    assert await nearest(index, [scope], vector(1)) == []

    async def models(tx: Tx) -> list[str]:
        return await stored.models(tx, scope)

    assert await db.read(models) == ["kept"]
    await index.upsert(scope, MODEL, [(ids[1], vector(1))])
    assert await nearest(index, [scope], vector(1)) == [ids[1]]


async def test_forgets_what_was_not_searched_for_long(db: Database, kind: str) -> None:
    index = await opened(db, kind, ExactOptions(memory=1))
    for _ in range(2):
        for _ in range(3):
            scope, [first] = await have(db, 1)
            await index.upsert(scope, MODEL, [(first, vector(1))])
            assert await nearest(index, [scope], vector(1)) == [first]
    await index.aclose()


async def test_a_table_is_filled_with_what_was_there_before(postgres_url: str) -> None:
    db = await open_database(postgres_url, StoreOptions())
    exact, near = ExactIndex(db), await open_index(db)
    assert isinstance(near, PgVectorIndex)
    scope, ids = await have(db, 600)
    await exact.upsert(scope, MODEL, [(name, vector(1, at / 600)) for at, name in enumerate(ids)])
    assert await nearest(near, [scope], vector(1)) == ids[:3]
    await near.settled()
    assert await nearest(near, [scope], vector(1)) == ids[:3]
    again = await open_index(db)
    assert again is not None
    assert await nearest(again, [scope], vector(1)) == ids[:3]
    for index in (exact, near, again):
        await index.aclose()
    await db.close()

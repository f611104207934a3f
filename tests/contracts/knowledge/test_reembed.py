"""Changing the embedding model: the old vectors serve until the new ones are there. On both databases."""

from __future__ import annotations

import pytest

from fireside.core.errors import UnavailableError
from fireside.knowledge.embedding import Embedder, EmbedderOptions
from fireside.knowledge.index.exact import ExactIndex
from fireside.knowledge.query import Mode, Query
from fireside.knowledge.reembed import Reembed
from fireside.knowledge.search import Search
from fireside.runners.catalog import Catalog
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner
from fireside.store import jobs, vectors
from fireside.store.db import Database
from fireside.store.tx import Tx
from tests.library import ANNA, have_collection, have_document, ids_of
from tests.meanings import MODEL, MeaningRunner
from tests.searching import embed, texts


async def test_the_old_model_serves_until_the_new_one_has_all(
    db: Database, embedder: Embedder, meanings: MeaningRunner
) -> None:
    scope, other = await have_collection(db), await have_collection(db)
    first = await have_document(db, scope, ["the feline sleeps", "taxes"], name="a")
    second = await have_document(db, other, ["a kitten"], name="b")
    await embed(db, embedder, first, scope)
    await embed(db, embedder, second, other)
    index = ExactIndex(db)
    catalog = Catalog([ManagedRunner(meanings, ManagedOptions(failures_to_rest=0, retries=0))])
    newer = Embedder(catalog, EmbedderOptions(model=f"{MODEL}-2", query_timeout=0.2))
    reembed = Reembed(db, newer, index, lambda: None)
    search = Search(db, newer, index)
    query = Query(text="cat", mode=Mode.VECTOR)
    assert not (await search.search(ANNA, query)).passages
    await reembed.open()
    assert set(texts(await search.search(ANNA, query))) == {"the feline sleeps", "taxes", "a kitten"}

    async def job(tx: Tx) -> jobs.Job | None:
        [lane] = await jobs.due(tx, [jobs.REEMBED])
        return await jobs.take(tx, lane.name, [jobs.REEMBED], "us", 2**60)

    taken = await db.write(job)
    assert taken is not None
    meanings.mood = "fail"
    with pytest.raises(UnavailableError):
        await reembed.run(taken)
    meanings.mood = ""
    await reembed.run(taken)
    assert set(await models(db, scope) + await models(db, other)) == {f"{MODEL}-2"}
    await db.write(lambda tx: jobs.done(tx, taken))
    assert set(texts(await search.search(ANNA, query))) == {"the feline sleeps", "taxes", "a kitten"}
    before = len(meanings.asked)
    await reembed.open()
    assert await db.read(lambda tx: jobs.get(tx, jobs.REEMBED, "vectors")) is None
    assert len(meanings.asked) == before
    await catalog.aclose()
    await index.aclose()


async def models(db: Database, scope: str) -> list[str]:
    return list(await db.read(lambda tx: vectors.models(tx, scope)))


async def test_half_a_change_of_the_model_goes_by_both(
    db: Database, embedder: Embedder, meanings: MeaningRunner
) -> None:
    scope, other = await have_collection(db), await have_collection(db)
    first = await have_document(db, scope, ["the feline sleeps"], name="a")
    second = await have_document(db, other, ["a kitten"], name="b")
    await embed(db, embedder, first, scope)
    catalog = Catalog([ManagedRunner(meanings, ManagedOptions(failures_to_rest=0, retries=0))])
    newer = Embedder(catalog, EmbedderOptions(model=f"{MODEL}-2"))
    index = ExactIndex(db)
    await index.upsert(
        other, f"{MODEL}-2", list(zip(await ids_of(db, second), await newer.passages(["a kitten"]), strict=True))
    )
    await Reembed(db, newer, index, lambda: None).open()
    found = await Search(db, newer, index).search(ANNA, Query(text="cat"))
    assert set(texts(found)) == {"the feline sleeps", "a kitten"}
    assert all(passage.similarity > 0.5 for passage in found.passages)
    await catalog.aclose()
    await index.aclose()


async def test_without_a_model_nothing_is_asked_for(db: Database) -> None:
    await have_document(db, await have_collection(db), ["feline"])
    catalog = Catalog([])
    reembed = Reembed(db, Embedder(catalog, EmbedderOptions()), None, lambda: None)
    await reembed.open()
    assert await db.read(lambda tx: jobs.get(tx, jobs.REEMBED, "vectors")) is None
    await catalog.aclose()

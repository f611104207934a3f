"""Searching documents by words and by vectors: what comes out, and in which order. On both databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fireside.core.errors import FailedPreconditionError
from fireside.core.ids import new_id
from fireside.gen.v1.document_pb2 import (
    DOCUMENT_STATE_EMBEDDING,
    DOCUMENT_STATE_EXTRACTING,
    DOCUMENT_STATE_FAILED,
    DOCUMENT_STATE_UPLOADED,
)
from fireside.knowledge.embedding import Embedder
from fireside.knowledge.query import Mode, Query
from fireside.knowledge.search import Search
from fireside.store.db import Database
from tests.library import ANNA, have_collection, have_document, ids_of
from tests.meanings import MeaningRunner
from tests.searching import embed, execute, texts


async def test_finds_by_words_and_by_meaning(db: Database, search: Search, embedder: Embedder) -> None:
    scope = await have_collection(db)
    document = await have_document(
        db, scope, ["the feline sleeps", "a dog barks", "taxes are due in May"], folder="pets"
    )
    await embed(db, embedder, document, scope)
    found = await search.search(ANNA, Query(text="cat taxes"))
    assert set(texts(found)[:2]) == {"the feline sleeps", "taxes are due in May"}
    assert found.used_vectors
    [feline] = [passage for passage in found.passages if "feline" in passage.text]
    assert feline.similarity > 0.5
    [taxes] = [passage for passage in found.passages if "taxes" in passage.text]
    assert [(one.start, one.end) for one in taxes.highlights] == [(0, 5)]
    assert (taxes.document_id, taxes.version, taxes.ordinal, taxes.name) == (document, 1, 2, "notes.txt")
    assert taxes.collection_id == scope
    assert taxes.file_id
    by_words = await search.search(ANNA, Query(text="cat taxes", mode=Mode.TEXT))
    assert texts(by_words) == ["taxes are due in May"]
    assert not by_words.used_vectors
    by_meaning = await search.search(ANNA, Query(text="cat", mode=Mode.VECTOR, limit=1))
    assert texts(by_meaning) == ["the feline sleeps"]


async def test_words_serve_while_there_are_no_vectors(search: Search, words: Search, db: Database) -> None:
    scope = await have_collection(db)
    await have_document(db, scope, ["the feline sleeps"])
    for one in (search, words):
        found = await one.search(ANNA, Query(text="feline"))
        assert texts(found) == ["the feline sleeps"]
        assert not found.used_vectors
    with pytest.raises(FailedPreconditionError, match="No embedding model"):
        await words.search(ANNA, Query(text="feline", mode=Mode.VECTOR))


async def test_a_slow_or_broken_model_leaves_the_words(
    db: Database, search: Search, embedder: Embedder, meanings: MeaningRunner
) -> None:
    scope = await have_collection(db)
    document = await have_document(db, scope, ["the feline sleeps"])
    await embed(db, embedder, document, scope)
    for meanings.mood in ("hang", "fail"):
        found = await search.search(ANNA, Query(text=f"feline {meanings.mood}"))
        assert texts(found) == ["the feline sleeps"]
        assert not found.used_vectors


async def test_only_the_ready_version_is_found(db: Database, search: Search, embedder: Embedder) -> None:
    scope = await have_collection(db)
    document = await have_document(db, scope, ["feline, the first"])
    await embed(db, embedder, document, scope)
    await have_document(
        db,
        scope,
        ["feline, the second"],
        document_id=document,
        version=2,
        ready_version=1,
        state=DOCUMENT_STATE_EMBEDDING,
    )
    await embed(db, embedder, document, scope, version=2)
    query = Query(text="cat feline")
    assert texts(await search.search(ANNA, query)) == ["feline, the first"]
    await execute(db, "UPDATE documents SET ready_version = 2 WHERE id = $1", document)
    assert texts(await search.search(ANNA, query)) == ["feline, the second"]


@pytest.mark.parametrize(
    ("state", "count", "pending"),
    [
        (DOCUMENT_STATE_UPLOADED, 0, 1),
        (DOCUMENT_STATE_EXTRACTING, 0, 1),
        (DOCUMENT_STATE_EMBEDDING, 1, 0),
        (DOCUMENT_STATE_FAILED, 0, 0),
    ],
)
async def test_a_document_on_its_way(db: Database, search: Search, state: int, count: int, pending: int) -> None:
    scope = await have_collection(db)
    await have_document(db, scope, ["feline"], state=state, ready_version=0)
    found = await search.search(ANNA, Query(text="feline"))
    assert (len(found.passages), found.pending) == (count, pending)


async def test_deleted_passages_are_gone_at_once(db: Database, search: Search, embedder: Embedder) -> None:
    scope = await have_collection(db)
    first = await have_document(
        db, scope, ["a feline"] + [f"feline number {at} {new_id()}" for at in range(120)], name="a"
    )
    second = await have_document(db, scope, ["another feline here"], name="b")
    await embed(db, embedder, first, scope)
    await embed(db, embedder, second, scope)
    query = Query(text="cat feline", limit=2)
    assert (await search.search(ANNA, query)).used_vectors
    # The collection's number stays as it is, so that the index does not learn of it.
    await execute(db, "DELETE FROM chunks WHERE document_id = $1", first)
    assert texts(await search.search(ANNA, query)) == ["another feline here"]


async def test_filters(db: Database, search: Search, embedder: Embedder) -> None:
    scope = await have_collection(db)
    for name, folder, media_type, at in (
        ("a.pdf", "", "application/pdf", 10), ("b.png", "art", "image/png", 20), ("c.jpg", "art/old", "image/jpeg", 30),
        ("d.md", "artful", "text/markdown", 40),
    ):  # fmt: skip
        document = await have_document(
            db, scope, [f"feline {name}"], name=name, folder=folder, media_type=media_type, update_time=at
        )
        await embed(db, embedder, document, scope)

    async def names(query: Query) -> set[str]:
        return {passage.name for passage in (await search.search(ANNA, query)).passages}

    base = Query(text="cat feline")
    assert await names(base) == {"a.pdf", "b.png", "c.jpg", "d.md"}
    for mode in Mode:
        query = replace(base, mode=mode)
        assert await names(replace(query, folder="art")) == {"b.png", "c.jpg"}
        assert await names(replace(query, media_types=["image/*"])) == {"b.png", "c.jpg"}
        assert await names(replace(query, media_types=["application/pdf", "text/markdown"])) == {"a.pdf", "d.md"}
        assert await names(replace(query, changed_since_us=30)) == {"c.jpg", "d.md"}
        assert await names(replace(query, changed_since_us=30, folder="/art/")) == {"c.jpg"}
        assert await names(replace(query, folder="nowhere")) == set()


async def test_documents_beside_collections(db: Database, search: Search, embedder: Embedder) -> None:
    one, other = await have_collection(db), await have_collection(db)
    ids = dict[str, str]()
    for name, scope in (("a", one), ("b", other), ("c", other), ("d", "")):
        ids[name] = await have_document(db, scope, [f"feline {name}"], name=name)
        await embed(db, embedder, ids[name], scope)

    async def names(collections: Sequence[str], documents: str) -> set[str]:
        query = Query(text="cat feline", collection_ids=collections, document_ids=[ids[name] for name in documents])
        return {passage.name for passage in (await search.search(ANNA, query)).passages}

    assert await names([], "") == {"a", "b", "c"}
    assert await names([one], "") == {"a"}
    assert await names([], "b") == {"b"}
    assert await names([one], "bd") == {"a", "b", "d"}
    assert await names([other], "bd") == {"b", "c", "d"}


async def test_a_narrow_document_in_a_wide_collection(db: Database, search: Search, embedder: Embedder) -> None:
    scope = await have_collection(db)
    wide = await have_document(db, scope, [f"feline {new_id()}" for _ in range(300)], name="wide")
    narrow = await have_document(db, scope, ["feline, but with many other words around it"], name="narrow")
    for document in (wide, narrow):
        for _ in range(4):
            await embed(db, embedder, document, scope)
    for mode in Mode:
        found = await search.search(ANNA, Query(text="cat feline", document_ids=[narrow], mode=mode, limit=3))
        assert [passage.name for passage in found.passages] == ["narrow"], mode


async def test_one_document_does_not_fill_the_result(db: Database, search: Search) -> None:
    scope = await have_collection(db)
    await have_document(db, scope, [f"feline {word}" for word in "abcdefgh"], name="many")
    other = await have_document(db, scope, ["the feline and a lot of other words which make it longer"], name="one")
    found = await search.search(ANNA, Query(text="feline", limit=4))
    assert [passage.name for passage in found.passages] == ["many", "many", "many", "one"]
    assert len((await search.search(ANNA, Query(text="feline", limit=6))).passages) == 6
    assert other in {passage.document_id for passage in found.passages}


async def test_repeats_are_shown_once(db: Database, search: Search) -> None:
    scope = await have_collection(db)
    same = "Every feline in the house sleeps in the warm kitchen beside the old iron stove all winter long"
    for name in ("a", "b", "c"):
        await have_document(db, scope, [f"{same}!" if name == "b" else same], name=name)
    await have_document(db, scope, ["A feline elsewhere"], name="d")
    assert len(texts(await search.search(ANNA, Query(text="feline")))) == 2


async def test_what_is_new_is_found(db: Database, search: Search, embedder: Embedder) -> None:
    scope = await have_collection(db)
    first = await have_document(db, scope, ["a feline"], name="a")
    second = await have_document(db, scope, ["a kitten"], name="b")
    await embed(db, embedder, second, scope)
    query = Query(text="cat", mode=Mode.VECTOR)
    assert set(texts(await search.search(ANNA, query))) == {"a kitten"}
    # The chunk is older than the one whose vector is known already.
    await embed(db, embedder, first, scope)
    assert set(texts(await search.search(ANNA, query))) == {"a kitten", "a feline"}
    third = await have_document(db, scope, ["a dog"], name="c")
    await embed(db, embedder, third, scope)
    assert len((await search.search(ANNA, query)).passages) == 3
    assert await ids_of(db, third)


async def test_questions_without_telling_words(db: Database, search: Search, embedder: Embedder) -> None:
    scope = await have_collection(db)
    document = await have_document(db, scope, ["the feline sleeps"])
    await embed(db, embedder, document, scope)
    found = await search.search(ANNA, Query(text="what is this?"))
    assert texts(found) == ["the feline sleeps"]
    assert (await search.search(ANNA, Query(text="what is this?", mode=Mode.TEXT))).passages == ()

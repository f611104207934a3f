"""What PostgreSQL finds by words where there are more chunks than it can rank."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest

from fireside.store import word_search
from fireside.store.db import Database, open_database
from fireside.store.tx import Tx
from fireside.store.word_search import Matches, Place
from tests.library import have_collection
from tests.many_chunks import have_chunks

WORDS = {"installer": 1, "package": 2, "kernel": 10, "zebra": 2_000}


@dataclass(frozen=True)
class Library:
    """Most chunks are in one scope, some in another. `documents` and `ids` are of both, in this order."""

    db: Database
    scopes: Sequence[str]
    documents: Sequence[str]
    ids: Sequence[Sequence[int]]

    async def find(self, terms: Sequence[str], *scopes: int, documents: Sequence[str] = ()) -> Matches:
        place = Place([self.scopes[at] for at in scopes], documents)

        async def body(tx: Tx) -> Matches:
            return await word_search.search(tx, place, terms, 50)

        return await self.db.read(body)

    def numbers(self, matches: Matches, scope: int) -> list[int]:
        """Which chunks of a scope were found, from 1 on. All are of that scope."""
        return [self.ids[scope].index(chunk_id) + 1 for chunk_id, _ in matches.ranked]


@pytest.fixture
async def library(postgres_url: str) -> AsyncIterator[Library]:
    db = await open_database(postgres_url)
    scopes = [await have_collection(db), await have_collection(db)]
    made = [await have_chunks(db, scope, count, WORDS) for scope, count in zip(scopes, (6_000, 2_000), strict=True)]
    yield Library(db, scopes, [document for document, _ in made], [ids for _, ids in made])
    await db.close()


async def test_rare_words_are_found_among_many(library: Library) -> None:
    matches = await library.find(["installer", "zebra"], 0)
    assert library.numbers(matches, 0)[:3] == [2_000, 4_000, 6_000]
    matches = await library.find(["installer", "zebra"], 1)
    assert library.numbers(matches, 1)[0] == 2_000
    matches = await library.find(["zebra"], 0, 1)
    assert {chunk_id for chunk_id, _ in matches.ranked} == {*library.ids[0][1_999::2_000], library.ids[1][1_999]}


async def test_common_words_count_where_rare_ones_are_in_no_chunk(library: Library) -> None:
    for scope in (0, 1):
        matches = await library.find(["nowhere", "installer", "package", "kernel"], scope)
        numbers = library.numbers(matches, scope)
        assert len(numbers) == 50
        assert all(number % 10 == 0 for number in numbers)
        assert matches.frequencies is not None
        assert matches.frequencies["nowhere"] == 0
        assert matches.overlaps[matches.ranked[0][0]] > matches.overlaps.get(library.ids[scope][0], 0.0)


async def test_a_common_word_alone_finds_some(library: Library) -> None:
    for scope in (0, 1):
        numbers = library.numbers(await library.find(["installer"], scope), scope)
        assert len(numbers) == 50


async def test_documents_are_kept_to(library: Library) -> None:
    document, ids = await have_chunks(library.db, library.scopes[0], 100, WORDS)
    for terms in (["installer"], ["nowhere", "kernel"], ["zebra", "installer", "kernel"]):
        matches = await library.find(terms, 0, documents=[document])
        assert matches.ranked
        assert {chunk_id for chunk_id, _ in matches.ranked} <= set(ids)
        matches = await library.find(terms, 0, documents=[library.documents[0]])
        assert len(matches.ranked) == 50
        assert {chunk_id for chunk_id, _ in matches.ranked} <= set(library.ids[0])


async def test_it_is_known_about_how_many_chunks_have_a_word(library: Library) -> None:
    for scope, count in ((0, 6_000), (1, 2_000)):
        frequencies = (await library.find(list(WORDS), scope)).frequencies or {}
        for word, every in WORDS.items():
            assert frequencies[word] == pytest.approx(count / every, rel=0.5, abs=2), word

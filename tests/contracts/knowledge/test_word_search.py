"""Chunks are found by their words, on both databases."""

from __future__ import annotations

import pytest

from fireside.knowledge.terms import query_terms
from fireside.store import passages, word_search
from fireside.store.db import Database
from fireside.store.tx import Tx
from fireside.store.word_search import Matches, Place
from tests.library import chunk, have_collection, have_document, ids_of

CHINESE = (
    "安装软件包之前请先更新软件源列表。",
    "网络接口的配置文件位于系统目录。",
    "用户密码丢失后可以从引导加载程序恢复。",
    "东京是日本的首都人口超过一千万。",
    "内核模块在启动时自动加载。",
)


async def found(db: Database, text: str, scopes: list[str], documents: list[str] | None = None) -> Matches:
    async def body(tx: Tx) -> Matches:
        return await word_search.search(tx, Place(scopes, documents or []), query_terms(text), 10)

    return await db.read(body)


def ids(matches: Matches) -> list[int]:
    return [chunk_id for chunk_id, _ in matches.ranked]


async def test_finds_words_whatever_their_form(db: Database) -> None:
    scope = await have_collection(db)
    document = await have_document(
        db, scope, ["The Libraries of café owners", "Set foo_bar to v1.2.3 with apt-get", "Nothing of the kind"]
    )
    first, second, _ = await ids_of(db, document)
    for text in ("library", "LIBRARIES", "cafe", "CAFÉ?", "the owner's"):
        assert ids(await found(db, text, [scope])) == [first], text
    for text in ("foo_bar", "foo-bar", "v1.2.3", "apt-get", "how to set foo"):
        assert ids(await found(db, text, [scope])) == [second], text
    assert ids(await found(db, "elephant", [scope])) == []
    assert ids(await found(db, "what is the", [scope])) == []


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("如何安装软件包", 0), ("软件源", 0), ("更新列表", 0), ("网络配置", 1), ("接口的配置文件在哪里", 1), ("系统目录", 1),
        ("密码丢失怎么办", 2), ("恢复密码", 2), ("引导加载程序", 2), ("日本的首都是什么", 3), ("东京人口", 3), ("内核模块", 4),
        ("启动时加载", 4),
    ],
)  # fmt: skip
async def test_finds_chinese(db: Database, text: str, position: int) -> None:
    scope = await have_collection(db)
    document = await have_document(db, scope, CHINESE)
    assert ids(await found(db, text, [scope]))[0] == (await ids_of(db, document))[position]


async def test_rare_words_and_repeats_rank_higher(db: Database) -> None:
    scope = await have_collection(db)
    texts = [f"common words here {number}" for number in range(8)]
    document = await have_document(db, scope, [*texts, "common zebra", "zebra zebra zebra", "common common word"])
    matches = await found(db, "common zebra", [scope])
    last = (await ids_of(db, document))[8:]
    assert set(ids(matches)[:2]) == set(last[:2])
    assert matches.frequencies == {"common": 10, "zebra": 2}
    assert [score for _, score in matches.ranked] == sorted((score for _, score in matches.ranked), reverse=True)


async def test_keeps_to_scopes_and_documents(db: Database) -> None:
    one, other = await have_collection(db), await have_collection(db)
    first = await have_document(db, one, ["green tea"], name="a")
    second = await have_document(db, one, ["green grass"], name="b")
    third = await have_document(db, other, ["green door"])
    [tea], [grass], [door] = await ids_of(db, first), await ids_of(db, second), await ids_of(db, third)
    assert set(ids(await found(db, "green", [one]))) == {tea, grass}
    assert set(ids(await found(db, "green", [one, other]))) == {tea, grass, door}
    assert ids(await found(db, "green", [one, other], [second])) == [grass]
    assert ids(await found(db, "green", [])) == []


async def test_words_go_with_the_chunks(db: Database) -> None:
    scope = await have_collection(db)
    document = await have_document(db, scope, ["yellow submarine"] * 3)

    async def drop(tx: Tx) -> list[int]:
        return [
            await passages.drop(tx, document, 0, 2),
            await passages.drop(tx, document, 0, 2),
            await passages.drop(tx, document, 0),
        ]

    assert await db.write(drop) == [2, 1, 0]
    assert ids(await found(db, "submarine", [scope])) == []


async def test_chunks_may_be_put_again(db: Database) -> None:
    scope = await have_collection(db)
    document = await have_document(db, scope, ["one", "two"])
    before = await ids_of(db, document)

    async def again(tx: Tx) -> None:
        await passages.put(tx, document, 1, scope, [chunk(1, "another"), chunk(2, "three")])

    await db.write(again)
    assert (await ids_of(db, document))[:2] == before

    async def read(tx: Tx) -> list[str]:
        return [passage.text for passage in await passages.of_document(tx, document, 1, 1, 5)]

    assert await db.read(read) == ["two", "three"]
    assert ids(await found(db, "another", [scope])) == []


@pytest.mark.parametrize(
    "text", ['"', "'", "a'b\\c", "x:y*", "NEAR(a b)", "AND OR NOT", "\\", "(", "hello\0world", "\ud800"]
)
async def test_no_text_breaks_the_query(db: Database, text: str) -> None:
    scope = await have_collection(db)
    await have_document(db, scope, ["It's a \\ test: NEAR(a b) 'quoted' x:y*"])
    await found(db, text, [scope])

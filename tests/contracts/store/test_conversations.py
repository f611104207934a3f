"""Conversations on both databases."""

from __future__ import annotations

import pytest

from fireside.core.errors import AbortedError, AlreadyExistsError, InvalidArgumentError, NotFoundError
from fireside.gen.v1.conversation_pb2 import Conversation
from fireside.store import conversations, generations, messages
from fireside.store.db import Database
from fireside.store.generations import LogBatch
from fireside.store.records import timestamp_of, us_of
from tests.store_rows import (
    LEASE,
    OWNER,
    conversation,
    have_conversation,
    have_generation,
    have_messages,
    message,
)


async def test_what_is_inserted_is_read_back_with_its_etag(db: Database) -> None:
    c = conversation("c", "Hello")
    c.model, c.head_message_id = "local/x", "m"
    stored = await db.write(lambda tx: conversations.insert(tx, OWNER, c))
    c.etag = "r1"
    assert stored == c
    assert await db.read(lambda tx: conversations.get(tx, OWNER, "c")) == c


async def test_a_taken_id_is_refused_to_every_account(db: Database) -> None:
    await have_conversation(db)
    for owner in (OWNER, "other"):
        with pytest.raises(AlreadyExistsError) as caught:
            await db.write(lambda tx, owner=owner: conversations.insert(tx, owner, conversation("c")))
        assert caught.value.reason == "CONVERSATION_EXISTS"


async def test_another_account_sees_and_changes_nothing(db: Database) -> None:
    c = await have_conversation(db)
    assert await db.read(lambda tx: conversations.get(tx, "other", "c")) is None
    assert await db.read(lambda tx: conversations.page(tx, "other", query="", limit=9, before=None)) == []
    with pytest.raises(NotFoundError):
        await db.write(lambda tx: conversations.update(tx, "other", c))


async def test_an_update_bumps_the_etag_and_a_stale_one_is_refused(db: Database) -> None:
    first = await have_conversation(db, title="one")
    changed = Conversation()
    changed.CopyFrom(first)
    changed.title = "two"
    second = await db.write(lambda tx: conversations.update(tx, OWNER, changed))
    assert (second.title, second.etag) == ("two", "r2")
    with pytest.raises(AbortedError):
        await db.write(lambda tx: conversations.update(tx, OWNER, first))
    first.etag = ""
    third = await db.write(lambda tx: conversations.update(tx, OWNER, first))
    assert (third.title, third.etag) == ("one", "r3")
    assert await db.read(lambda tx: conversations.get(tx, OWNER, "c")) == third


@pytest.mark.parametrize("etag", ["r9", "nonsense", "r"])
async def test_an_etag_that_was_never_given_is_stale(db: Database, etag: str) -> None:
    c = await have_conversation(db)
    c.etag = etag
    with pytest.raises(AbortedError):
        await db.write(lambda tx: conversations.update(tx, OWNER, c))


async def test_a_deleted_one_is_found_only_when_asked_for(db: Database) -> None:
    c = await have_conversation(db)
    c.delete_time.CopyFrom(timestamp_of(9_000))
    deleted = await db.write(lambda tx: conversations.update(tx, OWNER, c))
    assert await db.read(lambda tx: conversations.get(tx, OWNER, "c")) is None
    assert await db.read(lambda tx: conversations.get(tx, OWNER, "c", deleted=True)) == deleted
    assert await db.read(lambda tx: conversations.page(tx, OWNER, query="", limit=9, before=None)) == []
    deleted.ClearField("delete_time")
    await db.write(lambda tx: conversations.update(tx, OWNER, deleted))
    assert await db.read(lambda tx: conversations.get(tx, OWNER, "c")) is not None


async def test_pages_of_equal_times_neither_skip_nor_repeat(db: Database) -> None:
    times = [3_000, 1_000, 2_000, 2_000, 2_000, 2_000, 2_000, 1_000]
    for number, at in enumerate(times):
        await have_conversation(db, f"c{number}", at=at)
    expected = sorted(((at, f"c{number}") for number, at in enumerate(times)), reverse=True)
    seen: list[tuple[int, str]] = []
    while True:
        before = seen[-1] if seen else None
        rows = await db.read(lambda tx, before=before: conversations.page(tx, OWNER, query="", limit=3, before=before))
        if not rows:
            break
        seen += [(us_of(c.update_time), c.id) for c in rows]
    assert seen == expected


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("100%", ["percent"]),
        ("%", ["percent"]),
        ("_", ["under"]),
        ("!", ["bang"]),
        ("\\", ["slash"]),
        ("STRASSE", ["street"]),
        ("café", ["coffee"]),
        ("CAFE\u0301", ["coffee"]),
        ("ой", ["voy"]),
        ("你好", ["ni"]),
        ("'; DROP", []),
        ("\0", ["bang", "coffee", "ni", "percent", "slash", "street", "under", "voy"]),
    ],
)
async def test_a_query_is_a_part_of_the_title_in_which_no_character_is_special(
    db: Database, query: str, found: list[str]
) -> None:
    titles = {
        "percent": "100% sure",
        "under": "snake_case",
        "bang": "Stop!",
        "slash": "C:\\temp",
        "street": "Straße",
        "coffee": "Cafe\u0301 Central",
        "voy": "ВОЙНА",
        "ni": "说你好",
    }
    for name, title in titles.items():
        await have_conversation(db, name, title)
    rows = await db.read(lambda tx: conversations.page(tx, OWNER, query=query, limit=99, before=None))
    assert sorted(c.id for c in rows) == found


async def test_a_query_pages_too(db: Database) -> None:
    for number in range(4):
        await have_conversation(db, f"c{number}", "x" if number % 2 else "y", at=number)
    rows = await db.read(lambda tx: conversations.page(tx, OWNER, query="X", limit=9, before=(3, "c3")))
    assert [c.id for c in rows] == ["c1"]


async def test_a_nul_in_a_title_is_kept_and_in_an_id_refused(db: Database) -> None:
    c = await have_conversation(db, title="a\0b")
    assert await db.read(lambda tx: conversations.get(tx, OWNER, "c")) == c
    assert c.title == "a\0b"
    with pytest.raises(InvalidArgumentError):
        await db.write(lambda tx: conversations.insert(tx, OWNER, conversation("a\0b")))
    with pytest.raises(InvalidArgumentError):
        await db.read(lambda tx: conversations.get(tx, OWNER, "a\0b"))


async def test_purge_removes_the_long_deleted_with_all_their_rows(db: Database) -> None:
    await have_conversation(db)
    await have_messages(db, message("m1"), message("m2", "m1"))
    await have_generation(db, "g")
    await db.write(lambda tx: generations.append(tx, [LogBatch("g", 1, 1, b"x", 9)], LEASE))
    for name, deleted_at in (("c", 10), ("c2", 20), ("c3", 30), ("c4", 0)):
        c = await have_conversation(db, name) if name != "c" else conversation("c")
        if deleted_at:
            c.delete_time.CopyFrom(timestamp_of(deleted_at))
            await db.write(lambda tx, c=c: conversations.update(tx, OWNER, c))
    assert await db.write(lambda tx: conversations.purge(tx, 25, 1)) == 1
    assert await db.read(lambda tx: conversations.get(tx, OWNER, "c", deleted=True)) is None
    assert await db.read(lambda tx: messages.children(tx, "c", "")) == []
    assert await db.read(lambda tx: generations.get(tx, OWNER, "g")) is None
    assert await db.read(lambda tx: generations.events(tx, "g", 0, 9)) == []
    assert await db.write(lambda tx: conversations.purge(tx, 25, 9)) == 1
    assert await db.write(lambda tx: conversations.purge(tx, 25, 9)) == 0
    assert await db.read(lambda tx: conversations.get(tx, OWNER, "c3", deleted=True)) is not None
    assert await db.read(lambda tx: conversations.get(tx, OWNER, "c4")) is not None

"""Messages and their tree on both databases."""

from __future__ import annotations

import pytest

from fireside.core.errors import AbortedError, AlreadyExistsError, NotFoundError
from fireside.gen.v1.message_pb2 import MESSAGE_STATE_DONE, Message
from fireside.store import conversations, messages
from fireside.store.db import Database
from fireside.store.messages import BRANCH, NEWEST_LEAF
from fireside.store.records import timestamp_of
from fireside.store.tx import Row, Tx, Value
from tests.store_rows import OWNER, have_conversation, have_messages, message


async def test_what_is_inserted_is_read_back_without_what_only_listings_fill(db: Database) -> None:
    await have_conversation(db)
    m = message("m", text="a\0b")
    m.etag, m.sibling_ids[:] = "junk", ["x"]
    stored = await db.write(lambda tx: messages.insert(tx, m))
    expected = message("m", text="a\0b")
    expected.etag = "r1"
    assert stored == expected
    assert await db.read(lambda tx: messages.get(tx, OWNER, "m")) == expected


async def test_a_taken_id_and_a_missing_conversation_are_refused(db: Database) -> None:
    await have_conversation(db)
    await have_messages(db, message("m"))
    with pytest.raises(AlreadyExistsError) as caught:
        await have_messages(db, message("m"))
    assert caught.value.reason == "MESSAGE_EXISTS"
    with pytest.raises(NotFoundError):
        await have_messages(db, message("m2", within="nowhere"))


async def test_only_the_owner_of_a_live_conversation_gets_its_messages(db: Database) -> None:
    c = await have_conversation(db)
    await have_messages(db, message("m"))
    assert await db.read(lambda tx: messages.get(tx, "other", "m")) is None
    c.delete_time.CopyFrom(timestamp_of(1))
    await db.write(lambda tx: conversations.update(tx, OWNER, c))
    assert await db.read(lambda tx: messages.get(tx, OWNER, "m")) is None


async def test_an_update_bumps_the_etag_and_a_stale_one_is_refused(db: Database) -> None:
    await have_conversation(db)
    first = await db.write(lambda tx: messages.insert(tx, message("m")))
    changed = Message()
    changed.CopyFrom(first)
    changed.state = MESSAGE_STATE_DONE
    second = await db.write(lambda tx: messages.update(tx, changed))
    assert second.etag == "r2"
    assert await db.read(lambda tx: messages.get(tx, OWNER, "m")) == second
    with pytest.raises(AbortedError):
        await db.write(lambda tx: messages.update(tx, first))
    with pytest.raises(NotFoundError):
        await db.write(lambda tx: messages.update(tx, message("nowhere")))


async def test_a_branch_comes_newest_first_with_siblings_in_the_order_of_insertion(db: Database) -> None:
    await have_conversation(db)
    await have_conversation(db, "other")
    await have_messages(
        db,
        message("z-root"),
        message("elsewhere", within="other"),
        message("a-root"),
        message("z-answer", "z-root"),
        message("m-answer", "z-root"),
        message("a-answer", "z-root"),
        message("leaf", "m-answer"),
    )

    async def branch(leaf: str, limit: int) -> list[tuple[str, list[str]]]:
        rows = await db.read(lambda tx: messages.branch(tx, "c", leaf, limit))
        assert all(m.etag == "r1" for m in rows)
        return [(m.id, list(m.sibling_ids)) for m in rows]

    answers = ["z-answer", "m-answer", "a-answer"]
    whole = [("leaf", ["leaf"]), ("m-answer", answers), ("z-root", ["z-root", "a-root"])]
    assert await branch("leaf", 10) == whole
    assert await branch("leaf", 2) == whole[:2]
    assert await branch("z-root", 2) == whole[2:]
    assert await branch("leaf", 0) == []
    assert await branch("elsewhere", 5) == []
    assert await branch("nowhere", 5) == []
    assert await db.read(lambda tx: messages.children(tx, "c", "z-root")) == answers
    assert await db.read(lambda tx: messages.children(tx, "c", "")) == ["z-root", "a-root"]


async def test_the_newest_leaf_follows_the_newest_child(db: Database) -> None:
    await have_conversation(db)
    rows = [
        message("1"),
        message("2", "1"),
        message("3", "2"),
        message("2b", "1"),
        message("4", "3"),
        message("5", "2b"),
    ]
    await have_messages(db, *rows)
    leaves = {start: await db.read(lambda tx, s=start: messages.newest_leaf(tx, s)) for start in ("1", "2", "4", "no")}
    assert leaves == {"1": "5", "2": "4", "4": "4", "no": ""}


class Counting:
    """A Tx that counts statements."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.count = 0

    async def fetch(self, sql: str, *args: Value) -> list[Row]:
        self.count += 1
        return list(await self.tx.fetch(sql, *args))

    async def execute(self, sql: str, *args: Value) -> int:
        self.count += 1
        return await self.tx.execute(sql, *args)

    async def execute_many(self, sql: str, rows: list[Row]) -> None:
        self.count += 1
        await self.tx.execute_many(sql, rows)


async def have_deep_tree(db: Database) -> None:
    """A branch of 500 messages, each with a sibling: n0 .. n499 and s0 .. s499; and another conversation like it."""
    for within, prefix in (("c", ""), ("d", "d")):
        await have_conversation(db, within)
        rows: list[Message] = []
        for depth in range(500):
            parent = f"{prefix}n{depth - 1}" if depth else ""
            rows += [message(f"{prefix}{kind}{depth}", parent, within=within) for kind in ("s", "n")]
        await have_messages(db, *rows)


async def test_a_tree_of_a_thousand_is_read_in_one_query(db: Database) -> None:
    await have_deep_tree(db)

    async def body(tx: Tx) -> tuple[list[Message], str, int]:
        counting = Counting(tx)
        rows = await messages.branch(counting, "c", "n499", 1_000)
        leaf = await messages.newest_leaf(counting, "n0")
        return rows, leaf, counting.count

    rows, leaf, count = await db.read(body)
    assert count == 2
    assert leaf == "n499"
    assert [m.id for m in rows] == [f"n{depth}" for depth in reversed(range(500))]
    assert all(list(m.sibling_ids) == [m.id.replace("n", "s"), m.id] for m in rows)


async def test_walking_a_tree_uses_indexes_alone(db: Database) -> None:
    await have_deep_tree(db)

    async def plan(tx: Tx, sql: str, *args: str | int) -> str:
        if db.dialect == "sqlite":
            return "\n".join(str(row[3]) for row in await tx.fetch(f"EXPLAIN QUERY PLAN {sql}", *args))
        return "\n".join(str(row[0]) for row in await tx.fetch(f"EXPLAIN ANALYZE {sql}", *args))

    async def body(tx: Tx) -> list[str]:
        if db.dialect == "postgresql":
            await tx.execute("SET LOCAL enable_seqscan = off")
        return [await plan(tx, BRANCH, "c", "n499", 1_000), await plan(tx, NEWEST_LEAF, "n0")]

    for text in await db.read(body):
        assert "SCAN m" not in text, text
        assert "SCAN s" not in text, text
        assert "Seq Scan" not in text, text
        assert "uq_messages_id" in text or "sqlite_autoindex_messages_1" in text, text
        assert "ix_messages_conversation_id_parent_id_position" in text, text

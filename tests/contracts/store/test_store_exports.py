"""What an export reads, on both databases: all of one account's, and nothing of another's."""

from __future__ import annotations

from fireside.core.clock import now_us
from fireside.gen.v1.conversation_pb2 import Conversation
from fireside.gen.v1.message_pb2 import Message, Part, TextPart
from fireside.store import conversations, exports, messages
from fireside.store.db import Database
from fireside.store.records import timestamp_of


async def conversation(db: Database, owner: str, conversation_id: str, *, deleted: bool = False) -> None:
    made = Conversation(id=conversation_id, title=f"Of {owner}", update_time=timestamp_of(now_us()))
    if deleted:
        made.delete_time.CopyFrom(timestamp_of(now_us()))
    await db.write(lambda tx: conversations.insert(tx, owner, made))


async def message(db: Database, conversation_id: str, message_id: str, text: str) -> None:
    made = Message(id=message_id, conversation_id=conversation_id, parts=[Part(text=TextPart(text=text))])
    await db.write(lambda tx: messages.insert(tx, made))


async def test_conversations_are_read_page_by_page_deleted_ones_too(db: Database) -> None:
    for number in range(5):
        await conversation(db, "ann", f"c{number}", deleted=number == 2)
    await conversation(db, "ben", "c9")
    found: list[str] = []
    after = ""
    while page := await db.read(lambda tx, after=after: exports.conversations(tx, "ann", after, 2)):
        assert len(page) <= 2
        after = page[-1].id
        found += [each.id for each in page]
    assert found == ["c0", "c1", "c2", "c3", "c4"]


async def test_messages_are_read_by_position_with_their_sizes(db: Database) -> None:
    await conversation(db, "ann", "c")
    await conversation(db, "ann", "d")
    for number in range(4):
        await message(db, "c", f"m{number}", "x" * number * 100)
        await message(db, "d", f"n{number}", "y")
    sizes = await db.read(lambda tx: exports.message_sizes(tx, "c", 0, 3))
    assert len(sizes) == 3
    assert sizes[0][1] < sizes[1][1] < sizes[2][1]
    rest = await db.read(lambda tx: exports.message_sizes(tx, "c", sizes[-1][0], 3))
    assert len(rest) == 1
    found = await db.read(lambda tx: exports.messages(tx, "c", sizes[0][0], rest[-1][0]))
    assert [each.id for each in found] == ["m1", "m2", "m3"]

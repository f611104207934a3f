"""Messages: the tree of a conversation, read branch by branch. Siblings are in the order in which they were inserted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.errors import NotFoundError
from fireside.core.ids import etag_of
from fireside.gen.v1.message_pb2 import Message
from fireside.store.records import bytes_of, copy_of, int_of, revision_of, str_of
from fireside.store.tx import StaleRowError

if TYPE_CHECKING:
    from fireside.store.tx import Tx, Value

# The branch is walked with narrow rows; records are read once, for the message itself and not for its siblings.
BRANCH = """
WITH RECURSIVE branch(id, parent_id, depth) AS (
    SELECT m.id, m.parent_id, 1 FROM messages m WHERE m.id = $2 AND m.conversation_id = $1
  UNION ALL
    SELECT m.id, m.parent_id, b.depth + 1
    FROM branch b JOIN messages m ON m.id = b.parent_id
    WHERE b.depth < $3 AND m.conversation_id = $1
)
SELECT b.depth, s.id, s.revision, CASE WHEN s.id = b.id THEN s.record END
FROM branch b JOIN messages s ON s.conversation_id = $1 AND s.parent_id = b.parent_id
ORDER BY b.depth, s.position
"""

NEWEST_LEAF = """
WITH RECURSIVE walk(id, conversation_id, depth) AS (
    SELECT m.id, m.conversation_id, 1 FROM messages m WHERE m.id = $1
  UNION ALL
    SELECT (SELECT c.id FROM messages c
            WHERE c.conversation_id = w.conversation_id AND c.parent_id = w.id
            ORDER BY c.position DESC LIMIT 1), w.conversation_id, w.depth + 1
    FROM walk w WHERE w.id IS NOT NULL
)
SELECT id FROM walk WHERE id IS NOT NULL ORDER BY depth DESC LIMIT 1
"""


async def insert(tx: Tx, m: Message) -> Message:
    """Stores a new message as the newest child of its parent. The caller has made sure that the parent is there.

    AlreadyExistsError: the id is taken. NotFoundError: no such conversation.
    """
    record = _record(m)
    await tx.execute(
        "INSERT INTO messages (id, conversation_id, parent_id, revision, record) VALUES ($1, $2, $3, 1, $4)",
        m.id,
        m.conversation_id,
        m.parent_id,
        record.SerializeToString(),
    )
    record.etag = etag_of(1)
    return record


async def get(tx: Tx, owner: str, message_id: str) -> Message | None:
    """A message of one of the owner's live conversations. `sibling_ids` is empty."""
    rows = await tx.fetch(
        "SELECT m.revision, m.record FROM messages m JOIN conversations c ON c.id = m.conversation_id"
        " WHERE m.id = $1 AND c.owner = $2 AND c.delete_time IS NULL",
        message_id,
        owner,
    )
    return _loaded(*rows[0]) if rows else None


async def find(tx: Tx, message_id: str) -> tuple[str, Message] | None:
    """A message of a live conversation with that one's owner. Access is for the caller to see to."""
    rows = await tx.fetch(
        "SELECT c.owner, m.revision, m.record FROM messages m JOIN conversations c ON c.id = m.conversation_id"
        " WHERE m.id = $1 AND c.delete_time IS NULL",
        message_id,
    )
    return (str_of(rows[0][0]), _loaded(*rows[0][1:])) if rows else None


async def update(tx: Tx, m: Message) -> Message:
    """Stores a changed message, with the etag that it was read with, and returns it with the next one.

    NotFoundError: no such message. AbortedError: it changed since it was read (an empty etag overwrites any).
    """
    record = _record(m)
    args: list[Value] = [m.id, record.SerializeToString()]
    guard = ""
    if m.etag:
        guard = " AND revision = $3"
        args.append(revision_of(m.etag))
    rows = await tx.fetch(
        f"UPDATE messages SET record = $2, revision = revision + 1 WHERE id = $1{guard} RETURNING revision",  # noqa: S608
        *args,
    )
    if not rows:
        if not await tx.fetch("SELECT id FROM messages WHERE id = $1", m.id):
            raise NotFoundError("MESSAGE_NOT_FOUND", "There is no such message.", message_id=m.id)
        raise StaleRowError("STALE_ETAG", "The message has changed; read it again.", message_id=m.id)
    record.etag = etag_of(int_of(rows[0][0]))
    return record


async def branch(tx: Tx, conversation_id: str, leaf_id: str, limit: int) -> list[Message]:
    """At most `limit` messages from `leaf_id` up to the root, the newest first, with `sibling_ids` (one query).

    Empty if the conversation has no such message. The next page starts at the last one's `parent_id`.
    """
    if limit < 1:
        return []
    messages: list[Message] = []
    siblings: dict[int, list[str]] = {}
    for depth, sibling_id, revision, record in await tx.fetch(BRANCH, conversation_id, leaf_id, limit):
        siblings.setdefault(int_of(depth), []).append(str_of(sibling_id))
        if record is not None:
            messages.append(_loaded(revision, record))
    for message, ids in zip(messages, siblings.values(), strict=True):
        message.sibling_ids.extend(ids)
    return messages


async def newest_leaf(tx: Tx, message_id: str) -> str:
    """The end of the branch that starts at a message and takes the newest child each time; "" for no such message."""
    rows = await tx.fetch(NEWEST_LEAF, message_id)
    return str_of(rows[0][0]) if rows else ""


async def children(tx: Tx, conversation_id: str, parent_id: str) -> list[str]:
    """Ids of a message's children, oldest first; those of the first messages if `parent_id` is empty."""
    rows = await tx.fetch(
        "SELECT id FROM messages WHERE conversation_id = $1 AND parent_id = $2 ORDER BY position",
        conversation_id,
        parent_id,
    )
    return [str_of(row[0]) for row in rows]


def _record(m: Message) -> Message:
    record = copy_of(m)
    record.ClearField("etag")
    record.ClearField("sibling_ids")
    return record


def _loaded(revision: Value, record: Value) -> Message:
    m = Message.FromString(bytes_of(record))
    m.etag = etag_of(int_of(revision))
    return m

"""Conversations by owner. Not their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.errors import NotFoundError
from fireside.core.ids import etag_of
from fireside.gen.v1.conversation_pb2 import Conversation
from fireside.store import accounts
from fireside.store.folding import containing, fold
from fireside.store.records import bytes_of, copy_of, int_of, revision_of, str_of, us_of
from fireside.store.tx import StaleRowError

if TYPE_CHECKING:
    from fireside.store.tx import Tx, Value


async def insert(tx: Tx, owner: str, c: Conversation) -> Conversation:
    """Stores a new conversation. AlreadyExistsError: the id is taken, by whatever account."""
    await accounts.ensure(tx, owner)
    record = _record(c)
    await tx.execute(
        "INSERT INTO conversations (id, owner, title_folded, update_time, delete_time, revision, record)"
        " VALUES ($1, $2, $3, $4, $5, 1, $6)",
        c.id,
        owner,
        fold(c.title),
        us_of(c.update_time),
        _delete_time(c),
        record.SerializeToString(),
    )
    record.etag = etag_of(1)
    return record


async def get(tx: Tx, owner: str, conversation_id: str, *, deleted: bool = False) -> Conversation | None:
    """The owner's conversation; with `deleted` also one that was deleted and not yet purged."""
    live = "" if deleted else " AND delete_time IS NULL"
    rows = await tx.fetch(
        f"SELECT revision, record FROM conversations WHERE id = $1 AND owner = $2{live}",  # noqa: S608
        conversation_id,
        owner,
    )
    return loaded(*rows[0]) if rows else None


async def find(tx: Tx, conversation_id: str) -> tuple[str, Conversation] | None:
    """A conversation with its owner, whoever that is and whether it was deleted or not. Access is for the caller to see to."""
    rows = await tx.fetch("SELECT owner, revision, record FROM conversations WHERE id = $1", conversation_id)
    return (str_of(rows[0][0]), loaded(*rows[0][1:])) if rows else None


async def update(tx: Tx, owner: str, c: Conversation) -> Conversation:
    """Stores a changed conversation, with the etag that it was read with, and returns it with the next one.

    NotFoundError: the owner has no such conversation. AbortedError: it changed since it was read (an empty etag
    overwrites any).
    """
    record = _record(c)
    args: list[Value] = [
        c.id,
        owner,
        fold(c.title),
        us_of(c.update_time),
        _delete_time(c),
        record.SerializeToString(),
    ]
    guard = ""
    if c.etag:
        guard = " AND revision = $7"
        args.append(revision_of(c.etag))
    rows = await tx.fetch(
        "UPDATE conversations SET title_folded = $3, update_time = $4, delete_time = $5, record = $6,"  # noqa: S608
        f" revision = revision + 1 WHERE id = $1 AND owner = $2{guard} RETURNING revision",
        *args,
    )
    if not rows:
        if await get(tx, owner, c.id, deleted=True) is None:
            raise NotFoundError("CONVERSATION_NOT_FOUND", "There is no such conversation.", conversation_id=c.id)
        raise StaleRowError("STALE_ETAG", "The conversation has changed; read it again.", conversation_id=c.id)
    record.etag = etag_of(int_of(rows[0][0]))
    return record


async def page(tx: Tx, owner: str, *, query: str, limit: int, before: tuple[int, str] | None) -> list[Conversation]:
    """At most `limit` live conversations, the last used first.

    `before` is (update time in microseconds, id) of the last one of the page before. `query` is a part of the title;
    case does not matter and no character is special.
    """
    where = "owner = $1 AND delete_time IS NULL"
    args: list[Value] = [owner, limit]
    if before is not None:
        where += " AND (update_time, id) < ($3, $4)"
        args.extend(before)
    if fold(query):
        args.append(containing(query))
        where += f" AND title_folded LIKE ${len(args)} ESCAPE '!'"
    rows = await tx.fetch(
        f"SELECT revision, record FROM conversations WHERE {where} ORDER BY update_time DESC, id DESC LIMIT $2",  # noqa: S608
        *args,
    )
    return [loaded(*row) for row in rows]


async def purge(tx: Tx, deleted_before_us: int, limit: int) -> int:
    """Removes at most `limit` conversations that were deleted before that, with all that hangs on them."""
    return await tx.execute(
        "DELETE FROM conversations WHERE id IN (SELECT id FROM conversations"
        " WHERE delete_time IS NOT NULL AND delete_time < $1 ORDER BY delete_time LIMIT $2)",
        deleted_before_us,
        limit,
    )


def _record(c: Conversation) -> Conversation:
    record = copy_of(c)
    for field in ("etag", "access", "owner_name"):
        record.ClearField(field)
    return record


def _delete_time(c: Conversation) -> int | None:
    return us_of(c.delete_time) if c.HasField("delete_time") else None


def loaded(revision: Value, record: Value) -> Conversation:
    """A conversation from its columns."""
    c = Conversation.FromString(bytes_of(record))
    c.etag = etag_of(int_of(revision))
    return c

"""All that an account wrote, in pieces of bounded size, for an export. Times do not matter here: the order is that of ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.gen.v1.collection_pb2 import Collection
from fireside.gen.v1.conversation_pb2 import Conversation
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_DELETED, Document
from fireside.gen.v1.message_pb2 import Message
from fireside.store.records import bytes_of, int_of, str_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.tx import Tx


async def conversations(tx: Tx, owner: str, after: str, limit: int) -> list[Conversation]:
    """At most `limit` conversations of the owner with larger ids, also deleted ones that are not purged yet."""
    rows = await tx.fetch(
        "SELECT record FROM conversations WHERE owner = $1 AND id > $2 ORDER BY id LIMIT $3", owner, after, limit
    )
    return [Conversation.FromString(bytes_of(row[0])) for row in rows]


async def message_sizes(tx: Tx, conversation_id: str, after: int, limit: int) -> Sequence[tuple[int, int]]:
    """Position and bytes of at most `limit` messages of a conversation with larger positions, in that order."""
    rows = await tx.fetch(
        "SELECT position, length(record) FROM messages WHERE conversation_id = $1 AND position > $2"
        " ORDER BY position LIMIT $3",
        conversation_id,
        after,
        limit,
    )
    return [(int_of(position), int_of(size)) for position, size in rows]


async def messages(tx: Tx, conversation_id: str, after: int, up_to: int) -> list[Message]:
    """The messages of a conversation with these positions, in that order."""
    rows = await tx.fetch(
        "SELECT record FROM messages WHERE conversation_id = $1 AND position > $2 AND position <= $3 ORDER BY position",
        conversation_id,
        after,
        up_to,
    )
    return [Message.FromString(bytes_of(row[0])) for row in rows]


async def collections(tx: Tx, owner: str) -> list[Collection]:
    """The owner's collections by id."""
    rows = await tx.fetch("SELECT record FROM collections WHERE owner = $1 ORDER BY id", owner)
    return [Collection.FromString(bytes_of(row[0])) for row in rows]


async def documents(tx: Tx, owner: str, after: str, limit: int) -> list[Document]:
    """At most `limit` documents and attachments of the owner with larger ids; not their files."""
    rows = await tx.fetch(
        "SELECT id, collection_id, record FROM documents WHERE owner = $1 AND id > $2 AND state <> $3 ORDER BY id LIMIT $4",
        owner,
        after,
        int(DOCUMENT_STATE_DELETED),
        limit,
    )
    found: list[Document] = []
    for document_id, collection_id, record in rows:
        document = Document.FromString(bytes_of(record))
        document.id, document.collection_id = str_of(document_id), str_of(collection_id or "")
        found.append(document)
    return found

"""What a person's message may bring along: files and collections that they have access to. Inside the transaction that keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.errors import NotFoundError
from fireside.gen.v1 import message_pb2
from fireside.store import collections, files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fireside.store.tx import Tx


async def settle(
    tx: Tx, account_id: str, conversation_id: str, parts: Iterable[message_pb2.Part]
) -> list[message_pb2.Part]:
    """The parts with what the server knows of files and collections; the files are attached to the conversation.

    Raises NotFoundError (FILE_NOT_FOUND, COLLECTION_NOT_FOUND) for what the account may not read, so that nobody reads
    a file by naming it in a conversation of theirs.
    """
    settled: list[message_pb2.Part] = []
    attached: list[str] = []
    for part in parts:
        if part.HasField("file"):
            attached.append(part.file.file_id)
            settled.append(await _file(tx, account_id, part.file))
        elif part.HasField("collection"):
            name = await collection_name(tx, account_id, part.collection.collection_id)
            named = message_pb2.CollectionPart(collection_id=part.collection.collection_id, name=name)
            settled.append(message_pb2.Part(collection=named))
        else:
            settled.append(part)
    if attached:
        await files.attach(tx, conversation_id, attached)
    return settled


async def collection_name(tx: Tx, account_id: str, collection_id: str) -> str:
    """The name of a collection that the account may search. Raises NotFoundError (COLLECTION_NOT_FOUND)."""
    allowed = await collections.access(tx, account_id, collection_id)
    found = await collections.get(tx, collection_id) if allowed is not None else None
    if found is None:
        raise NotFoundError(
            "COLLECTION_NOT_FOUND", "There is no such collection, or it is not shared with you any more.",
            collection_id=collection_id,
        )  # fmt: skip
    return found.name


async def _file(tx: Tx, account_id: str, part: message_pb2.FilePart) -> message_pb2.Part:
    stored = await files.readable(tx, account_id, part.file_id)
    if stored is None:
        raise NotFoundError(
            "FILE_NOT_FOUND", f"The file {part.name or part.file_id} is not there any more: attach it again.",
            file_id=part.file_id,
        )  # fmt: skip
    record = stored.record
    known = message_pb2.FilePart(
        file_id=record.id, name=record.name, media_type=record.media_type, size=record.size,
        document_id=record.document_id,
    )  # fmt: skip
    return message_pb2.Part(file=known)

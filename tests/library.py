"""Collections and documents with passages as they are in the store, for tests of searching."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

from fireside.core.ids import new_id
from fireside.core.principal import Principal
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_READY, Document, Passage
from fireside.knowledge.terms import terms
from fireside.store.db import Database
from fireside.store.passages import NewChunk, put
from fireside.store.tx import Tx

ANNA = Principal(id="11111111-1111-4111-8111-111111111111", name="Anna")
BERT = Principal(id="22222222-2222-4222-8222-222222222222", name="Bert")


async def have_account(db: Database, principal: Principal) -> None:
    """An account, of which only the id matters here."""

    async def body(tx: Tx) -> None:
        await tx.execute("INSERT INTO accounts (id) VALUES ($1) ON CONFLICT DO NOTHING", principal.id)

    await db.write(body)


async def have_collection(db: Database, owner: Principal = ANNA) -> str:
    """An empty collection. Returns its id."""
    await have_account(db, owner)
    name = new_id()

    async def body(tx: Tx) -> None:
        await tx.execute(
            "INSERT INTO collections (id, owner, name_folded, revision, update_time, record) VALUES ($1, $2, $3, 1, 1, $4)",
            name,
            owner.id,
            name,
            b"",
        )

    await db.write(body)
    return name


async def have_document(
    db: Database,
    collection_id: str,
    texts: Sequence[str],
    *,
    owner: Principal = ANNA,
    name: str = "notes.txt",
    folder: str = "",
    media_type: str = "text/plain",
    state: int = DOCUMENT_STATE_READY,
    ready_version: int = 1,
    version: int = 1,
    update_time: int = 1_000,
    document_id: str = "",
) -> str:
    """A document (an attachment without a collection) whose version has these passages. Returns its id."""
    await have_account(db, owner)
    document_id = document_id or new_id()
    record = Document(name=name, folder=folder, media_type=media_type, version=version)

    async def body(tx: Tx) -> None:
        blob, file = new_id(), new_id()
        await tx.execute("INSERT INTO blobs (id, size, create_time) VALUES ($1, 1, 1)", blob)
        await tx.execute(
            "INSERT INTO files (id, owner, blob_id, sha256, size, create_time, record) VALUES ($1, $2, $3, $4, 1, 1, $5)",
            file,
            owner.id,
            blob,
            b"",
            b"",
        )
        if collection_id:
            await tx.execute("UPDATE collections SET change_seq = change_seq + 1 WHERE id = $1", collection_id)
        await tx.execute(
            "INSERT INTO documents (id, owner, collection_id, place, state, ready_version, change_seq, update_time, record)"
            " VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8) ON CONFLICT (id) DO UPDATE SET state = excluded.state,"
            " ready_version = excluded.ready_version, change_seq = documents.change_seq + 1, record = excluded.record",
            document_id,
            owner.id,
            collection_id or None,
            f"{folder}/{name}" if collection_id else None,
            state,
            ready_version,
            update_time,
            record.SerializeToString(),
        )
        await tx.execute(
            "INSERT INTO document_versions (document_id, version, file_id, create_time, record) VALUES ($1, $2, $3, 1, $4)",
            document_id,
            version,
            file,
            b"",
        )
        await put(
            tx, document_id, version, collection_id or document_id, [chunk(at, text) for at, text in enumerate(texts)]
        )

    await db.write(body)
    return document_id


def chunk(ordinal: int, text: str) -> NewChunk:
    """A passage to store."""
    return NewChunk(ordinal, Passage(text=text), terms(text))


async def ids_of(db: Database, document_id: str) -> list[int]:
    """The ids of a document's chunks."""

    async def body(tx: Tx) -> list[int]:
        rows = await tx.fetch("SELECT id FROM chunks WHERE document_id = $1 ORDER BY version, ordinal", document_id)
        return [row[0] for row in rows if isinstance(row[0], int)]

    return await db.read(body)


def vector(*values: float, size: int = 8) -> bytes:
    """A vector of length one that begins with these values."""
    whole = [*values, *([0.0] * (size - len(values)))]
    length = sum(value * value for value in whole) ** 0.5
    return struct.pack(f"<{size}e", *(value / length for value in whole))


def random_vector(seed: str, size: int = 64) -> list[float]:
    """Values that are the same for the same seed."""
    raw = b"".join(hashlib.sha256(f"{seed} {at}".encode()).digest() for at in range(size // 32 + 1))
    return [byte / 255 - 0.5 for byte in raw[:size]]

"""Collections and documents with passages as they are in the store, for tests of searching."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a test says of a document."""

    owner: Principal = ANNA
    name: str = "notes.txt"
    folder: str = ""
    media_type: str = "text/plain"
    state: int = DOCUMENT_STATE_READY
    ready_version: int = 1
    version: int = 1
    update_time: int = 1_000


class _Said(TypedDict, total=False):
    owner: Principal
    name: str
    folder: str
    media_type: str
    state: int
    ready_version: int
    version: int
    update_time: int


async def have_document(
    db: Database, collection_id: str, texts: Sequence[str], document_id: str = "", **said: Unpack[_Said]
) -> str:
    """A document (an attachment without a collection) whose version has these passages. Returns its id."""
    paper, document_id = Paper(**said), document_id or new_id()
    await have_account(db, paper.owner)
    chunks = [chunk(at, text) for at, text in enumerate(texts)]

    async def body(tx: Tx) -> None:
        await _document(tx, document_id, collection_id, paper)
        await _version(tx, document_id, paper)
        await put(tx, document_id, paper.version, collection_id or document_id, chunks)

    await db.write(body)
    return document_id


async def _document(tx: Tx, document_id: str, collection_id: str, paper: Paper) -> None:
    record = Document(name=paper.name, folder=paper.folder, media_type=paper.media_type, version=paper.version)
    if collection_id:
        await tx.execute("UPDATE collections SET change_seq = change_seq + 1 WHERE id = $1", collection_id)
    await tx.execute(
        "INSERT INTO documents (id, owner, collection_id, place, state, ready_version, change_seq, update_time, record)"
        " VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8) ON CONFLICT (id) DO UPDATE SET state = excluded.state,"
        " ready_version = excluded.ready_version, change_seq = documents.change_seq + 1, record = excluded.record",
        document_id,
        paper.owner.id,
        collection_id or None,
        f"{paper.folder}/{paper.name}" if collection_id else None,
        paper.state,
        paper.ready_version,
        paper.update_time,
        record.SerializeToString(),
    )


async def _version(tx: Tx, document_id: str, paper: Paper) -> None:
    blob, file = new_id(), new_id()
    await tx.execute("INSERT INTO blobs (id, size, create_time) VALUES ($1, 1, 1)", blob)
    await tx.execute(
        "INSERT INTO files (id, owner, blob_id, sha256, size, create_time, record) VALUES ($1, $2, $3, $4, 1, 1, $5)",
        file,
        paper.owner.id,
        blob,
        b"",
        b"",
    )
    await tx.execute(
        "INSERT INTO document_versions (document_id, version, file_id, create_time, record) VALUES ($1, $2, $3, 1, $4)",
        document_id,
        paper.version,
        file,
        b"",
    )


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

"""Documents and their versions: what files are read as. Not their passages: passages.py.

A change of a document in a collection takes the collection's next number in the same transaction, so that who follows
the collection sees each change. A document that was deleted stays a while as a row that says no more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from fireside.core.clock import now_us
from fireside.core.errors import NotFoundError
from fireside.core.ids import new_id
from fireside.gen.v1.document_pb2 import (
    DOCUMENT_STATE_DELETED,
    DOCUMENT_STATE_UPLOADED,
    Document,
    DocumentVersion,
)
from fireside.store import collections, jobs, shares
from fireside.store.chunks import chunks, marks
from fireside.store.folding import fold
from fireside.store.records import bytes_of, int_of, str_of, timestamp_of, us_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from fireside.gen.v1.document_pb2 import DocumentState
    from fireside.gen.v1.file_pb2 import File
    from fireside.store.tx import Row, Tx, Value

TOPIC: Final = "document"
"""What other processes are told (Tx.notify) of each change: the document's id, a space, and its collection's or nothing."""

_COLUMNS = "d.id, d.owner, d.collection_id, d.state, d.ready_version, d.change_seq, d.update_time, d.record"
_SCANNED = 1000


async def arrived(
    tx: Tx, owner: str, file: File, *, collection_id: str = "", folder: str = "", author_name: str = ""
) -> Document:
    """Makes the document of a file that has come and has a row, or the next version of the one in its place.

    In a collection documents are its owner's, whoever brings files; an attachment is `owner`'s. Asks for the job that
    reads it: call `Worker.wake` after the commit. NotFoundError: the collection was deleted meanwhile.
    """
    collection = await collections.get(tx, collection_id) if collection_id else None
    if collection_id and collection is None:
        raise collections.no_collection(collection_id)
    seq = await collections.next_change(tx, collection_id) if collection_id else 0
    place = place_of(folder, file.name) if collection_id else None
    before = await at_place(tx, collection_id, folder, file.name) if collection_id else None
    now = timestamp_of(now_us())
    document = Document(
        id=before.id if before else new_id(),
        collection_id=collection_id,
        owner_id=collection.owner_id if collection else owner,
        file_id=file.id,
        name=file.name,
        folder=folder,
        media_type=file.media_type,
        size=file.size,
        state=DOCUMENT_STATE_UPLOADED,
        version=before.version + 1 if before else 1,
        ready_version=before.ready_version if before else 0,
        create_time=before.create_time if before else now,
        update_time=now,
        change_seq=seq,
    )
    if before is None:
        await tx.execute(
            "INSERT INTO documents (id, owner, collection_id, place, state, ready_version, change_seq, update_time, record)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            document.id,
            document.owner_id,
            collection_id or None,
            place,
            int(document.state),
            0,
            seq,
            us_of(document.update_time),
            _record(document),
        )
        await _tell(tx, document)
    else:
        await _write(tx, document)
    await _add_version(tx, document, author_name)
    await jobs.enqueue(tx, jobs.INGEST, document.id, lane=lane_of(collection_id, owner))
    return document


def place_of(folder: str, name: str) -> str:
    """Where a document is in its collection."""
    return f"{folder}/{name}".replace("\0", "")


def lane_of(collection_id: str, owner: str) -> str:
    """The lane of the job that reads a document: its collection's; an attachment's is urgent, since an answer waits for it."""
    return collection_id or jobs.URGENT + owner


async def get(tx: Tx, document_id: str) -> Document | None:
    """The document, unless it was deleted. Access is for the caller to see to."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM documents d WHERE d.id = $1 AND d.state <> $2",  # noqa: S608
        document_id,
        int(DOCUMENT_STATE_DELETED),
    )
    return _loaded(rows[0]) if rows else None


async def find(tx: Tx, document_ids: Collection[str]) -> dict[str, Document]:
    """Those of these documents that are there."""
    found: dict[str, Document] = {}
    for some in chunks(sorted(document_ids)):
        rows = await tx.fetch(
            f"SELECT {_COLUMNS} FROM documents d WHERE d.state <> $1 AND d.id IN ({marks(2, len(some))})",  # noqa: S608
            int(DOCUMENT_STATE_DELETED),
            *some,
        )
        found |= {document.id: document for document in map(_loaded, rows)}
    return found


async def latest(tx: Tx, document_ids: Collection[str]) -> list[Document]:
    """These documents, those included that were deleted and are known to have been there."""
    found: list[Document] = []
    for some in chunks(sorted(document_ids)):
        rows = await tx.fetch(f"SELECT {_COLUMNS} FROM documents d WHERE d.id IN ({marks(1, len(some))})", *some)  # noqa: S608
        found += map(_loaded, rows)
    return found


async def at_place(tx: Tx, collection_id: str, folder: str, name: str) -> Document | None:
    """The document of a collection in this folder and of this name."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM documents d WHERE d.collection_id = $1 AND d.place = $2",  # noqa: S608
        collection_id,
        place_of(folder, name),
    )
    return _loaded(rows[0]) if rows else None


async def of_files(tx: Tx, file_ids: Collection[str]) -> dict[str, Document]:
    """The documents that these files are, or were, a version of, by the file's id."""
    found: dict[str, Document] = {}
    for some in chunks(sorted(file_ids)):
        rows = await tx.fetch(
            f"SELECT v.file_id, {_COLUMNS} FROM document_versions v JOIN documents d ON d.id = v.document_id"  # noqa: S608
            f" WHERE v.file_id IN ({marks(1, len(some))})",
            *some,
        )
        found |= {str_of(file_id): _loaded(columns) for file_id, *columns in rows}
    return found


async def change(tx: Tx, document_id: str, alter: Callable[[Document], None]) -> Document | None:
    """Changes a document under its next number, and returns it; None: it was deleted. Nobody else changes it meanwhile."""
    rows = await tx.fetch("SELECT collection_id FROM documents WHERE id = $1", document_id)
    if not rows:
        return None
    collection_id = None if rows[0][0] is None else str_of(rows[0][0])
    # The collection's row first, as everywhere, so that two who change documents never wait for each other.
    seq = await collections.next_change(tx, collection_id) if collection_id else 0
    rows = await tx.fetch(
        "UPDATE documents SET update_time = $2, change_seq = CASE WHEN CAST($3 AS BIGINT) > 0 THEN CAST($3 AS BIGINT)"
        " ELSE change_seq + 1 END WHERE id = $1 AND state <> $4"
        " RETURNING id, owner, collection_id, state, ready_version, change_seq, update_time, record",
        document_id,
        now_us(),
        seq,
        int(DOCUMENT_STATE_DELETED),
    )
    if not rows:
        return None
    document = _loaded(rows[0])
    alter(document)
    await _write(tx, document)
    return document


async def page(
    tx: Tx, collection_id: str, *, query: str, states: Sequence[int], limit: int, after: str | None
) -> list[tuple[str, Document]]:
    """At most `limit` documents of a collection by folder and name, each with its place, after the place `after`.

    `query` is a part of folder or name, whatever its case.
    """
    found: list[tuple[str, Document]] = []
    wanted, last = fold(query), after
    while True:
        where, args = "d.collection_id = $1 AND d.place IS NOT NULL", [collection_id, _SCANNED if wanted else limit]
        values: list[Value] = [*args]
        if last is not None:
            values.append(last)
            where += f" AND d.place > ${len(values)}"
        if states:
            where += f" AND d.state IN ({marks(len(values) + 1, len(states))})"
            values += [int(state) for state in states]
        rows = await tx.fetch(
            f"SELECT d.place, {_COLUMNS} FROM documents d WHERE {where} ORDER BY d.place LIMIT $2",  # noqa: S608
            *values,
        )
        for place, *columns in rows:
            # Databases fold the case of ASCII alone, or by their own rules.
            if wanted in fold(str_of(place)):
                found.append((str_of(place), _loaded(columns)))
                if len(found) == limit:
                    return found
        if len(rows) < int_of(values[1]):
            return found
        last = str_of(rows[-1][0])


async def changes(tx: Tx, collection_id: str, after: int, limit: int) -> list[Document]:
    """At most `limit` documents of a collection that changed after the number, in the order of their newest changes.

    Those that were deleted are in state DELETED and have nothing but their id.
    """
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM documents d WHERE d.collection_id = $1 AND d.change_seq > $2"  # noqa: S608
        " ORDER BY d.change_seq LIMIT $3",
        collection_id,
        after,
        limit,
    )
    return [_loaded(row) for row in rows]


async def versions(tx: Tx, document_id: str) -> list[DocumentVersion]:
    """The files that a document was and that are kept, the newest first."""
    rows = await tx.fetch(
        "SELECT record FROM document_versions WHERE document_id = $1 ORDER BY version DESC", document_id
    )
    return [DocumentVersion.FromString(bytes_of(row[0])) for row in rows]


async def file_of(tx: Tx, document_id: str, version: int) -> str:
    """The file of a version; empty when that is not kept."""
    rows = await tx.fetch(
        "SELECT file_id FROM document_versions WHERE document_id = $1 AND version = $2", document_id, version
    )
    return str_of(rows[0][0]) if rows else ""


async def again(tx: Tx, document_id: str) -> Document | None:
    """Has the newest file of a document read again, as another version in the place of that; None: it was deleted.

    Call `Worker.wake` after the commit.
    """

    def alter(document: Document) -> None:
        document.version += 1
        document.state = DOCUMENT_STATE_UPLOADED
        document.done = document.total = 0
        document.ClearField("failure")

    document = await change(tx, document_id, alter)
    if document is None:
        return None
    before = next(iter(await versions(tx, document_id)), None)
    if before is not None:
        await tx.execute(
            "DELETE FROM document_versions WHERE document_id = $1 AND version = $2", document_id, before.version
        )
    await _add_version(tx, document, before.author_name if before else "")
    await jobs.enqueue(tx, jobs.INGEST, document_id, lane=lane_of(document.collection_id, document.owner_id))
    return document


async def readers(tx: Tx, document: Document) -> set[str]:
    """The accounts that may read an attachment: its owner, and those who may read a conversation that names its file."""
    rows = await tx.fetch(
        "SELECT c.id, c.owner FROM conversation_files f JOIN conversations c ON c.id = f.conversation_id"
        " WHERE f.file_id = $1 AND c.delete_time IS NULL",
        document.file_id,
    )
    found = {document.owner_id, *(str_of(owner) for _, owner in rows)}
    for conversation_id, _ in rows:
        found.update((await shares.audience(tx, str_of(conversation_id))).roles)
    return found


def no_document(document_id: str) -> NotFoundError:
    """The error for an id that names no document that the caller may read."""
    return NotFoundError("DOCUMENT_NOT_FOUND", "There is no such document.", document_id=document_id)


async def _add_version(tx: Tx, document: Document, author_name: str) -> None:
    now = now_us()
    version = DocumentVersion(
        version=document.version,
        file_id=document.file_id,
        size=document.size,
        create_time=timestamp_of(now),
        author_name=author_name,
    )
    await tx.execute(
        "INSERT INTO document_versions (document_id, version, file_id, create_time, record) VALUES ($1, $2, $3, $4, $5)",
        document.id,
        document.version,
        document.file_id,
        now,
        version.SerializeToString(),
    )


async def _write(tx: Tx, document: Document) -> None:
    now = now_us()
    gone = document.state == DOCUMENT_STATE_DELETED
    await tx.execute(
        "UPDATE documents SET state = $2, ready_version = $3, change_seq = $4, update_time = $5, record = $6"  # noqa: S608
        f"{', place = NULL' if gone else ''} WHERE id = $1",
        document.id,
        int(document.state),
        document.ready_version,
        document.change_seq,
        now,
        _record(document),
    )
    document.update_time.CopyFrom(timestamp_of(now))
    await _tell(tx, document)


async def _tell(tx: Tx, document: Document) -> None:
    await tx.notify(TOPIC, f"{document.id} {document.collection_id}")


def _record(document: Document) -> bytes:
    record = Document()
    record.CopyFrom(document)
    for field in ("owner_id", "collection_id", "state", "ready_version", "change_seq", "update_time"):
        record.ClearField(field)
    return record.SerializeToString()


def _loaded(row: Row | Sequence[Value]) -> Document:
    document_id, owner, collection_id, state, ready_version, change_seq, update_time, record = row
    document = Document.FromString(bytes_of(record))
    document.id = str_of(document_id)
    document.owner_id = str_of(owner)
    document.collection_id = "" if collection_id is None else str_of(collection_id)
    document.state = cast("DocumentState", int_of(state))
    document.ready_version = int_of(ready_version)
    document.change_seq = int_of(change_seq)
    document.update_time.CopyFrom(timestamp_of(int_of(update_time)))
    return document

"""Files that arrived whole, who may read them, and the blobs that hold their bytes. Not the bytes: blobs/ has those.

A blob is written down before its first byte is, and forgotten after its last one: whatever crashes, nothing is in the blob
store that no row tells of. Files and uploads refer to blobs. One that nothing refers to is condemned in one transaction,
then its bytes are deleted, then its row; nothing can refer to it from the first step on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fireside.core.clock import now_us
from fireside.core.errors import NotFoundError
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_DELETED
from fireside.gen.v1.file_pb2 import File
from fireside.store import accounts, collections, shares
from fireside.store.records import bytes_of, int_of, str_of, us_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.tx import Row, Tx

_COLUMNS = "f.owner, f.blob_id, f.record"

# $1 is the account and $2 the time, as in shares.GIVEN and collections.GIVEN.
_READABLE: Final = (
    "(f.owner = $1"  # noqa: S608
    " OR EXISTS (SELECT 1 FROM document_versions v JOIN documents d ON d.id = v.document_id"
    f" WHERE v.file_id = f.id AND d.state <> {int(DOCUMENT_STATE_DELETED)} AND d.collection_id IN {collections.READABLE})"
    " OR EXISTS (SELECT 1 FROM conversation_files k JOIN conversations c ON c.id = k.conversation_id"
    " WHERE k.file_id = f.id AND c.delete_time IS NULL AND (c.owner = $1"
    f" OR c.id IN (SELECT g.conversation_id FROM {shares.GIVEN} AS g))))"
)
_UNUSED: Final = (
    "NOT EXISTS (SELECT 1 FROM conversation_files k WHERE k.file_id = f.id)"
    " AND NOT EXISTS (SELECT 1 FROM document_versions v JOIN documents d ON d.id = v.document_id"
    " WHERE v.file_id = f.id AND d.collection_id IS NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file, with what only the server knows of it."""

    owner: str
    blob_id: str
    record: File


async def insert(tx: Tx, stored: StoredFile) -> None:
    """Stores a new file. AlreadyExistsError: the id is taken. NotFoundError: there is no such blob, or it is going."""
    await accounts.ensure(tx, stored.owner)
    await _hold(tx, stored.blob_id)
    record = stored.record
    await tx.execute(
        "INSERT INTO files (id, owner, blob_id, sha256, size, create_time, record) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        record.id,
        stored.owner,
        stored.blob_id,
        record.sha256,
        record.size,
        us_of(record.create_time),
        record.SerializeToString(),
    )


async def update(tx: Tx, record: File) -> None:
    """Stores what changed of a file's record."""
    await tx.execute("UPDATE files SET record = $2 WHERE id = $1", record.id, record.SerializeToString())


async def find(tx: Tx, file_id: str) -> StoredFile | None:
    """The file, whoever's it is. Access is for the caller to see to."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM files f WHERE f.id = $1", file_id)  # noqa: S608
    return _loaded(rows[0]) if rows else None


async def readable(tx: Tx, account_id: str, file_id: str) -> StoredFile | None:
    """The file, if the account may read it: its own, in a collection or in a conversation that it has access to."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM files f WHERE f.id = $3 AND {_READABLE} AND $2 > 0",  # noqa: S608
        account_id,
        now_us(),
        file_id,
    )
    return _loaded(rows[0]) if rows else None


async def readable_copy(tx: Tx, account_id: str, sha256: bytes, size: int) -> StoredFile | None:
    """A file with these bytes that the account may read, if there is one."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM files f JOIN blobs b ON b.id = f.blob_id"  # noqa: S608
        f" WHERE f.sha256 = $3 AND f.size = $4 AND b.delete_time IS NULL AND {_READABLE} AND $2 > 0"
        " ORDER BY f.create_time LIMIT 1",
        account_id,
        now_us(),
        sha256,
        size,
    )
    return _loaded(rows[0]) if rows else None


async def attach(tx: Tx, conversation_id: str, file_ids: Sequence[str]) -> None:
    """Notes that messages of a conversation name files: who may read it may read them. NotFoundError: no such file."""
    for file_id in sorted(set(file_ids)):
        await lock(tx, file_id)
    await tx.execute_many(
        "INSERT INTO conversation_files (conversation_id, file_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        [(conversation_id, file_id) for file_id in sorted(set(file_ids))],
    )


async def lock(tx: Tx, file_id: str) -> None:
    """Has whoever else attaches or deletes the file wait until the commit."""
    await tx.execute("UPDATE files SET size = size WHERE id = $1", file_id)


async def is_used(tx: Tx, file_id: str) -> bool:
    """Whether a message names the file, or a collection has it. Nobody begins to until the commit."""
    await lock(tx, file_id)
    return not await tx.fetch(f"SELECT 1 FROM files f WHERE f.id = $1 AND {_UNUSED}", file_id)  # noqa: S608


async def unused(tx: Tx, before_us: int, limit: int) -> list[str]:
    """Ids of files that no message names and no collection has: those older than that, and those that nothing names."""
    rows = await tx.fetch(
        f"SELECT f.id FROM files f WHERE {_UNUSED} AND (f.create_time < $1"  # noqa: S608
        " OR NOT EXISTS (SELECT 1 FROM document_versions v WHERE v.file_id = f.id)) LIMIT $2",
        before_us,
        limit,
    )
    return [str_of(row[0]) for row in rows]


async def delete(tx: Tx, file_id: str) -> None:
    """Removes the row of a file. Its bytes stay while another file has them, and are swept otherwise."""
    await tx.execute("DELETE FROM files WHERE id = $1", file_id)


async def used_bytes(tx: Tx, owner: str) -> int:
    """What an account keeps: its files, and its uploads with the size that they will have."""
    rows = await tx.fetch(
        "SELECT CAST((SELECT COALESCE(SUM(size), 0) FROM files WHERE owner = $1)"
        " + (SELECT COALESCE(SUM(size), 0) FROM uploads WHERE owner = $1) AS BIGINT)",
        owner,
    )
    return int_of(rows[0][0])


async def lock_owner(tx: Tx, owner: str) -> None:
    """Has other transactions that ask for this wait until the commit, so that none overlooks what another one adds."""
    await accounts.ensure(tx, owner)
    await tx.execute("UPDATE accounts SET revision = revision WHERE id = $1", owner)


async def insert_blob(tx: Tx, blob_id: str, size: int) -> None:
    """Writes down a blob whose bytes are to come."""
    await tx.execute("INSERT INTO blobs (id, size, create_time) VALUES ($1, $2, $3)", blob_id, size, now_us())


async def unneeded_blobs(tx: Tx, limit: int) -> list[str]:
    """Ids of blobs that nothing refers to, those included whose deletion was begun."""
    rows = await tx.fetch(
        "SELECT b.id FROM blobs b WHERE NOT EXISTS (SELECT 1 FROM files f WHERE f.blob_id = b.id)"
        " AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.blob_id = b.id) LIMIT $1",
        limit,
    )
    return [str_of(row[0]) for row in rows]


async def known_blobs(tx: Tx, blob_ids: Sequence[str]) -> set[str]:
    """Those of the ids that are blobs."""
    found: set[str] = set()
    for blob_id in blob_ids:
        if await tx.fetch("SELECT 1 FROM blobs WHERE id = $1", blob_id):
            found.add(blob_id)
    return found


async def condemn(tx: Tx, blob_id: str) -> bool:
    """Sees to it that nothing can refer to a blob any more, if nothing does. Whether its bytes are to be deleted now."""
    # The row is locked first: whoever is about to refer to it is done, or fails, before the next statement looks.
    if not await tx.execute("UPDATE blobs SET size = size WHERE id = $1", blob_id):
        return False
    return bool(
        await tx.execute(
            "UPDATE blobs SET delete_time = COALESCE(delete_time, $2) WHERE id = $1"
            " AND NOT EXISTS (SELECT 1 FROM files f WHERE f.blob_id = $1)"
            " AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.blob_id = $1)",
            blob_id,
            now_us(),
        )
    )


async def delete_blob(tx: Tx, blob_id: str) -> None:
    """Forgets a condemned blob whose bytes are gone."""
    await tx.execute("DELETE FROM blobs WHERE id = $1 AND delete_time IS NOT NULL", blob_id)


def no_file(file_id: str) -> NotFoundError:
    """The error for an id that names no file that the caller may read."""
    return NotFoundError("FILE_NOT_FOUND", "There is no such file.", file_id=file_id)


async def _hold(tx: Tx, blob_id: str) -> None:
    """Keeps a blob from being condemned until the commit. NotFoundError: it is going already."""
    if not await tx.execute("UPDATE blobs SET size = size WHERE id = $1 AND delete_time IS NULL", blob_id):
        raise NotFoundError("BLOB_NOT_FOUND", "The bytes of this file are not there any more.", blob_id=blob_id)


def _loaded(row: Row) -> StoredFile:
    owner, blob_id, record = row
    return StoredFile(str_of(owner), str_of(blob_id), File.FromString(bytes_of(record)))

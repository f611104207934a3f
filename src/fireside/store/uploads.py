"""Uploads that are under way. Not how far they are: the blob store says that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.core.errors import NotFoundError
from fireside.gen.v1.file_pb2 import Upload
from fireside.store import accounts, files
from fireside.store.records import bytes_of, int_of, str_of, timestamp_of, us_of

if TYPE_CHECKING:
    from fireside.store.tx import Row, Tx, Value

_COLUMNS = "owner, blob_id, expire_time, record"


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """An upload, with what only the server knows of it."""

    owner: str
    blob_id: str
    record: Upload
    """Without an offset."""


async def insert(tx: Tx, stored: StoredUpload) -> None:
    """Stores a new upload and the blob that it fills. AlreadyExistsError: the id is taken. NotFoundError: no such collection."""
    await accounts.ensure(tx, stored.owner)
    record = stored.record
    await files.insert_blob(tx, stored.blob_id, record.size)
    await tx.execute(
        "INSERT INTO uploads (id, owner, collection_id, blob_id, size, create_time, expire_time, record)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        record.id,
        stored.owner,
        record.collection_id or None,
        stored.blob_id,
        record.size,
        us_of(record.create_time),
        us_of(record.expire_time),
        record.SerializeToString(),
    )


async def find(tx: Tx, upload_id: str) -> StoredUpload | None:
    """The upload, whoever's it is."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM uploads WHERE id = $1", upload_id)  # noqa: S608
    return _loaded(rows[0]) if rows else None


async def get(tx: Tx, owner: str, upload_id: str) -> StoredUpload | None:
    """The owner's upload."""
    stored = await find(tx, upload_id)
    return stored if stored is not None and stored.owner == owner else None


async def page(tx: Tx, owner: str, *, limit: int, before: tuple[int, str] | None) -> list[StoredUpload]:
    """At most `limit` uploads of an account, the newest first, before (time in microseconds, id)."""
    where, args = "owner = $1", [owner, limit]
    values: list[Value] = [*args]
    if before is not None:
        where += " AND (create_time, id) < ($3, $4)"
        values.extend(before)
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM uploads WHERE {where} ORDER BY create_time DESC, id DESC LIMIT $2",  # noqa: S608
        *values,
    )
    return [_loaded(row) for row in rows]


async def extend(tx: Tx, upload_id: str, expire_us: int) -> None:
    """Keeps an upload longer."""
    await tx.execute("UPDATE uploads SET expire_time = $2 WHERE id = $1 AND expire_time < $2", upload_id, expire_us)


async def delete(tx: Tx, upload_id: str) -> StoredUpload | None:
    """Removes the row of an upload and returns what it was. Its blob is to be condemned, or has a file by now."""
    rows = await tx.fetch(f"DELETE FROM uploads WHERE id = $1 RETURNING {_COLUMNS}", upload_id)  # noqa: S608
    return _loaded(rows[0]) if rows else None


async def expired(tx: Tx, now_us: int, limit: int) -> list[StoredUpload]:
    """At most `limit` uploads that are to be given up."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM uploads WHERE expire_time < $1 ORDER BY expire_time LIMIT $2",  # noqa: S608
        now_us,
        limit,
    )
    return [_loaded(row) for row in rows]


async def delete_expired(tx: Tx, upload_id: str, now_us: int) -> bool:
    """Removes the row of an upload, unless it was gone on with."""
    return await tx.execute("DELETE FROM uploads WHERE id = $1 AND expire_time < $2", upload_id, now_us) > 0


def no_upload(upload_id: str) -> NotFoundError:
    """The error for an id that names no upload of the caller."""
    return NotFoundError(
        "UPLOAD_NOT_FOUND", "There is no such upload, or it was given up: begin it again.", upload_id=upload_id
    )


def _loaded(row: Row) -> StoredUpload:
    owner, blob_id, expire_time, record = row
    upload = Upload.FromString(bytes_of(record))
    upload.expire_time.CopyFrom(timestamp_of(int_of(expire_time)))
    return StoredUpload(str_of(owner), str_of(blob_id), upload)

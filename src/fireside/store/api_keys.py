"""Keys with which programs call in an account's name. Not the keys themselves: only their hashes are here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fireside.gen.v1.session_pb2 import ApiKey
from fireside.store.records import bytes_of, int_of, str_of, timestamp_of, us_of

if TYPE_CHECKING:
    from fireside.store.tx import Tx, Value

_COLUMNS = "id, owner, create_time, last_use_time, expire_time, record"


class KeyRow(NamedTuple):
    """A key and whose it is."""

    owner: str
    key: ApiKey


async def insert(tx: Tx, owner: str, key: ApiKey, token_hash: bytes) -> ApiKey:
    """Stores a new key. NotFoundError: there is no such account."""
    record = ApiKey(name=key.name, hint=key.hint, scopes=key.scopes)
    rows = await tx.fetch(
        "INSERT INTO api_keys (id, token_hash, owner, create_time, expire_time, record)"  # noqa: S608
        f" VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}",
        key.id,
        token_hash,
        owner,
        us_of(key.create_time),
        us_of(key.expire_time) if key.HasField("expire_time") else None,
        record.SerializeToString(),
    )
    return _loaded(*rows[0]).key


async def by_hash(tx: Tx, token_hash: bytes) -> KeyRow | None:
    """The key with this hash, also one that has ended."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM api_keys WHERE token_hash = $1", token_hash)  # noqa: S608
    return _loaded(*rows[0]) if rows else None


async def of_owner(tx: Tx, owner: str) -> list[ApiKey]:
    """The keys of an account, the newest first, also those that have ended."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM api_keys WHERE owner = $1 ORDER BY create_time DESC, id DESC",  # noqa: S608
        owner,
    )
    return [_loaded(*row).key for row in rows]


async def delete(tx: Tx, owner: str, key_id: str) -> ApiKey | None:
    """Removes a key of the account and returns what it was; None if the account has no such key."""
    rows = await tx.fetch(f"DELETE FROM api_keys WHERE id = $1 AND owner = $2 RETURNING {_COLUMNS}", key_id, owner)  # noqa: S608
    return _loaded(*rows[0]).key if rows else None


async def delete_all(tx: Tx, owner: str) -> int:
    """Removes all keys of an account. How many there were."""
    return await tx.execute("DELETE FROM api_keys WHERE owner = $1", owner)


async def touch(tx: Tx, key_id: str, now: int, unless_since: int) -> None:
    """Notes that a key was used, unless that was noted since `unless_since`. Microseconds."""
    await tx.execute(
        "UPDATE api_keys SET last_use_time = $2 WHERE id = $1 AND (last_use_time IS NULL OR last_use_time < $3)",
        key_id,
        now,
        unless_since,
    )


def _loaded(*row: Value) -> KeyRow:
    key_id, owner, create_time, last_use_time, expire_time, record = row
    key = ApiKey.FromString(bytes_of(record))
    key.id = str_of(key_id)
    key.create_time.CopyFrom(timestamp_of(int_of(create_time)))
    if last_use_time is not None:
        key.last_use_time.CopyFrom(timestamp_of(int_of(last_use_time)))
    if expire_time is not None:
        key.expire_time.CopyFrom(timestamp_of(int_of(expire_time)))
    return KeyRow(str_of(owner), key)

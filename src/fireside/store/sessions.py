"""Sessions by the hash of their token. Not what they may do: that is identity's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.gen.v1.session_pb2 import Session
from fireside.store.records import bytes_of, int_of, str_of, timestamp_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.tx import Tx, Value

_COLUMNS = "id, owner, last_use_time, expire_time, fresh_time, record"


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session, whose it is, and when (microseconds) it ends and last proved who it is."""

    session: Session
    owner: str
    last_use_us: int
    expire_us: int
    fresh_us: int


@dataclass(frozen=True, slots=True)
class Use:
    """That a session was used."""

    id: str
    time_us: int
    expire_us: int
    address: str


async def insert(tx: Tx, token_hash: bytes, stored: StoredSession) -> None:
    """Stores a new session."""
    await tx.execute(
        "INSERT INTO sessions (id, token_hash, owner, last_use_time, expire_time, fresh_time, record)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        stored.session.id,
        token_hash,
        stored.owner,
        stored.last_use_us,
        stored.expire_us,
        stored.fresh_us,
        _record(stored.session),
    )


async def by_token(tx: Tx, token_hash: bytes, now_us: int) -> StoredSession | None:
    """The session that a token opens; None for one that ended or never was."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM sessions WHERE token_hash = $1 AND expire_time > $2",  # noqa: S608
        token_hash,
        now_us,
    )
    return _loaded(*rows[0]) if rows else None


async def get(tx: Tx, session_id: str, now_us: int) -> StoredSession | None:
    """The session of that id; None for one that ended or never was."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM sessions WHERE id = $1 AND expire_time > $2",  # noqa: S608
        session_id,
        now_us,
    )
    return _loaded(*rows[0]) if rows else None


async def of_owner(tx: Tx, owner: str, now_us: int) -> list[StoredSession]:
    """The sessions of an account, the last used first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM sessions WHERE owner = $1 AND expire_time > $2 ORDER BY last_use_time DESC, id DESC",  # noqa: S608
        owner,
        now_us,
    )
    return [_loaded(*row) for row in rows]


async def has_used(tx: Tx, owner: str, address: str) -> bool:
    """Whether a session of the account, which may have run out, was last used from this network address."""
    rows = await tx.fetch("SELECT record FROM sessions WHERE owner = $1", owner)
    return any(Session.FromString(bytes_of(row[0])).address == address for row in rows)


async def use(tx: Tx, uses: Sequence[Use]) -> None:
    """Stores when, and from where, sessions were last used. Those that have ended meanwhile stay ended."""
    for each in uses:
        rows = await tx.fetch("SELECT record FROM sessions WHERE id = $1", each.id)
        if not rows:
            continue
        session = Session.FromString(bytes_of(rows[0][0]))
        session.address = each.address
        await tx.execute(
            "UPDATE sessions SET last_use_time = $2, expire_time = $3, record = $4"
            " WHERE id = $1 AND last_use_time < $2",
            each.id,
            each.time_us,
            each.expire_us,
            _record(session),
        )


async def set_fresh(tx: Tx, session_id: str, time_us: int) -> bool:
    """Stores that a session has just proved who it is. Whether there is such a session."""
    return await tx.execute("UPDATE sessions SET fresh_time = $2 WHERE id = $1", session_id, time_us) > 0


async def set_token(tx: Tx, session_id: str, token_hash: bytes) -> bool:
    """Gives a session another token; the old one opens nothing any more. Whether there is such a session."""
    return await tx.execute("UPDATE sessions SET token_hash = $2 WHERE id = $1", session_id, token_hash) > 0


async def delete(tx: Tx, owner: str, session_id: str) -> bool:
    """Ends a session of an account. Whether there was one."""
    return await tx.execute("DELETE FROM sessions WHERE id = $1 AND owner = $2", session_id, owner) > 0


async def delete_all(tx: Tx, owner: str, but: str = "") -> int:
    """Ends the sessions of an account, but one. How many there were."""
    return await tx.execute("DELETE FROM sessions WHERE owner = $1 AND id <> $2", owner, but)


async def prune(tx: Tx, now_us: int, limit: int) -> int:
    """Removes at most `limit` sessions that have run out. How many there were."""
    return await tx.execute(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expire_time <= $1 ORDER BY expire_time LIMIT $2)",
        now_us,
        limit,
    )


def _record(session: Session) -> bytes:
    record = Session()
    record.CopyFrom(session)
    for field in ("last_use_time", "expire_time", "current"):
        record.ClearField(field)
    return record.SerializeToString()


def _loaded(*row: Value) -> StoredSession:
    session_id, owner, last_use, expire, fresh, record = row
    session = Session.FromString(bytes_of(record))
    session.id = str_of(session_id)
    session.last_use_time.CopyFrom(timestamp_of(int_of(last_use)))
    session.expire_time.CopyFrom(timestamp_of(int_of(expire)))
    return StoredSession(session, str_of(owner), int_of(last_use), int_of(expire), int_of(fresh))

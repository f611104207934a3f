"""What is good for one use: invitations, links to set a password or confirm an address, challenges of a sign-in.

Tokens are here as hashes. One that has ended is as good as gone; `purge` takes it away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fireside.store.records import bytes_of, int_of, str_of

if TYPE_CHECKING:
    from fireside.store.tx import Tx, Value

_COLUMNS = "id, purpose, owner, create_time, expire_time, record"


class OneTimeToken(NamedTuple):
    """A row. Times are microseconds."""

    id: str
    purpose: str
    owner: str
    """The account that it belongs to and goes with; empty for none."""

    create_time: int
    expire_time: int
    record: bytes
    """What its purpose needs."""


async def insert(tx: Tx, token: OneTimeToken, token_hash: bytes) -> None:
    """Stores a new one. NotFoundError: there is no such account."""
    await tx.execute(
        "INSERT INTO one_time_tokens (id, token_hash, purpose, owner, create_time, expire_time, record)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        token.id,
        token_hash,
        token.purpose,
        token.owner or None,
        token.create_time,
        token.expire_time,
        token.record,
    )


async def find(tx: Tx, purpose: str, token_hash: bytes, now: int) -> OneTimeToken | None:
    """The one with this hash, if it holds."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM one_time_tokens WHERE token_hash = $1 AND purpose = $2 AND expire_time > $3",  # noqa: S608
        token_hash,
        purpose,
        now,
    )
    return _loaded(*rows[0]) if rows else None


async def take(tx: Tx, purpose: str, token_hash: bytes, now: int) -> OneTimeToken | None:
    """Removes the one with this hash and returns it, if it holds. Of two who try at once one gets it."""
    rows = await tx.fetch(
        f"DELETE FROM one_time_tokens WHERE token_hash = $1 AND purpose = $2 AND expire_time > $3 RETURNING {_COLUMNS}",  # noqa: S608
        token_hash,
        purpose,
        now,
    )
    return _loaded(*rows[0]) if rows else None


async def replace_record(tx: Tx, token_id: str, record: bytes) -> None:
    """Stores another record, such as how often a challenge was tried."""
    await tx.execute("UPDATE one_time_tokens SET record = $2 WHERE id = $1", token_id, record)


async def of_purpose(tx: Tx, purpose: str, now: int) -> list[OneTimeToken]:
    """Those that hold, the newest first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM one_time_tokens WHERE purpose = $1 AND expire_time > $2"  # noqa: S608
        " ORDER BY create_time DESC, id DESC",
        purpose,
        now,
    )
    return [_loaded(*row) for row in rows]


async def of_owner(tx: Tx, purpose: str, owner: str, now: int) -> list[OneTimeToken]:
    """Those of one account that hold, the newest first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM one_time_tokens WHERE owner = $1 AND purpose = $2 AND expire_time > $3"  # noqa: S608
        " ORDER BY create_time DESC, id DESC",
        owner,
        purpose,
        now,
    )
    return [_loaded(*row) for row in rows]


async def delete(tx: Tx, purpose: str, token_id: str) -> OneTimeToken | None:
    """Ends one by its id and returns what it was; None if there is none."""
    rows = await tx.fetch(
        f"DELETE FROM one_time_tokens WHERE id = $1 AND purpose = $2 RETURNING {_COLUMNS}",  # noqa: S608
        token_id,
        purpose,
    )
    return _loaded(*rows[0]) if rows else None


async def delete_of_owner(tx: Tx, purpose: str, owner: str) -> int:
    """Ends all of one account. How many there were."""
    return await tx.execute("DELETE FROM one_time_tokens WHERE owner = $1 AND purpose = $2", owner, purpose)


async def purge(tx: Tx, purpose: str, now: int) -> int:
    """Removes those that have ended. How many there were."""
    return await tx.execute("DELETE FROM one_time_tokens WHERE purpose = $1 AND expire_time <= $2", purpose, now)


def _loaded(*row: Value) -> OneTimeToken:
    token_id, purpose, owner, create_time, expire_time, record = row
    return OneTimeToken(
        str_of(token_id),
        str_of(purpose),
        "" if owner is None else str_of(owner),
        int_of(create_time),
        int_of(expire_time),
        bytes_of(record),
    )

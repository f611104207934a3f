"""Answers to requests that carried an id, so that a repeated request gets the first answer (AIP-155)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.clock import now_us
from fireside.store import accounts
from fireside.store.records import bytes_of, str_of

if TYPE_CHECKING:
    from fireside.store.tx import Tx


async def find(tx: Tx, owner: str, request_id: str) -> tuple[str, bytes, bytes] | None:
    """(Method, fingerprint of the request, response) of an earlier request with this id."""
    rows = await tx.fetch(
        "SELECT method, fingerprint, response FROM requests WHERE owner = $1 AND request_id = $2", owner, request_id
    )
    if not rows:
        return None
    method, fingerprint, response = rows[0]
    return str_of(method), bytes_of(fingerprint), bytes_of(response)


async def put(tx: Tx, owner: str, request_id: str, method: str, fingerprint: bytes, response: bytes) -> None:
    """Remembers an answer. AlreadyExistsError: there is one (a body that looked first is run again in that case)."""
    await accounts.ensure(tx, owner)
    await tx.execute(
        "INSERT INTO requests (owner, request_id, method, fingerprint, response, create_time)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        owner,
        request_id,
        method,
        fingerprint,
        response,
        now_us(),
    )


async def prune(tx: Tx, before_us: int, limit: int) -> int:
    """Forgets at most `limit` answers that were stored before that; returns how many."""
    rows = await tx.fetch(
        "SELECT owner, request_id FROM requests WHERE create_time < $1 ORDER BY create_time LIMIT $2", before_us, limit
    )
    if rows:
        await tx.execute_many("DELETE FROM requests WHERE owner = $1 AND request_id = $2", rows)
    return len(rows)

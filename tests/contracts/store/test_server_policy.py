"""What holds for the whole server, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from fireside.core.errors import AbortedError
from fireside.core.ids import etag_of
from fireside.gen.v1.policy_pb2 import Policy
from fireside.store import server_policy
from fireside.store.db import Database


async def test_there_is_no_policy_until_one_is_set(db: Database) -> None:
    assert await db.read(server_policy.get) is None
    stored = await db.write(lambda tx: server_policy.put(tx, Policy(session_days=3, etag=etag_of(0))))
    assert (stored.session_days, stored.etag) == (3, etag_of(1))
    assert await db.read(server_policy.get) == stored


async def test_a_policy_is_replaced_with_the_etag_that_was_read(db: Database) -> None:
    first = await db.write(lambda tx: server_policy.put(tx, Policy(session_days=3, domains=["a.org"])))
    second = await db.write(lambda tx: server_policy.put(tx, Policy(session_days=4, etag=first.etag)))
    assert (second.session_days, list(second.domains)) == (4, [])
    for etag in (first.etag, etag_of(0), "nonsense"):
        with pytest.raises(AbortedError):
            await db.write(lambda tx, etag=etag: server_policy.put(tx, Policy(etag=etag)))
    assert await db.read(server_policy.get) == second
    third = await db.write(lambda tx: server_policy.put(tx, Policy()))
    assert third.etag not in {first.etag, second.etag}


async def test_of_two_changes_of_the_same_policy_one_is_refused(db: Database) -> None:
    done = await asyncio.gather(
        *(db.write(lambda tx, n=n: server_policy.put(tx, Policy(session_days=n, etag=etag_of(0)))) for n in (1, 2)),
        return_exceptions=True,
    )
    assert sorted(isinstance(each, AbortedError) for each in done) == [False, True]

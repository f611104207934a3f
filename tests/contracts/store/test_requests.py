"""Answered requests on both databases."""

from __future__ import annotations

import asyncio

import pytest

from fireside.core.clock import now_us
from fireside.core.errors import AlreadyExistsError
from fireside.store import account_events, requests
from fireside.store.db import Database
from fireside.store.tx import Tx
from tests.store_rows import OWNER


async def test_an_answer_is_found_by_its_account_alone(db: Database) -> None:
    await db.write(lambda tx: requests.put(tx, "new", "r", "Create", b"\0f", b"\0a"))
    assert await db.read(lambda tx: requests.find(tx, "new", "r")) == ("Create", b"\0f", b"\0a")
    assert await db.read(lambda tx: requests.find(tx, OWNER, "r")) is None
    assert await db.read(lambda tx: requests.find(tx, "new", "r2")) is None


async def test_an_answer_is_not_overwritten(db: Database) -> None:
    await db.write(lambda tx: requests.put(tx, OWNER, "r", "Create", b"", b"first"))
    with pytest.raises(AlreadyExistsError) as caught:
        await db.write(lambda tx: requests.put(tx, OWNER, "r", "Create", b"", b"second"))
    assert caught.value.reason == "REQUEST_EXISTS"


async def test_the_same_request_ten_times_at_once_is_answered_once(db: Database) -> None:
    async def body(tx: Tx) -> bytes:
        if found := await requests.find(tx, OWNER, "r"):
            return found[2]
        number = await account_events.append(tx, "somebody", account_events.AccountEvent())
        answer = b"%d" % number
        await requests.put(tx, OWNER, "r", "Create", b"", answer)
        return answer

    assert await asyncio.gather(*(db.write(body) for _ in range(10))) == [b"1"] * 10


async def test_old_answers_are_forgotten(db: Database) -> None:
    for name in ("a", "b", "c"):
        await db.write(lambda tx, name=name: requests.put(tx, OWNER, name, "Create", b"", b""))
    later = now_us() + 1
    assert await db.write(lambda tx: requests.prune(tx, 0, 9)) == 0
    assert await db.write(lambda tx: requests.prune(tx, later, 2)) == 2
    assert await db.write(lambda tx: requests.prune(tx, later, 2)) == 1
    assert await db.read(lambda tx: requests.find(tx, OWNER, "a")) is None

"""What is good for one use, on both databases: of two who try at once, one gets it."""

from __future__ import annotations

import asyncio

import pytest

from fireside.core.errors import NotFoundError
from fireside.core.ids import new_id
from fireside.store import accounts, one_time_tokens
from fireside.store.db import Database
from fireside.store.one_time_tokens import OneTimeToken

HASH = b"h" * 32


def token(purpose: str = "password", owner: str = "ann", created: int = 0, expire: int = 100) -> OneTimeToken:
    return OneTimeToken(new_id(), purpose, owner, created, expire, b"record")


@pytest.fixture(autouse=True)
async def owners(db: Database) -> None:
    for owner in ("ann", "ben"):
        await db.write(lambda tx, owner=owner: accounts.ensure(tx, owner))


async def kept(db: Database, made: OneTimeToken, token_hash: bytes = HASH) -> OneTimeToken:
    await db.write(lambda tx: one_time_tokens.insert(tx, made, token_hash))
    return made


@pytest.mark.parametrize("owner", ["ann", ""])
async def test_one_is_found_by_purpose_and_hash_until_it_ends(db: Database, owner: str) -> None:
    made = await kept(db, token(owner=owner))
    assert await db.read(lambda tx: one_time_tokens.find(tx, "password", HASH, 99)) == made
    assert await db.read(lambda tx: one_time_tokens.find(tx, "password", HASH, 100)) is None
    assert await db.read(lambda tx: one_time_tokens.find(tx, "invitation", HASH, 99)) is None
    assert await db.read(lambda tx: one_time_tokens.find(tx, "password", b"i" * 32, 99)) is None


async def test_one_is_taken_once(db: Database) -> None:
    made = await kept(db, token())
    tries = [db.write(lambda tx: one_time_tokens.take(tx, "password", HASH, 99)) for _ in range(8)]
    assert [found for found in await asyncio.gather(*tries) if found is not None] == [made]


async def test_what_has_ended_or_is_for_something_else_is_not_taken(db: Database) -> None:
    await kept(db, token())
    assert await db.write(lambda tx: one_time_tokens.take(tx, "password", HASH, 100)) is None
    assert await db.write(lambda tx: one_time_tokens.take(tx, "invitation", HASH, 99)) is None
    assert await db.read(lambda tx: one_time_tokens.find(tx, "password", HASH, 99)) is not None


async def test_a_transaction_that_fails_leaves_it(db: Database) -> None:
    await kept(db, token())

    async def body(tx: object) -> None:
        assert await one_time_tokens.take(tx, "password", HASH, 99) is not None  # pyright: ignore[reportArgumentType]
        raise NotFoundError("NOTHING", "Nothing.")

    with pytest.raises(NotFoundError):
        await db.write(body)
    assert await db.read(lambda tx: one_time_tokens.find(tx, "password", HASH, 99)) is not None


async def test_its_record_can_change(db: Database) -> None:
    made = await kept(db, token())
    await db.write(lambda tx: one_time_tokens.replace_record(tx, made.id, b"tried"))
    found = await db.read(lambda tx: one_time_tokens.find(tx, "password", HASH, 99))
    assert found == made._replace(record=b"tried")


async def test_those_that_hold_are_listed_the_newest_first(db: Database) -> None:
    old = await kept(db, token("invitation", created=1), b"1" * 32)
    new = await kept(db, token("invitation", created=2), b"2" * 32)
    await kept(db, token("invitation", created=3, expire=5), b"3" * 32)
    await kept(db, token("password", created=4), b"4" * 32)
    assert await db.read(lambda tx: one_time_tokens.of_purpose(tx, "invitation", 10)) == [new, old]


async def test_one_is_ended_by_its_id(db: Database) -> None:
    made = await kept(db, token("invitation"))
    assert await db.write(lambda tx: one_time_tokens.delete(tx, "password", made.id)) is None
    assert await db.write(lambda tx: one_time_tokens.delete(tx, "invitation", made.id)) == made
    assert await db.write(lambda tx: one_time_tokens.delete(tx, "invitation", made.id)) is None


async def test_those_of_an_account_end_together_and_with_it(db: Database) -> None:
    await kept(db, token(), b"1" * 32)
    await kept(db, token(), b"2" * 32)
    await kept(db, token(owner="ben"), b"3" * 32)
    await kept(db, token("invitation"), b"4" * 32)
    assert await db.write(lambda tx: one_time_tokens.delete_of_owner(tx, "password", "ann")) == 2
    await db.write(lambda tx: accounts.delete(tx, "ann"))
    assert await db.read(lambda tx: one_time_tokens.find(tx, "invitation", b"4" * 32, 99)) is None
    assert await db.read(lambda tx: one_time_tokens.find(tx, "password", b"3" * 32, 99)) is not None


async def test_what_has_ended_is_purged(db: Database) -> None:
    await kept(db, token(expire=10), b"1" * 32)
    await kept(db, token(expire=20), b"2" * 32)
    await kept(db, token("invitation", expire=10), b"3" * 32)
    assert await db.write(lambda tx: one_time_tokens.purge(tx, "password", 10)) == 1
    assert await db.read(lambda tx: one_time_tokens.find(tx, "password", b"2" * 32, 11)) is not None


async def test_one_needs_an_account_if_it_names_one(db: Database) -> None:
    with pytest.raises(NotFoundError):
        await kept(db, token(owner="nobody"))

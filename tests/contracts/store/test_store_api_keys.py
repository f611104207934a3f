"""Keys for programs, on both databases: what is kept of them, and who finds them."""

from __future__ import annotations

import pytest

from fireside.core.errors import NotFoundError
from fireside.core.ids import new_id
from fireside.gen.v1.permission_pb2 import PERMISSION_CHAT, PERMISSION_READ_MODELS
from fireside.gen.v1.session_pb2 import ApiKey
from fireside.store import accounts, api_keys
from fireside.store.db import Database
from fireside.store.records import timestamp_of

MINUTE = 60_000_000


@pytest.fixture(autouse=True)
async def owners(db: Database) -> None:
    for owner in ("ann", "ben"):
        await db.write(lambda tx, owner=owner: accounts.ensure(tx, owner))


def key(name: str, created: int = 1_000_000, expire: int = 0) -> ApiKey:
    return ApiKey(
        id=new_id(),
        name=name,
        hint="fsk_abc",
        scopes=[PERMISSION_CHAT, PERMISSION_READ_MODELS],
        create_time=timestamp_of(created),
        expire_time=timestamp_of(expire) if expire else None,
    )


async def test_a_key_is_found_by_its_hash_alone(db: Database) -> None:
    wanted = key("build", expire=9_000_000)
    made = await db.write(lambda tx: api_keys.insert(tx, "ann", wanted, b"h" * 32))
    assert made == wanted
    assert await db.read(lambda tx: api_keys.by_hash(tx, b"h" * 32)) == ("ann", wanted)
    assert await db.read(lambda tx: api_keys.by_hash(tx, b"i" * 32)) is None


async def test_keys_are_listed_for_their_owner_the_newest_first(db: Database) -> None:
    made = [key("old", 1_000), key("new", 3_000), key("middle", 2_000)]
    for number, each in enumerate(made):
        await db.write(lambda tx, each=each, number=number: api_keys.insert(tx, "ann", each, bytes([number] * 32)))
    await db.write(lambda tx: api_keys.insert(tx, "ben", key("his"), b"b" * 32))
    assert [each.name for each in await db.read(lambda tx: api_keys.of_owner(tx, "ann"))] == ["new", "middle", "old"]


async def test_a_key_needs_an_account(db: Database) -> None:
    with pytest.raises(NotFoundError):
        await db.write(lambda tx: api_keys.insert(tx, "nobody", key("lost"), b"h" * 32))


async def test_a_key_is_deleted_by_its_owner_alone(db: Database) -> None:
    made = await db.write(lambda tx: api_keys.insert(tx, "ann", key("build"), b"h" * 32))
    assert await db.write(lambda tx: api_keys.delete(tx, "ben", made.id)) is None
    assert await db.write(lambda tx: api_keys.delete(tx, "ann", made.id)) == made
    assert await db.write(lambda tx: api_keys.delete(tx, "ann", made.id)) is None
    assert await db.read(lambda tx: api_keys.by_hash(tx, b"h" * 32)) is None


async def test_all_keys_of_an_account_end_at_once(db: Database) -> None:
    for number, owner in enumerate(("ann", "ann", "ben")):
        await db.write(
            lambda tx, owner=owner, number=number: api_keys.insert(tx, owner, key("k"), bytes([number] * 32))
        )
    assert await db.write(lambda tx: api_keys.delete_all(tx, "ann")) == 2
    assert len(await db.read(lambda tx: api_keys.of_owner(tx, "ben"))) == 1


async def test_keys_go_with_their_account(db: Database) -> None:
    await db.write(lambda tx: api_keys.insert(tx, "ann", key("build"), b"h" * 32))
    await db.write(lambda tx: accounts.delete(tx, "ann"))
    assert await db.read(lambda tx: api_keys.by_hash(tx, b"h" * 32)) is None


async def test_a_use_is_noted_once_a_minute(db: Database) -> None:
    made = await db.write(lambda tx: api_keys.insert(tx, "ann", key("build"), b"h" * 32))

    async def used(now: int) -> int:
        await db.write(lambda tx: api_keys.touch(tx, made.id, now, now - MINUTE))
        row = await db.read(lambda tx: api_keys.by_hash(tx, b"h" * 32))
        assert row is not None
        return row.key.last_use_time.ToMicroseconds()

    assert not made.HasField("last_use_time")
    assert await used(MINUTE) == MINUTE
    assert await used(MINUTE + 1_000) == MINUTE
    assert await used(3 * MINUTE) == 3 * MINUTE

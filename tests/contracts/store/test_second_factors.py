"""Second factors on both databases: what is kept, and that nothing is used twice."""

from __future__ import annotations

import pytest

from fireside.core.errors import AlreadyExistsError
from fireside.gen.v1.account_pb2 import ACCOUNT_ROLE_MEMBER, ACCOUNT_STATE_ACTIVE, Account
from fireside.gen.v1.second_factor_pb2 import Passkey
from fireside.store import accounts, one_time_tokens, second_factors
from fireside.store.db import Database
from fireside.store.one_time_tokens import OneTimeToken
from fireside.store.second_factors import StoredPasskey, Totp
from fireside.store.tx import Tx


async def account(db: Database, name: str = "ann") -> Account:
    wanted = Account(
        id=name, name=name, email=f"{name}@example.org", role=ACCOUNT_ROLE_MEMBER, state=ACCOUNT_STATE_ACTIVE
    )
    return await db.write(lambda tx: accounts.insert(tx, wanted))


def passkey(name: str, owner: str = "ann", count: int = 0) -> StoredPasskey:
    return StoredPasskey(owner, Passkey(id=name, name=name.title()), name.encode(), b"key", count)


async def test_an_app_is_kept_with_its_last_step_and_makes_a_second_factor(db: Database) -> None:
    before = await account(db)
    assert await db.read(lambda tx: second_factors.totp(tx, "ann")) is None
    assert await db.read(lambda tx: second_factors.totp(tx, "nobody")) is None
    assert await db.write(lambda tx: second_factors.set_totp(tx, "ann", Totp(b"sealed", 7)))
    assert not await db.write(lambda tx: second_factors.set_totp(tx, "nobody", Totp(b"sealed", 7)))
    assert await db.read(lambda tx: second_factors.totp(tx, "ann")) == Totp(b"sealed", 7)
    after = await db.read(lambda tx: accounts.get(tx, "ann"))
    assert after is not None
    assert after.has_second_factor
    assert after.etag != before.etag
    await db.write(lambda tx: second_factors.set_totp(tx, "ann", None))
    assert not await db.read(lambda tx: second_factors.has(tx, "ann"))


async def test_of_two_codes_taken_at_once_one_counts(db: Database) -> None:
    await account(db)
    await db.write(lambda tx: second_factors.set_totp(tx, "ann", Totp(b"sealed", 7)))
    seen = Totp(b"sealed", 7)
    assert await db.write(lambda tx: second_factors.use_totp(tx, "ann", seen, 8))
    assert not await db.write(lambda tx: second_factors.use_totp(tx, "ann", seen, 8))
    assert await db.read(lambda tx: second_factors.totp(tx, "ann")) == Totp(b"sealed", 8)


async def test_recovery_codes_are_used_up_and_replaced(db: Database) -> None:
    await account(db)
    await account(db, "bob")
    await db.write(lambda tx: second_factors.replace_codes(tx, "ann", [b"1", b"2"]))
    await db.write(lambda tx: second_factors.replace_codes(tx, "bob", [b"1"]))
    assert await db.read(lambda tx: second_factors.count_codes(tx, "ann")) == 2
    assert await db.write(lambda tx: second_factors.use_code(tx, "ann", b"1"))
    assert not await db.write(lambda tx: second_factors.use_code(tx, "ann", b"1"))
    assert not await db.write(lambda tx: second_factors.use_code(tx, "ann", b"3"))
    await db.write(lambda tx: second_factors.replace_codes(tx, "ann", [b"3"]))
    assert not await db.write(lambda tx: second_factors.use_code(tx, "ann", b"2"))
    assert await db.read(lambda tx: second_factors.count_codes(tx, "bob")) == 1


async def test_passkeys_are_listed_oldest_first_and_belong_to_one(db: Database) -> None:
    await account(db)
    await account(db, "bob")
    made = await db.write(lambda tx: second_factors.insert_passkey(tx, passkey("phone"), 2_000_000))
    await db.write(lambda tx: second_factors.insert_passkey(tx, passkey("key"), 1_000_000))
    assert (made.id, made.name, made.create_time.seconds, made.HasField("last_use_time")) == (
        "phone",
        "Phone",
        2,
        False,
    )
    listed = await db.read(lambda tx: second_factors.passkeys(tx, "ann"))
    assert [stored.passkey.id for stored in listed] == ["key", "phone"]
    assert await db.read(lambda tx: second_factors.passkey(tx, b"phone")) == passkey("phone")._replace(passkey=made)
    assert await db.read(lambda tx: second_factors.passkey(tx, b"other")) is None
    assert await db.read(lambda tx: second_factors.has(tx, "ann"))
    with pytest.raises(AlreadyExistsError):
        await db.write(
            lambda tx: second_factors.insert_passkey(tx, passkey("phone", "bob")._replace(passkey=Passkey(id="x")), 1)
        )
    assert await db.write(lambda tx: second_factors.delete_passkey(tx, "bob", "phone")) is None
    gone = await db.write(lambda tx: second_factors.delete_passkey(tx, "ann", "phone"))
    assert gone == made


async def test_a_sign_count_goes_on_from_what_was_seen(db: Database) -> None:
    await account(db)
    await db.write(lambda tx: second_factors.insert_passkey(tx, passkey("key", count=3), 1_000_000))
    seen = passkey("key", count=3)
    assert await db.write(lambda tx: second_factors.use_passkey(tx, seen, 4, 5_000_000))
    assert not await db.write(lambda tx: second_factors.use_passkey(tx, seen, 4, 6_000_000))
    found = await db.read(lambda tx: second_factors.passkey(tx, b"key"))
    assert found is not None
    assert (found.sign_count, found.passkey.last_use_time.seconds) == (4, 5)


async def test_all_go_together_and_with_the_account(db: Database) -> None:
    await account(db)
    for _ in range(2):
        await db.write(lambda tx: second_factors.set_totp(tx, "ann", Totp(b"sealed", 7)))
        await db.write(lambda tx: second_factors.replace_codes(tx, "ann", [b"1"]))
        await db.write(lambda tx: second_factors.insert_passkey(tx, passkey("key"), 1))
        await db.write(lambda tx: second_factors.remove_all(tx, "ann"))
        assert not await db.read(lambda tx: second_factors.has(tx, "ann"))
        assert await db.read(lambda tx: second_factors.count_codes(tx, "ann")) == 0
    await db.write(lambda tx: second_factors.insert_passkey(tx, passkey("key"), 1))
    await db.write(lambda tx: accounts.delete(tx, "ann"))
    assert await db.read(lambda tx: second_factors.passkey(tx, b"key")) is None


async def test_one_time_tokens_of_one_account_and_purpose(db: Database) -> None:
    await account(db)
    await account(db, "bob")
    given = [
        ("a", "totp", "ann", 1, 9),
        ("b", "totp", "ann", 2, 9),
        ("c", "totp", "bob", 1, 9),
        ("d", "x", "ann", 1, 9),
    ]

    async def body(tx: Tx) -> None:
        for token_id, purpose, owner, begin, end in [*given, ("e", "totp", "ann", 1, 5)]:
            token = OneTimeToken(token_id, purpose, owner, begin, end, token_id.encode())
            await one_time_tokens.insert(tx, token, token_id.encode())

    await db.write(body)
    found = await db.read(lambda tx: one_time_tokens.of_owner(tx, "totp", "ann", 5))
    assert [(token.id, token.record) for token in found] == [("b", b"b"), ("a", b"a")]

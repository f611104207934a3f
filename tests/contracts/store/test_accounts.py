"""Accounts, sessions and counters on every database."""

from __future__ import annotations

import asyncio

import pytest

from fireside.core.errors import AbortedError, AlreadyExistsError, NotFoundError
from fireside.gen.v1 import account_pb2
from fireside.gen.v1.account_pb2 import ACCOUNT_ROLE_ADMIN, ACCOUNT_ROLE_MEMBER, ACCOUNT_STATE_ACTIVE, Account
from fireside.gen.v1.session_pb2 import Session
from fireside.identity import tokens
from fireside.store import accounts, counters, sessions
from fireside.store.db import Database
from fireside.store.records import timestamp_of
from fireside.store.sessions import StoredSession, Use
from fireside.store.tx import Tx

DAY = 86_400_000_000


def account(name: str, role: account_pb2.AccountRole = ACCOUNT_ROLE_MEMBER) -> Account:
    return Account(
        id=name.lower(),
        name=name,
        email=f"{name}@Example.org",
        role=role,
        state=ACCOUNT_STATE_ACTIVE,
        create_time=timestamp_of(1_000),
    )


async def insert(db: Database, *names: str) -> None:
    for name in names:
        await db.write(lambda tx, name=name: accounts.insert(tx, account(name)))


async def test_an_account_is_found_by_what_it_is_known_by(db: Database) -> None:
    made = await db.write(lambda tx: accounts.insert(tx, account("Ann"), password="hash", subject="work 17"))
    assert (made.id, made.etag, made.has_password, made.has_second_factor) == ("ann", "r1", True, False)

    async def body(tx: Tx) -> None:
        assert await accounts.get(tx, "ann") == made
        assert await accounts.by_email(tx, " aNN@EXAMPLE.ORG ") == made
        assert await accounts.by_subject(tx, "work 17") == made
        assert await accounts.subject_of(tx, "ann") == "work 17"
        assert await accounts.password_of(tx, "ann") == "hash"
        for missing in (
            await accounts.get(tx, "bob"),
            await accounts.by_email(tx, ""),
            await accounts.by_subject(tx, ""),
        ):
            assert missing is None

    await db.read(body)


async def test_an_address_is_taken_once(db: Database) -> None:
    await insert(db, "Ann")
    bob = await db.write(lambda tx: accounts.insert(tx, account("Bob")))
    twin = account("Twin")
    twin.email = "ann@example.org"
    with pytest.raises(AlreadyExistsError) as caught:
        await db.write(lambda tx: accounts.insert(tx, twin))
    assert caught.value.reason == "EMAIL_TAKEN"
    bob.email = "ANN@example.org"
    with pytest.raises(AlreadyExistsError):
        await db.write(lambda tx: accounts.update(tx, bob))
    many = [account(f"n{number}") for number in range(8)]
    for each in many:
        each.email = "same@example.org"
    answers = await asyncio.gather(
        *(db.write(lambda tx, each=each: accounts.insert(tx, each)) for each in many), return_exceptions=True
    )
    assert sum(isinstance(answer, Account) for answer in answers) == 1
    assert {answer.reason for answer in answers if isinstance(answer, AlreadyExistsError)} == {"EMAIL_TAKEN"}


async def test_a_change_is_based_on_what_was_read(db: Database) -> None:
    await insert(db, "Ann")
    read = await db.read(lambda tx: accounts.get(tx, "ann"))
    assert read is not None
    read.name = "Anna"
    changed = await db.write(lambda tx: accounts.update(tx, read))
    assert (changed.name, changed.etag) == ("Anna", "r2")
    with pytest.raises(AbortedError):
        await db.write(lambda tx: accounts.update(tx, read))
    await db.write(lambda tx: accounts.set_password(tx, "ann", "new"))
    await db.write(lambda tx: accounts.use(tx, [("ann", 5_000_000)]))
    await db.write(lambda tx: accounts.use(tx, [("ann", 4_000_000)]))
    after = await db.read(lambda tx: accounts.get(tx, "ann"))
    assert after is not None
    assert (after.etag, after.has_password, after.last_use_time.seconds) == ("r3", True, 5)
    with pytest.raises(NotFoundError):
        await db.write(lambda tx: accounts.update(tx, account("Nobody")))


async def test_the_first_account_is_made_once(db: Database) -> None:
    await db.write(lambda tx: accounts.ensure(tx, accounts.FIRST))
    assert not await db.read(accounts.is_set_up)
    assert await db.read(lambda tx: accounts.get(tx, accounts.FIRST)) is None
    wanted = [account(f"Ada{number}", ACCOUNT_ROLE_ADMIN) for number in range(6)]
    made = await asyncio.gather(*(db.write(lambda tx, each=each: accounts.set_up(tx, each, "hash")) for each in wanted))
    (first,) = (each for each in made if each is not None)
    assert first.id == accounts.FIRST
    assert await db.read(accounts.is_set_up)
    assert await db.read(accounts.count_active_admins) == 1
    assert await db.read(accounts.page) == [first]


async def test_who_was_invited_first_leaves_nothing_to_set_up(db: Database) -> None:
    await insert(db, "Ann")
    assert await db.write(lambda tx: accounts.set_up(tx, account("Ada"), "hash")) is None


async def test_pages_go_by_name(db: Database) -> None:
    await insert(db, "Zoë", "ann", "Ünal", "Bob_1", "Bob%2")

    async def body(tx: Tx) -> None:
        everybody = await accounts.page(tx)
        assert len(everybody) == await accounts.count(tx) == 5
        first = await accounts.page(tx, limit=2)
        rest = await accounts.page(tx, limit=9, after=accounts.place_of(first[-1]))
        assert [each.id for each in first + rest] == [each.id for each in everybody]
        assert [each.name for each in await accounts.page(tx, query="BOB_")] == ["Bob_1"]
        assert [each.name for each in await accounts.page(tx, query="%")] == ["Bob%2"]
        assert await accounts.count(tx, query="example.ORG") == 5
        assert await accounts.count(tx, state=account_pb2.ACCOUNT_STATE_PENDING) == 0
        assert await accounts.count(tx, group_id="none") == 0

    await db.read(body)


def session(name: str, last_use: int, *, owner: str = "ann") -> StoredSession:
    made = Session(id=name, device="Firefox on Linux", address="192.0.2.1", create_time=timestamp_of(1))
    return StoredSession(made, owner, last_use, last_use + DAY, last_use)


async def test_a_session_lives_until_it_ends(db: Database) -> None:
    await insert(db, "Ann", "Bob")
    hashes = {name: tokens.hash_of(name) for name in ("one", "two", "three")}

    async def make(tx: Tx) -> None:
        for number, (name, token_hash) in enumerate(hashes.items(), 1):
            await sessions.insert(tx, token_hash, session(name, number * 1_000_000))
        await sessions.insert(tx, tokens.hash_of("bob"), session("bob", 1_000_000, owner="bob"))
        # Neither of one that ended nor to an earlier time.
        await sessions.use(tx, [Use("one", 9_000_000, 9_000_000 + DAY, "192.0.2.9"), Use("gone", 1, 2, "")])
        await sessions.use(tx, [Use("one", 8_000_000, 8_000_000 + DAY, "192.0.2.8")])
        assert await sessions.set_fresh(tx, "two", 77)
        assert not await sessions.set_fresh(tx, "gone", 77)

    await db.write(make)
    found = await db.read(lambda tx: sessions.by_token(tx, hashes["one"], DAY))
    assert found is not None
    assert (found.owner, found.last_use_us, found.expire_us) == ("ann", 9_000_000, 9_000_000 + DAY)
    assert (found.session.address, found.session.device) == ("192.0.2.9", "Firefox on Linux")
    assert found.session.last_use_time.seconds == 9
    two = await db.read(lambda tx: sessions.get(tx, "two", DAY))
    assert two is not None
    assert two.fresh_us == 77
    assert await db.read(lambda tx: sessions.by_token(tx, hashes["two"], 2_000_000 + DAY)) is None
    assert [each.session.id for each in await db.read(lambda tx: sessions.of_owner(tx, "ann", DAY))] == [
        "one", "three", "two",
    ]  # fmt: skip


async def test_sessions_end_one_by_one_and_together(db: Database) -> None:
    await insert(db, "Ann", "Bob")

    async def body(tx: Tx) -> None:
        for number, name in enumerate(("one", "two", "three", "four"), 1):
            await sessions.insert(tx, tokens.hash_of(name), session(name, number * 1_000_000))
        assert await sessions.set_token(tx, "one", tokens.hash_of("new"))
        assert await sessions.by_token(tx, tokens.hash_of("one"), 1) is None
        assert await sessions.by_token(tx, tokens.hash_of("new"), 1) is not None
        assert not await sessions.delete(tx, "bob", "one"), "somebody else's"
        assert await sessions.delete(tx, "ann", "one")
        assert not await sessions.delete(tx, "ann", "one")
        assert await sessions.prune(tx, 2_000_000 + DAY, 10) == 1
        assert await sessions.delete_all(tx, "ann", but="four") == 1
        assert [each.session.id for each in await sessions.of_owner(tx, "ann", 1)] == ["four"]
        await accounts.delete(tx, "ann")
        assert await sessions.get(tx, "four", 1) is None

    await db.write(body)


async def test_a_counter_counts(db: Database) -> None:
    assert await db.read(lambda tx: counters.get(tx, "x")) == 0
    await asyncio.gather(*(db.write(lambda tx: counters.increment(tx, "x")) for _ in range(10)))
    assert await db.read(lambda tx: counters.get(tx, "x")) == 10
    assert await db.write(lambda tx: counters.increment(tx, "y")) == 1

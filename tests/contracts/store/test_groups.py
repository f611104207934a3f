"""Groups and who is in them, on both databases."""

from __future__ import annotations

import pytest

from fireside.core.errors import AbortedError, AlreadyExistsError, NotFoundError
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.permission_pb2 import PERMISSION_READ_AUDIT
from fireside.store import accounts, groups
from fireside.store.db import Database
from fireside.store.tx import Tx


async def make(db: Database, group_id: str, name: str, provider_group: str = "") -> Group:
    group = Group(id=group_id, name=name, permissions=[PERMISSION_READ_AUDIT], provider_group=provider_group)
    return await db.write(lambda tx: groups.insert(tx, group))


async def with_accounts(db: Database, *ids: str) -> None:
    async def body(tx: Tx) -> None:
        for account_id in ids:
            await accounts.ensure(tx, account_id)

    await db.write(body)


async def test_a_group_is_kept_as_it_was_given(db: Database) -> None:
    made = await make(db, "g1", "Research")
    assert (made.name, list(made.permissions), made.member_count) == ("Research", [PERMISSION_READ_AUDIT], 0)
    assert made.etag
    assert await db.read(lambda tx: groups.get(tx, "g1")) == made
    assert await db.read(lambda tx: groups.get(tx, "g2")) is None


async def test_groups_are_listed_by_name_whatever_its_case(db: Database) -> None:
    for number, name in enumerate(("beta", "Alpha", "Gamma")):
        await make(db, f"g{number}", name)
    assert [group.name for group in await db.read(groups.every)] == ["Alpha", "beta", "Gamma"]


async def test_a_name_is_taken_once_whatever_its_case(db: Database) -> None:
    await make(db, "g1", "Straße")
    with pytest.raises(AlreadyExistsError) as caught:
        await make(db, "g2", "STRASSE")
    assert caught.value.reason == "GROUP_EXISTS"
    other = await make(db, "g3", "Other")
    other.name = "strasse"
    with pytest.raises(AlreadyExistsError):
        await db.write(lambda tx: groups.update(tx, other))


async def test_an_update_needs_the_etag_that_was_read(db: Database) -> None:
    made = await make(db, "g1", "Research")
    made.description = "Those who look"
    changed = await db.write(lambda tx: groups.update(tx, made))
    assert changed.description == "Those who look"
    assert changed.etag != made.etag
    with pytest.raises(AbortedError):
        await db.write(lambda tx: groups.update(tx, made))
    made.etag = ""
    await db.write(lambda tx: groups.update(tx, made))
    with pytest.raises(NotFoundError) as caught:
        await db.write(lambda tx: groups.update(tx, Group(id="none", name="x")))
    assert caught.value.reason == "GROUP_NOT_FOUND"


async def test_members_come_and_go(db: Database) -> None:
    made = await make(db, "g1", "Research")
    await with_accounts(db, "ann", "bob")
    await db.write(lambda tx: groups.add_members(tx, "g1", ["ann", "bob"]))
    await db.write(lambda tx: groups.add_members(tx, "g1", ["bob"]))
    assert await db.read(lambda tx: groups.members(tx, "g1")) == {"ann", "bob"}
    found = await db.read(lambda tx: groups.of_account(tx, "ann"))
    assert [(group.name, group.member_count, group.etag) for group in found] == [("Research", 2, made.etag)]
    await db.write(lambda tx: groups.remove_members(tx, "g1", ["ann", "nobody"]))
    assert await db.read(lambda tx: groups.of_account(tx, "ann")) == []
    assert await db.read(lambda tx: groups.ids_of(tx, ["ann", "bob"])) == {"bob": ["g1"]}
    assert await db.read(lambda tx: groups.ids_of(tx, [])) == {}


async def test_nobody_is_put_into_a_group_that_is_not_there(db: Database) -> None:
    await with_accounts(db, "ann")
    with pytest.raises(NotFoundError):
        await db.write(lambda tx: groups.add_members(tx, "g1", ["ann"]))
    await make(db, "g1", "Research")
    with pytest.raises(NotFoundError):
        await db.write(lambda tx: groups.add_members(tx, "g1", ["nobody"]))


async def test_the_groups_of_an_account_are_set_at_once(db: Database) -> None:
    for number in range(3):
        await make(db, f"g{number}", f"Group {number}")
    await with_accounts(db, "ann")
    assert await db.write(lambda tx: groups.set_of_account(tx, "ann", ["g0", "g1"])) == ({"g0", "g1"}, set())
    assert await db.write(lambda tx: groups.set_of_account(tx, "ann", ["g1", "g2"])) == ({"g2"}, {"g0"})
    with pytest.raises(NotFoundError) as caught:
        await db.write(lambda tx: groups.set_of_account(tx, "ann", ["none"]))
    assert caught.value.reason == "GROUP_NOT_FOUND"
    assert await db.read(lambda tx: groups.ids_of(tx, ["ann"])) == {"ann": ["g1", "g2"]}


async def test_a_provider_takes_away_what_it_gave_and_nothing_else(db: Database) -> None:
    await make(db, "g1", "Staff", "staff")
    await make(db, "g2", "Ops", "ops")
    await make(db, "g3", "By hand")
    await with_accounts(db, "ann")
    await db.write(lambda tx: groups.add_members(tx, "g3", ["ann"]))
    assert await db.write(lambda tx: groups.follow_provider(tx, "ann", ["staff", "unknown"]))
    assert await db.read(lambda tx: groups.ids_of(tx, ["ann"])) == {"ann": ["g1", "g3"]}
    assert not await db.write(lambda tx: groups.follow_provider(tx, "ann", ["staff"]))
    # What an admin confirmed is no longer the provider's to take away.
    await db.write(lambda tx: groups.add_members(tx, "g1", ["ann"]))
    assert await db.write(lambda tx: groups.follow_provider(tx, "ann", ["ops"]))
    assert await db.write(lambda tx: groups.follow_provider(tx, "ann", []))
    assert await db.read(lambda tx: groups.ids_of(tx, ["ann"])) == {"ann": ["g1", "g3"]}


async def test_a_deleted_group_has_no_members(db: Database) -> None:
    await make(db, "g1", "Research")
    await with_accounts(db, "ann")
    await db.write(lambda tx: groups.add_members(tx, "g1", ["ann"]))
    assert await db.write(lambda tx: groups.delete(tx, "g1"))
    assert not await db.write(lambda tx: groups.delete(tx, "g1"))
    assert await db.read(lambda tx: groups.of_account(tx, "ann")) == []

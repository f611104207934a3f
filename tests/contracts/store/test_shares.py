"""Shares on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from fireside.core.clock import now_us
from fireside.core.errors import NotFoundError
from fireside.gen.v1.account_pb2 import ACCOUNT_ROLE_MEMBER, ACCOUNT_STATE_ACTIVE, Account
from fireside.gen.v1.conversation_pb2 import Conversation
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.share_pb2 import SHARE_ROLE_EDITOR, SHARE_ROLE_VIEWER, Share, ShareRole
from fireside.store import account_events, accounts, conversations, generations, groups, shares
from fireside.store.db import Database
from fireside.store.records import timestamp_of, us_of
from fireside.store.tx import Tx
from tests.store_rows import LEASE, OWNER, conversation, ended, generation, have_conversation

HOUR = 3_600_000_000


def share(name: str, *, within: str = "c", role: ShareRole = SHARE_ROLE_VIEWER, **fields: Any) -> Share:
    return Share(id=name, conversation_id=within, role=role, create_time=timestamp_of(1_000), **fields)


def ending(made: Share, in_us: int) -> Share:
    made.expire_time.CopyFrom(timestamp_of(now_us() + in_us))
    return made


async def have_people(tx: Tx) -> None:
    for name in ("ann", "bob", "cid"):
        account = Account(
            id=name,
            email=f"{name}@example.org",
            name=name.title(),
            role=ACCOUNT_ROLE_MEMBER,
            state=ACCOUNT_STATE_ACTIVE,
        )
        await accounts.insert(tx, account)
    await groups.insert(tx, Group(id="team", name="Team"))
    await groups.add_members(tx, "team", ["bob", "cid"])


@pytest.fixture
async def people(db: Database) -> Database:
    """Ann owns `c`; Bob and Cid are a team."""

    async def body(tx: Tx) -> None:
        await have_people(tx)
        await conversations.insert(tx, "ann", conversation("c", "Hers"))

    await db.write(body)
    return db


async def put(db: Database, *made: Share) -> None:
    async def body(tx: Tx) -> None:
        for one in made:
            await shares.put(tx, one)

    await db.write(body)


async def test_a_share_is_read_back_with_names_and_replaced_by_the_next_one(people: Database) -> None:
    await put(people, share("s1", account_id="bob"), share("s2", group_id="team"))
    await put(people, share("s3", account_id="bob", role=SHARE_ROLE_EDITOR))
    listed = await people.read(lambda tx: shares.of_conversation(tx, "c"))
    assert [(s.id, s.account_id, s.group_id, s.role, s.name, s.email) for s in listed] == [
        ("s1", "bob", "", SHARE_ROLE_EDITOR, "Bob", "bob@example.org"),
        ("s2", "", "team", SHARE_ROLE_VIEWER, "Team", ""),
    ]
    assert await people.read(lambda tx: shares.count(tx, "c")) == 2
    assert await people.write(lambda tx: shares.delete(tx, "s1"))
    assert not await people.write(lambda tx: shares.delete(tx, "s1"))
    assert await people.read(lambda tx: shares.get(tx, "s1")) is None


@pytest.mark.parametrize("wrong", [{"account_id": "nobody"}, {"group_id": "none"}])
async def test_a_share_with_nobody_is_refused(people: Database, wrong: dict[str, Any]) -> None:
    with pytest.raises(NotFoundError):
        await put(people, share("s", **wrong))


async def test_the_most_of_what_is_given_by_name_and_through_groups_counts(people: Database) -> None:
    await put(people, share("s1", account_id="bob"), share("s2", group_id="team", role=SHARE_ROLE_EDITOR))
    for name in ("bob", "cid"):
        found = await people.read(lambda tx, name=name: shares.access(tx, name, "c"))
        assert found == shares.Access("ann", "Ann", SHARE_ROLE_EDITOR)
    assert await people.read(lambda tx: shares.access(tx, "ann", "c")) is None
    who = await people.read(lambda tx: shares.audience(tx, "c"))
    assert (dict(who.roles), who.owner_name) == ({"bob": SHARE_ROLE_EDITOR, "cid": SHARE_ROLE_EDITOR}, "Ann")


async def test_what_is_over_counts_for_nothing(people: Database) -> None:
    await put(people, ending(share("s1", account_id="bob"), -1), ending(share("s2", account_id="cid"), HOUR))
    assert await people.read(lambda tx: shares.access(tx, "bob", "c")) is None
    assert list((await people.read(lambda tx: shares.audience(tx, "c"))).roles) == ["cid"]
    assert [s.id for s in await people.read(lambda tx: shares.of_conversation(tx, "c"))] == ["s2"]
    assert await people.read(lambda tx: shares.page(tx, "bob", query="", limit=9, before=None)) == []
    assert [s.id for s in await people.read(lambda tx: shares.over(tx, 9))] == ["s1"]
    soonest = await people.read(shares.next_end)
    assert soonest is not None
    assert soonest < now_us()


async def test_a_deleted_conversation_is_nobodys_but_its_owners(people: Database) -> None:
    await put(people, share("s1", account_id="bob"))

    async def delete(tx: Tx) -> None:
        c = await conversations.get(tx, "ann", "c")
        assert c is not None
        c.delete_time.CopyFrom(timestamp_of(9_000))
        await conversations.update(tx, "ann", c)

    await people.write(delete)
    assert await people.read(lambda tx: shares.access(tx, "bob", "c")) is None


async def test_a_link_opens_its_conversation_by_the_hash_of_its_token(people: Database) -> None:
    await people.write(lambda tx: shares.put(tx, share("s1"), b"hash"))
    assert await people.read(lambda tx: shares.by_token(tx, b"hash")) == ("c", "ann")
    assert await people.read(lambda tx: shares.by_token(tx, b"other")) is None
    (listed,) = await people.read(lambda tx: shares.of_conversation(tx, "c"))
    assert listed.link
    assert await people.read(lambda tx: shares.recipients(tx, listed)) == []
    assert await people.read(lambda tx: shares.audience(tx, "c")) == shares.NOBODY


async def test_pages_of_what_is_shared_have_the_order_of_ones_own(people: Database) -> None:
    times = [3_000, 1_000, 2_000, 2_000, 2_000]

    async def fill(tx: Tx) -> None:
        for number, at in enumerate(times):
            await conversations.insert(tx, "ann", conversation(f"c{number}", "100%" if number % 2 else "x", at=at))
            await shares.put(tx, share(f"n{number}", within=f"c{number}", account_id="bob"))
            await shares.put(tx, share(f"g{number}", within=f"c{number}", group_id="team", role=SHARE_ROLE_EDITOR))

    await people.write(fill)
    seen: list[tuple[int, str]] = []
    while True:
        before = seen[-1] if seen else None
        rows = await people.read(lambda tx, before=before: shares.page(tx, "bob", query="", limit=2, before=before))
        if not rows:
            break
        assert all((c.access, c.owner_name) == (SHARE_ROLE_EDITOR, "Ann") for c in rows)
        seen += [(us_of(c.update_time), c.id) for c in rows]
    assert seen == sorted(((at, f"c{number}") for number, at in enumerate(times)), reverse=True)
    found = await people.read(lambda tx: shares.page(tx, "cid", query="0%", limit=9, before=None))
    assert [c.id for c in found] == ["c3", "c1"]
    assert await people.read(lambda tx: shares.page(tx, "ann", query="", limit=9, before=None)) == []


async def test_what_is_filled_in_for_a_reader_is_not_stored(db: Database) -> None:
    made = await have_conversation(db)
    shown = shares.show(Conversation.FromString(made.SerializeToString()), SHARE_ROLE_EDITOR, "Ann")
    await db.write(lambda tx: conversations.update(tx, OWNER, shown))
    read = await db.read(lambda tx: conversations.get(tx, OWNER, "c"))
    assert read is not None
    assert (read.access, read.owner_name) == (0, "")


async def test_who_comes_into_a_group_or_leaves_it_is_told(people: Database) -> None:
    await put(people, share("s1", group_id="team"), share("s2", account_id="cid"))

    async def moves(tx: Tx) -> None:
        await groups.remove_members(tx, "team", ["bob", "cid"])
        await groups.add_members(tx, "team", ["ann", "bob", "cid"])
        await groups.add_members(tx, "team", ["bob"])
        await groups.delete(tx, "team")

    await people.write(moves)
    assert await people.read(lambda tx: account_events.read(tx, "ann", 0, 9)) == [], "it is hers whatever comes"
    told = await people.read(lambda tx: account_events.read(tx, "cid", 0, 9))
    assert [event.WhichOneof("kind") for _, event in told] == ["conversation_created"], "by name they keep it"
    events = [event for _, event in await people.read(lambda tx: account_events.read(tx, "bob", 0, 9))]
    assert [event.WhichOneof("kind") for event in events] == [
        "conversation_deleted",
        "conversation_created",
        "conversation_deleted",
    ]
    assert (events[1].conversation_created.owner_name, events[2].conversation_deleted) == ("Ann", "c")


async def test_running_answers_of_what_is_shared_are_the_accounts_too(people: Database) -> None:
    stored = generation("g1")
    theirs = generations.StoredGeneration(stored.record, "ann", stored.fingerprint, 0, stop_requested=False)
    await people.write(lambda tx: generations.insert(tx, theirs, LEASE))
    assert await people.read(lambda tx: generations.running_for(tx, "bob")) == []
    await put(people, share("s1", group_id="team"), share("s2", account_id="bob"))
    for name in ("ann", "bob", "cid"):
        (found,) = await people.read(lambda tx, name=name: generations.running_for(tx, name))
        assert (found.record.id, found.owner) == ("g1", "ann")
    assert await people.write(lambda tx: generations.end(tx, ended(theirs.record, 1, 5_000)))
    assert await people.read(lambda tx: generations.running_for(tx, "bob")) == []


async def test_the_list_of_ones_own_stays_a_walk_along_its_index(people: Database) -> None:
    """The plan, where the database tells it: SQLite."""
    if people.dialect != "sqlite":
        return
    rows = await people.read(
        lambda tx: tx.fetch(
            "EXPLAIN QUERY PLAN SELECT revision, record FROM conversations WHERE owner = $1 AND delete_time IS NULL"
            " AND (update_time, id) < ($2, $3) ORDER BY update_time DESC, id DESC LIMIT $4",
            "ann",
            1,
            "x",
            50,
        )
    )
    plan = " ".join(str(row[-1]) for row in rows)
    assert "ix_conversations_live" in plan
    assert "TEMP B-TREE" not in plan


async def test_what_was_shared_with_a_deleted_group_alone_is_shared_no_more(people: Database) -> None:
    async def body(tx: Tx) -> None:
        await conversations.insert(tx, "ann", Conversation(id="both", shared=True))
        c = await conversations.get(tx, "ann", "c")
        assert c is not None
        c.shared = True
        await conversations.update(tx, "ann", c)
        for name in ("c", "both"):
            await shares.put(tx, share(f"g{name}", within=name, group_id="team"))
        await shares.put(tx, share("n", within="both", account_id="bob"))
        await groups.delete(tx, "team")

    await people.write(body)
    left = {name: await people.read(lambda tx, name=name: conversations.get(tx, "ann", name)) for name in ("c", "both")}
    assert {name: found is not None and found.shared for name, found in left.items()} == {"c": False, "both": True}
    assert await people.read(lambda tx: shares.shared_among(tx, ["c", "both", "x"])) == {"both"}


async def test_what_goes_with_an_account_is_what_it_shared_and_what_it_was_given(people: Database) -> None:
    await people.write(lambda tx: conversations.insert(tx, "bob", conversation("his")))
    await put(people, share("given", account_id="bob"), share("made", within="his", account_id="cid"))
    found = await people.read(lambda tx: shares.of_account(tx, "bob"))
    assert sorted(item.id for item in found) == ["given", "made"]

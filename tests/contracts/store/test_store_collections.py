"""Collections and who has access to them, on both databases."""

from __future__ import annotations

import pytest

from fireside.core.errors import AbortedError, AlreadyExistsError, NotFoundError
from fireside.gen.v1.collection_pb2 import Collection
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_FAILED, DOCUMENT_STATE_READY, Document
from fireside.gen.v1.share_pb2 import SHARE_ROLE_EDITOR, SHARE_ROLE_OWNER
from fireside.store import account_events, collection_shares, collections, documents, groups
from fireside.store.collections import CollectionAccess
from fireside.store.db import Database
from fireside.store.tx import Tx
from tests.documents import have_collection, have_document, have_people, share


@pytest.fixture
async def people(db: Database) -> Database:
    """Ann owns `c`; Bob and Cid are a team."""

    async def body(tx: Tx) -> None:
        await have_people(tx, "ann", "bob", "cid")
        await have_collection(tx)

    await db.write(body)
    return db


async def told(db: Database, who: str) -> list[tuple[str, str]]:
    """What somebody's feed has of collections: the kind and the collection's id."""
    events = await db.read(lambda tx: account_events.read(tx, who, 0, 100))
    kinds = [(event.WhichOneof("kind") or "", event) for _, event in events]
    return [
        (kind.removeprefix("collection_"), event.collection_changed.id or event.collection_removed)
        for kind, event in kinds
    ]


async def listed(db: Database, who: str, query: str = "") -> list[Collection]:
    return await db.read(lambda tx: collections.page(tx, who, query=query, limit=100, after=None))


async def test_a_collection_is_there_as_it_was_made(people: Database) -> None:
    found = await people.read(lambda tx: collections.get(tx, "c"))
    assert found is not None
    assert (found.name, found.description, found.owner_id, found.access, found.shared, found.etag) == (
        "C", "All of it", "ann", SHARE_ROLE_OWNER, False, "r1",
    )  # fmt: skip
    assert found.HasField("create_time")
    assert found.HasField("update_time")
    assert await people.read(lambda tx: collections.get(tx, "d")) is None


async def test_an_owner_has_one_of_a_name_whatever_its_case(people: Database) -> None:
    with pytest.raises(AlreadyExistsError):
        await people.write(lambda tx: collections.insert(tx, Collection(id="d", name="c", owner_id="ann")))
    await people.write(lambda tx: collections.insert(tx, Collection(id="d", name="c", owner_id="bob")))
    found = await people.read(lambda tx: collections.named(tx, "ann", "C"))
    assert found is not None
    assert found.id == "c"


async def test_a_stale_etag_changes_nothing(people: Database) -> None:
    renamed = await people.write(
        lambda tx: collections.update(tx, Collection(id="c", name="New", owner_id="ann", etag="r1"))
    )
    assert (renamed.name, renamed.etag) == ("New", "r2")
    with pytest.raises(AbortedError):
        await people.write(lambda tx: collections.update(tx, Collection(id="c", name="Late", etag="r1")))
    with pytest.raises(NotFoundError):
        await people.write(lambda tx: collections.update(tx, Collection(id="x", name="Nowhere")))


async def test_nobody_else_has_it(people: Database) -> None:
    assert await people.read(lambda tx: collections.access(tx, "ann", "c")) == CollectionAccess("ann", SHARE_ROLE_OWNER)
    assert await people.read(lambda tx: collections.access(tx, "bob", "c")) is None
    assert await people.read(lambda tx: collections.access(tx, "ann", "x")) is None
    assert await listed(people, "bob") == []


async def test_the_widest_share_counts(people: Database) -> None:
    async def body(tx: Tx) -> None:
        await share(tx, account_id="bob")
        await share(tx, role=SHARE_ROLE_EDITOR, group_id="team")

    await people.write(body)
    assert await people.read(lambda tx: collections.access(tx, "bob", "c")) == CollectionAccess(
        "ann", SHARE_ROLE_EDITOR, "Ann"
    )
    (seen,) = await listed(people, "cid")
    assert (seen.access, seen.owner_name, seen.shared) == (SHARE_ROLE_EDITOR, "Ann", True)
    assert await people.read(lambda tx: collection_shares.audience(tx, "c")) == {
        "ann": SHARE_ROLE_OWNER,
        "bob": SHARE_ROLE_EDITOR,
        "cid": SHARE_ROLE_EDITOR,
    }


async def test_sharing_again_changes_the_role(people: Database) -> None:
    async def body(tx: Tx) -> list[str]:
        first = await share(tx, account_id="bob")
        second = await share(tx, role=SHARE_ROLE_EDITOR, account_id="bob")
        assert second.id == first.id
        return [item.name for item in await collection_shares.of_collection(tx, "c")]

    assert await people.write(body) == ["Bob"]
    assert await people.read(lambda tx: collection_shares.count(tx, "c")) == 1


async def test_pages_are_by_name_and_a_query_is_a_part_of_it(people: Database) -> None:
    async def body(tx: Tx) -> None:
        for name in ("beta", "Alpha", "100%"):
            await collections.insert(tx, Collection(id=name.lower(), name=name, owner_id="ann"))
        await have_collection(tx, "other", "bob")
        await share(tx, "other", account_id="ann")

    await people.write(body)
    assert [item.name for item in await listed(people, "ann")] == ["100%", "Alpha", "beta", "C", "Other"]
    assert [item.name for item in await listed(people, "ann", "LPH")] == ["Alpha"]
    assert [item.name for item in await listed(people, "ann", "0%")] == ["100%"]
    after = await people.read(lambda tx: collections.page(tx, "ann", query="", limit=2, after=("alpha", "alpha")))
    assert [item.name for item in after] == ["beta", "C"]


async def test_what_is_in_it_is_counted(people: Database) -> None:
    async def body(tx: Tx) -> None:
        for number, state in enumerate((DOCUMENT_STATE_READY, DOCUMENT_STATE_FAILED, None)):
            made = await have_document(tx, f"{number}.txt")

            def alter(document: Document, state: object = state) -> None:
                if state is not None:
                    document.state = state  # type: ignore[assignment]

            await documents.change(tx, made.id, alter)
        # Another version, whose file is kept besides.
        await have_document(tx, "0.txt")

    await people.write(body)

    async def counted(tx: Tx) -> Collection:
        found = await collections.page(tx, "ann", query="", limit=10, after=None)
        await collections.count_into(tx, found)
        return found[0]

    found = await people.read(counted)
    assert (found.document_count, found.size_bytes, found.pending_count, found.failed_count) == (3, 40, 2, 1)


async def test_those_who_come_into_a_group_and_go_are_told(people: Database) -> None:
    await people.write(lambda tx: share(tx, group_id="team"))
    await people.write(lambda tx: groups.remove_members(tx, "team", ["bob"]))
    assert await told(people, "bob") == [("removed", "c")]
    await people.write(lambda tx: groups.add_members(tx, "team", ["bob"]))
    assert await told(people, "bob") == [("removed", "c"), ("changed", "c")]
    await people.write(lambda tx: share(tx, account_id="cid"))
    await people.write(lambda tx: groups.delete(tx, "team"))
    # Cid has it by name still.
    assert await told(people, "cid") == [("changed", "c")]
    assert await told(people, "bob") == [("removed", "c"), ("changed", "c"), ("removed", "c")]
    (own,) = await listed(people, "ann")
    assert own.shared


async def test_a_share_ends_and_goes_with_the_collection(people: Database) -> None:
    made = await people.write(lambda tx: share(tx, account_id="bob"))
    assert await people.read(lambda tx: collection_shares.get(tx, made.id)) == made
    assert await people.write(lambda tx: collection_shares.delete(tx, made.id))
    assert not await people.write(lambda tx: collection_shares.delete(tx, made.id))
    assert await people.read(lambda tx: collections.access(tx, "bob", "c")) is None
    again = await people.write(lambda tx: share(tx, account_id="bob"))
    assert await people.write(lambda tx: collections.delete(tx, "c"))
    assert await people.read(lambda tx: collection_shares.get(tx, again.id)) is None
    with pytest.raises(NotFoundError):
        await people.write(lambda tx: share(tx, account_id="bob"))
    with pytest.raises(NotFoundError):
        await people.write(lambda tx: collections.next_change(tx, "c"))

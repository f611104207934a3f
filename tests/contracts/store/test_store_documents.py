"""Documents, their versions and what is left of them, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from fireside.core.clock import now_us
from fireside.core.errors import NotFoundError
from fireside.gen.v1.document_pb2 import (
    DOCUMENT_STATE_DELETED,
    DOCUMENT_STATE_EXTRACTING,
    DOCUMENT_STATE_FAILED,
    DOCUMENT_STATE_READY,
    DOCUMENT_STATE_UPLOADED,
    Document,
)
from fireside.store import accounts, collections, document_removal, documents, files, jobs, passages
from fireside.store.db import Database
from fireside.store.document_removal import KEPT_VERSIONS
from fireside.store.tx import Tx
from tests.documents import counts, have_collection, have_document, have_file, have_passages, have_people, share

NOTHING = {
    "documents": 0, "document_versions": 0, "files": 0, "chunks": 0, "chunk_text": 0, "chunk_vectors": 0,
}  # fmt: skip


@pytest.fixture
async def people(db: Database) -> Database:
    """Ann owns `c`; Bob and Cid are a team."""

    async def body(tx: Tx) -> None:
        await have_people(tx, "ann", "bob", "cid")
        await have_collection(tx)

    await db.write(body)
    return db


async def arrived(db: Database, name: str = "plan.txt", **where: str) -> Document:
    return await db.write(lambda tx: have_document(tx, name, **where))


async def ready(db: Database, document: Document, texts: list[str] | None = None) -> Document:
    def alter(changed: Document) -> None:
        changed.state, changed.ready_version = DOCUMENT_STATE_READY, changed.version

    async def body(tx: Tx) -> Document | None:
        await have_passages(tx, document, texts or ["one", "two"])
        return await documents.change(tx, document.id, alter)

    changed = await db.write(body)
    assert changed is not None
    return changed


async def purge(db: Database) -> None:
    for document_id in await db.read(lambda tx: document_removal.to_purge(tx, 100)):
        while await db.write(lambda tx, name=document_id: document_removal.purge_passages(tx, name, 1)):
            pass
        await db.write(lambda tx, name=document_id: document_removal.purge(tx, name))
    assert await db.read(lambda tx: document_removal.to_purge(tx, 100)) == []


async def test_a_file_that_comes_is_a_document_and_a_job(people: Database) -> None:
    made = await arrived(people, folder="a/b")
    found = await people.read(lambda tx: documents.get(tx, made.id))
    assert found == made
    assert (made.state, made.version, made.ready_version, made.folder, made.change_seq, made.owner_id) == (
        DOCUMENT_STATE_UPLOADED, 1, 0, "a/b", 1, "ann",
    )  # fmt: skip
    job = await people.read(lambda tx: jobs.get(tx, jobs.INGEST, made.id))
    assert job is not None
    assert job.lane == "c"
    assert await people.read(lambda tx: documents.of_files(tx, [made.file_id])) == {made.file_id: made}
    assert await people.read(lambda tx: documents.find(tx, [made.id, "x"])) == {made.id: made}


async def test_the_next_file_in_its_place_is_a_version(people: Database) -> None:
    first = await ready(people, await arrived(people))
    second = await arrived(people)
    assert (second.id, second.version, second.ready_version, second.state) == (
        first.id, 2, 1, DOCUMENT_STATE_UPLOADED,
    )  # fmt: skip
    assert second.create_time == first.create_time
    other = await arrived(people, folder="elsewhere")
    assert other.id != first.id
    listed = await people.read(lambda tx: documents.versions(tx, first.id))
    assert [(item.version, item.author_name) for item in listed] == [(2, "Ann"), (1, "Ann")]
    assert await people.read(lambda tx: documents.file_of(tx, first.id, 1)) == first.file_id
    assert await people.read(lambda tx: documents.file_of(tx, first.id, 3)) == ""


async def test_two_that_come_at_once_are_two_versions(people: Database) -> None:
    made = await asyncio.gather(*(arrived(people) for _ in range(4)))
    assert len({item.id for item in made}) == 1
    assert sorted(item.version for item in made) == [1, 2, 3, 4]
    assert sorted(item.change_seq for item in made) == [1, 2, 3, 4]


async def test_what_comes_into_a_collection_is_its_owners(people: Database) -> None:
    made = await arrived(people, owner="bob")
    assert made.owner_id == "ann"
    await people.write(lambda tx: document_removal.hand_over_files(tx, "bob"))
    await people.write(lambda tx: accounts.delete(tx, "bob"))
    stored = await people.read(lambda tx: files.find(tx, made.file_id))
    assert stored is not None
    assert stored.owner == "ann"


async def test_nothing_comes_into_a_collection_that_is_gone(people: Database) -> None:
    with pytest.raises(NotFoundError):
        await arrived(people, collection_id="gone")
    assert (await counts(people))["files"] == 0


async def test_attachments_have_no_place(people: Database) -> None:
    first, second = await arrived(people, collection_id=""), await arrived(people, collection_id="")
    assert first.id != second.id
    changed = await people.write(lambda tx: documents.change(tx, first.id, lambda _: None))
    assert changed is not None
    assert changed.change_seq == first.change_seq + 1


async def test_changes_come_once_in_order(people: Database) -> None:
    one, two = await arrived(people, "1.txt"), await arrived(people, "2.txt")

    def extracting(document: Document) -> None:
        document.state, document.done, document.total = DOCUMENT_STATE_EXTRACTING, 1, 7

    changed = await people.write(lambda tx: documents.change(tx, one.id, extracting))
    assert changed is not None
    assert (changed.state, changed.done, changed.total, changed.change_seq) == (DOCUMENT_STATE_EXTRACTING, 1, 7, 3)
    assert await people.read(lambda tx: documents.changes(tx, "c", 0, 10)) == [two, changed]
    assert await people.read(lambda tx: documents.changes(tx, "c", 2, 10)) == [changed]
    assert await people.read(lambda tx: documents.changes(tx, "c", 0, 1)) == [two]
    assert await people.read(lambda tx: collections.change_seq(tx, "c")) == 3
    await people.write(lambda tx: document_removal.delete(tx, two.id))
    gone = (await people.read(lambda tx: documents.changes(tx, "c", 3, 10)))[0]
    assert (gone.id, gone.state, gone.name, gone.collection_id) == (two.id, DOCUMENT_STATE_DELETED, "", "c")
    assert await people.write(lambda tx: documents.change(tx, two.id, extracting)) is None


async def test_pages_are_by_folder_and_name(people: Database) -> None:
    for folder, name in (("b", "1.txt"), ("", "z.txt"), ("a", "Straße.txt"), ("a", "x_1.txt")):
        await arrived(people, name, folder=folder)

    async def names(
        query: str = "", after: str | None = None, limit: int = 10, states: tuple[int, ...] = ()
    ) -> list[str]:
        found = await people.read(
            lambda tx: documents.page(tx, "c", query=query, states=states, limit=limit, after=after)
        )
        return [place for place, _ in found]

    assert await names() == ["/z.txt", "a/Straße.txt", "a/x_1.txt", "b/1.txt"]
    assert await names(limit=2, after="/z.txt") == ["a/Straße.txt", "a/x_1.txt"]
    assert await names("STRASSE") == ["a/Straße.txt"]
    assert await names("X_") == ["a/x_1.txt"]
    assert await names("txt", limit=1, after="a/x_1.txt") == ["b/1.txt"]
    assert await names(states=(DOCUMENT_STATE_READY,)) == []
    assert len(await names(states=(DOCUMENT_STATE_READY, DOCUMENT_STATE_UPLOADED))) == 4


async def test_a_deleted_document_leaves_nothing_but_that_it_is_gone(people: Database) -> None:
    kept = await ready(people, await arrived(people, "kept.txt"))
    before = await counts(people)
    made = await ready(people, await arrived(people))
    again = await arrived(people)
    await people.write(lambda tx: have_passages(tx, again, ["half"]))
    assert await people.write(lambda tx: document_removal.delete(tx, made.id))
    assert not await people.write(lambda tx: document_removal.delete(tx, made.id))
    assert await people.read(lambda tx: documents.get(tx, made.id)) is None
    assert await people.read(lambda tx: documents.at_place(tx, "c", "", "plan.txt")) is None
    assert await people.read(lambda tx: jobs.get(tx, jobs.INGEST, made.id)) is None
    await purge(people)
    # Blobs are swept by files/; the job is the one that looks again whether all is gone.
    assert await counts(people) == before | {
        "documents": before["documents"] + 1, "blobs": before["blobs"] + 2, "jobs": before["jobs"] + 1,
    }  # fmt: skip
    assert await people.read(lambda tx: passages.count(tx, kept.id, 1)) == 2
    assert await people.write(lambda tx: document_removal.prune(tx, now_us() - 1_000_000_000, 10)) == 0
    assert await people.write(lambda tx: document_removal.prune(tx, now_us() + 1, 10)) == 1
    assert (await counts(people))["documents"] == before["documents"]
    assert (await arrived(people)).id != made.id


async def test_a_deleted_attachment_leaves_nothing(people: Database) -> None:
    made = await ready(people, await arrived(people, collection_id=""))
    await people.write(lambda tx: document_removal.delete(tx, made.id))
    await purge(people)
    found = await counts(people)
    assert {table: found[table] for table in NOTHING} == NOTHING


async def test_a_deleted_collection_leaves_nothing(people: Database) -> None:
    await ready(people, await arrived(people, "1.txt"))
    await arrived(people, "2.txt")
    other = await ready(people, await arrived(people, "3.txt", collection_id=""))

    async def body(tx: Tx) -> None:
        await document_removal.delete_all(tx, "c")
        await collections.delete(tx, "c")

    await people.write(body)
    await purge(people)
    found = await counts(people)
    assert {table: found[table] for table in NOTHING} == {
        "documents": 1, "document_versions": 1, "files": 1, "chunks": 2, "chunk_text": 2, "chunk_vectors": 2,
    }  # fmt: skip
    assert await people.read(lambda tx: documents.get(tx, other.id)) is not None


async def test_an_account_that_goes_takes_its_attachments(people: Database) -> None:
    made = await arrived(people, collection_id="")
    await people.write(lambda tx: document_removal.delete_attachments(tx, "ann"))
    await purge(people)
    assert (await counts(people))["documents"] == 0
    assert await people.read(lambda tx: jobs.get(tx, jobs.INGEST, made.id)) is None


async def test_an_attachment_whose_file_was_swept_is_an_orphan(people: Database) -> None:
    made = await arrived(people, collection_id="")
    assert await people.read(lambda tx: document_removal.orphans(tx, 10)) == []
    await people.write(lambda tx: files.delete(tx, made.file_id))
    assert await people.read(lambda tx: document_removal.orphans(tx, 10)) == [made.id]


async def test_the_newest_versions_are_kept(people: Database) -> None:
    made = [await arrived(people) for _ in range(KEPT_VERSIONS + 2)]
    named = made[0].file_id

    async def attach(tx: Tx) -> None:
        await tx.execute(
            "INSERT INTO conversations (id, owner, title_folded, update_time, revision, record)"
            " VALUES ('talk', 'ann', '', 1, 1, $1)",
            b"",
        )
        await files.attach(tx, "talk", [named])

    await people.write(attach)
    released = await people.write(lambda tx: document_removal.release_old(tx, made[0].id, made[-1].version))
    assert released == [made[1].file_id]
    listed = await people.read(lambda tx: documents.versions(tx, made[0].id))
    assert [item.version for item in listed] == list(range(12, 2, -1))
    # A message names it: the file stays, as what it is there.
    assert await people.read(lambda tx: files.find(tx, named)) is not None


async def test_reading_again_is_another_version_of_the_same_file(people: Database) -> None:
    made = await ready(people, await arrived(people))

    def fail(document: Document) -> None:
        document.state = DOCUMENT_STATE_FAILED
        document.failure.reason = "BAD"

    await people.write(lambda tx: documents.change(tx, made.id, fail))
    again = await people.write(lambda tx: documents.again(tx, made.id))
    assert again is not None
    assert (again.version, again.ready_version, again.state, again.HasField("failure"), again.file_id) == (
        2, 1, DOCUMENT_STATE_UPLOADED, False, made.file_id,
    )  # fmt: skip
    (version,) = await people.read(lambda tx: documents.versions(tx, made.id))
    assert (version.version, version.file_id, version.author_name) == (2, made.file_id, "Ann")
    assert await people.write(lambda tx: documents.again(tx, "gone")) is None


async def test_an_attachment_is_told_to_those_who_may_read_it(people: Database) -> None:
    made = await arrived(people, collection_id="")
    assert await people.read(lambda tx: documents.readers(tx, made)) == {"ann"}

    async def attach(tx: Tx) -> None:
        await tx.execute(
            "INSERT INTO conversations (id, owner, title_folded, update_time, revision, record)"
            " VALUES ('talk', 'bob', '', 1, 1, $1)",
            b"",
        )
        await files.attach(tx, "talk", [made.file_id])

    await people.write(attach)
    assert await people.read(lambda tx: documents.readers(tx, made)) == {"ann", "bob"}


async def test_files_of_nobody_stay_out_of_collections(people: Database) -> None:
    await people.write(lambda tx: share(tx, account_id="bob"))
    file = await people.write(lambda tx: have_file(tx, owner="cid"))
    assert await people.read(lambda tx: files.readable(tx, "bob", file.id)) is None
    await people.write(lambda tx: documents.arrived(tx, "cid", file, collection_id="c"))
    assert await people.read(lambda tx: files.readable(tx, "bob", file.id)) is not None

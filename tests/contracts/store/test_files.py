"""Files on both databases: who may read them, what may be deleted, and what is swept, with several sweepers at work."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.core.clock import now_us
from fireside.core.errors import FailedPreconditionError, FiresideError, NotFoundError
from fireside.core.ids import new_id
from fireside.core.principal import Principal
from fireside.files.finish import Finished
from fireside.files.options import Options
from fireside.files.sweeper import free
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_DELETED
from fireside.gen.v1.file_pb2 import File, Upload
from fireside.gen.v1.share_pb2 import SHARE_ROLE_VIEWER, Share
from fireside.store import accounts, conversations, document_removal, documents, files, groups, shares
from fireside.store.db import Database
from fireside.store.files import StoredFile
from fireside.store.records import timestamp_of
from fireside.store.tx import Tx
from tests.files_rig import MIB, FilesRig, noise, open_files_rig, spec_of
from tests.shared_rig import ANN, BOB, CID, TEAM, have_people
from tests.store_rows import conversation

DAY_US = 86_400_000_000


@pytest.fixture
async def rig(db: Database, tmp_path: Path) -> AsyncIterator[FilesRig]:
    await have_people(db)
    async with open_files_rig(db, tmp_path / "blobs") as rig:
        yield rig


async def may_read(rig: FilesRig, who: Principal, file_id: str) -> bool:
    try:
        await rig.downloads.open(who, file_id)
    except NotFoundError:
        return False
    return True


async def readers(rig: FilesRig, file_id: str) -> list[str]:
    return [who.id for who in (ANN, BOB, CID) if await may_read(rig, who, file_id)]


async def share_collection(
    rig: FilesRig, collection_id: str, *, account: str | None = None, group: str | None = None
) -> None:
    async def body(tx: Tx) -> None:
        await tx.execute(
            "INSERT INTO collection_shares (id, collection_id, account_id, group_id, role, create_time)"
            " VALUES ($1, $2, $3, $4, $5, 0)",
            new_id(), collection_id, account, group, int(SHARE_ROLE_VIEWER),
        )  # fmt: skip

    await rig.db.write(body)


async def have_shared_conversation(
    rig: FilesRig, name: str, owner: Principal, whom: str = "", end_us: int | None = None
) -> None:
    async def body(tx: Tx) -> None:
        await conversations.insert(tx, owner.id, conversation(name))
        if whom:
            share = Share(id=new_id(), conversation_id=name, role=SHARE_ROLE_VIEWER, create_time=timestamp_of(1))
            if whom == TEAM:
                share.group_id = TEAM
            else:
                share.account_id = whom
            if end_us is not None:
                share.expire_time.CopyFrom(timestamp_of(end_us))
            await shares.put(tx, share)

    await rig.db.write(body)


async def test_a_file_is_its_owners_alone(rig: FilesRig) -> None:
    file_id = (await rig.bring(b"mine")).file.id
    assert await readers(rig, file_id) == ["ann"]
    with pytest.raises(NotFoundError):
        await rig.downloads.delete(BOB, file_id)


async def test_a_file_of_a_collection_is_for_those_who_have_it(rig: FilesRig) -> None:
    collection_id = await rig.collection(ANN)
    file_id = (await rig.bring(b"ours", collection_id=collection_id)).file.id
    assert await readers(rig, file_id) == ["ann"]
    await share_collection(rig, collection_id, account="bob")
    assert await readers(rig, file_id) == ["ann", "bob"]
    await share_collection(rig, collection_id, group=TEAM)
    await rig.db.write(lambda tx: groups.add_members(tx, TEAM, ["cid"]))
    assert await readers(rig, file_id) == ["ann", "bob", "cid"]
    await rig.db.write(lambda tx: groups.remove_members(tx, TEAM, ["cid"]))
    assert await readers(rig, file_id) == ["ann", "bob"]
    # One that was brought by somebody else is the collection's owner's to read, too.
    document_id = (await rig.downloads.open(ANN, file_id)).file.document_id
    await rig.db.write(lambda tx: document_removal.delete(tx, document_id))
    assert await readers(rig, file_id) == ["ann"]


async def test_a_file_in_a_conversation_is_for_those_who_may_read_that(rig: FilesRig) -> None:
    file_id = (await rig.bring(b"look at this")).file.id
    await have_shared_conversation(rig, "of-bob", BOB)
    await rig.db.write(lambda tx: files.attach(tx, "of-bob", [file_id, file_id]))
    await rig.db.write(lambda tx: files.attach(tx, "of-bob", [file_id]))
    assert await readers(rig, file_id) == ["ann", "bob"]
    await have_shared_conversation(rig, "for-cid", ANN, "cid")
    await rig.db.write(lambda tx: files.attach(tx, "for-cid", [file_id]))
    assert await readers(rig, file_id) == ["ann", "bob", "cid"]

    async def forget(tx: Tx) -> None:
        for name, owner in (("of-bob", "bob"), ("for-cid", "ann")):
            found = await conversations.get(tx, owner, name)
            assert found is not None
            found.delete_time.CopyFrom(timestamp_of(5))
            await conversations.update(tx, owner, found)

    await rig.db.write(forget)
    assert await readers(rig, file_id) == ["ann"]


async def test_a_share_that_is_over_opens_nothing(rig: FilesRig) -> None:
    file_id = (await rig.bring(b"for a while")).file.id
    await have_shared_conversation(rig, "ended", ANN, "bob", end_us=now_us() - 1)
    await have_shared_conversation(rig, "going-on", ANN, TEAM, end_us=now_us() + DAY_US)
    for name in ("ended", "going-on"):
        await rig.db.write(lambda tx, name=name: files.attach(tx, name, [file_id]))
    assert await readers(rig, file_id) == ["ann"]
    await rig.db.write(lambda tx: groups.add_members(tx, TEAM, ["cid"]))
    assert await readers(rig, file_id) == ["ann", "cid"]


async def test_bytes_that_one_may_read_can_be_had_without_sending(rig: FilesRig) -> None:
    data = noise(3000)
    digest = hashlib.sha256(data).digest()
    collection_id = await rig.collection(ANN)
    await rig.bring(data, collection_id=collection_id)
    assert isinstance(await rig.uploads.create(BOB, spec_of(3000, sha256=digest)), Upload)
    await share_collection(rig, collection_id, account="bob")
    copied = await rig.uploads.create(BOB, spec_of(3000, sha256=digest))
    assert isinstance(copied, Finished)
    assert await readers(rig, copied.file.id) == ["bob"]
    assert await rig.rows("blobs") == 2  # that of the copy, and that of the upload which was begun in vain


async def test_a_file_that_is_used_cannot_be_deleted(rig: FilesRig) -> None:
    in_message = (await rig.bring(b"1")).file.id
    await have_shared_conversation(rig, "c", ANN)
    await rig.db.write(lambda tx: files.attach(tx, "c", [in_message]))
    in_collection = (await rig.bring(b"2", collection_id=await rig.collection(ANN))).file.id
    for file_id in (in_message, in_collection):
        with pytest.raises(FailedPreconditionError) as refused:
            await rig.downloads.delete(ANN, file_id)
        assert refused.value.reason == "FILE_IN_USE"
        assert await rig.read(file_id)


async def test_a_deleted_file_is_gone_with_its_bytes(rig: FilesRig) -> None:
    finished = await rig.bring(noise(MIB))
    await rig.downloads.delete(ANN, finished.file.id)
    assert not await may_read(rig, ANN, finished.file.id)
    assert await rig.db.read(lambda tx: documents.get(tx, finished.file.document_id)) is None
    assert (await rig.rows("blobs"), await rig.rows("files"), rig.kept()) == (0, 0, [])
    with pytest.raises(NotFoundError):
        await rig.downloads.delete(ANN, finished.file.id)


async def expire(rig: FilesRig, upload_id: str) -> None:
    async def body(tx: Tx) -> None:
        await tx.execute("UPDATE uploads SET expire_time = 1 WHERE id = $1", upload_id)

    await rig.db.write(body)


async def age(rig: FilesRig, file_id: str, by_us: int) -> None:
    async def body(tx: Tx) -> None:
        await tx.execute("UPDATE files SET create_time = create_time - $2 WHERE id = $1", file_id, by_us)

    await rig.db.write(body)


async def test_an_abandoned_upload_is_swept_and_one_that_is_written_is_not(rig: FilesRig) -> None:
    left, written = await rig.begin(2 * MIB), await rig.begin(2 * MIB)
    await rig.send(left, noise(MIB))
    await rig.send(written, noise(MIB))
    async with rig.uploads.writing(ANN, written.id) as writer:
        for upload in (left, written):
            await expire(rig, upload.id)
        await rig.sweeper.sweep()
        assert await rig.rows("uploads") == 1
        await writer.write(MIB, noise(MIB))
    assert (await rig.rows("blobs"), len(rig.kept())) == (1, 1)
    # Whoever goes on has it kept again.
    async with rig.uploads.writing(ANN, written.id):
        pass
    await rig.sweeper.sweep()
    assert (await rig.uploads.finish(ANN, written.id)).file.size == 2 * MIB


async def test_going_on_with_an_upload_keeps_it(rig: FilesRig) -> None:
    upload = await rig.begin(10)
    await expire(rig, upload.id)
    await rig.send(upload, b"12345")
    await rig.sweeper.sweep()
    found = await rig.uploads.get(ANN, upload.id)
    assert isinstance(found, Upload)
    assert found.expire_time.ToMicroseconds() > now_us() + DAY_US


async def test_files_that_nothing_names_are_swept_after_a_day(rig: FilesRig) -> None:
    fresh, old, named, kept = [(await rig.bring(text)).file.id for text in (b"1", b"2", b"3", b"4")]
    in_collection = (await rig.bring(b"5", collection_id=await rig.collection(ANN))).file.id
    await have_shared_conversation(rig, "c", ANN)
    await rig.db.write(lambda tx: files.attach(tx, "c", [named]))
    for file_id in (old, named, in_collection):
        await age(rig, file_id, DAY_US)
    await age(rig, kept, DAY_US - 60_000_000)
    await rig.sweeper.sweep()
    assert [
        file_id for file_id in (fresh, old, named, kept, in_collection) if not await may_read(rig, ANN, file_id)
    ] == [old]
    assert await rig.rows("documents", "state <> $1", int(DOCUMENT_STATE_DELETED)) == 4
    assert len(rig.kept()) == await rig.rows("blobs") == 4


async def test_a_file_without_a_document_is_swept_at_once(rig: FilesRig) -> None:
    finished = await rig.bring(b"abc")

    async def drop(tx: Tx) -> None:
        await document_removal.delete(tx, finished.file.document_id)
        await tx.execute("DELETE FROM document_versions")

    await rig.db.write(drop)
    await rig.sweeper.sweep()
    assert (await rig.rows("files"), await rig.rows("blobs"), rig.kept()) == (0, 0, [])


async def test_what_an_account_left_is_swept(rig: FilesRig) -> None:
    await rig.bring(b"abc", BOB)
    upload = await rig.begin(10, BOB)
    await rig.send(upload, b"12345", BOB)
    stays = await rig.bring(b"def", CID)
    await rig.db.write(lambda tx: accounts.delete(tx, "bob"))
    await rig.sweeper.sweep()
    assert (await rig.rows("blobs"), await rig.rows("uploads"), len(rig.kept())) == (1, 0, 1)
    assert await rig.read(stays.file.id, CID) == b"def"


async def test_a_blob_that_a_file_has_is_never_condemned(rig: FilesRig) -> None:
    finished = await rig.bring(b"abc")
    upload = await rig.begin(10)

    async def blobs_of(tx: Tx) -> list[str]:
        return [str(row[0]) for row in await tx.fetch("SELECT id FROM blobs")]

    blob_ids = await rig.db.read(blobs_of)
    assert await free(rig.db, rig.files.blobs, blob_ids) == 0
    assert not any([await rig.db.write(lambda tx, one=one: files.condemn(tx, one)) for one in blob_ids])
    assert await rig.read(finished.file.id) == b"abc"
    await rig.send(upload, b"12345")

    async def delete(tx: Tx) -> None:
        await tx.execute("DELETE FROM blobs")

    with pytest.raises(FiresideError):
        await rig.db.write(delete)


async def test_nothing_can_refer_to_a_condemned_blob(rig: FilesRig) -> None:
    finished = await rig.bring(b"abc")
    stored = await rig.db.read(lambda tx: files.find(tx, finished.file.id))
    assert stored is not None
    await rig.db.write(lambda tx: files.delete(tx, finished.file.id))
    assert await rig.db.write(lambda tx: files.condemn(tx, stored.blob_id))
    again = StoredFile("ann", stored.blob_id, File(id=new_id(), sha256=b"x", create_time=timestamp_of(1)))
    with pytest.raises(NotFoundError):
        await rig.db.write(lambda tx: files.insert(tx, again))


async def test_copies_and_deletions_at_once_lose_no_bytes(rig: FilesRig) -> None:
    data = noise(5000)
    digest = hashlib.sha256(data).digest()
    first = (await rig.bring(data)).file.id

    async def copy() -> str:
        made = await rig.uploads.create(ANN, spec_of(len(data), sha256=digest))
        return made.file.id if isinstance(made, Finished) else ""

    results = await asyncio.gather(
        copy(), rig.downloads.delete(ANN, first), copy(), rig.sweeper.sweep(), copy(), rig.sweeper.sweep()
    )
    for file_id in results:
        if file_id:
            assert await rig.read(file_id) == data


async def test_several_sweepers_free_each_blob_once(db: Database, tmp_path: Path) -> None:
    await have_people(db)
    async with (
        open_files_rig(db, tmp_path / "blobs", Options(keep_unused=0.0)) as one,
        open_files_rig(db, tmp_path / "blobs", Options(keep_unused=0.0)) as two,
    ):
        for number in range(8):
            await one.bring(noise(100, number))
        await asyncio.gather(*(rig.sweeper.sweep() for rig in (one, two, one, two)))
        await one.sweeper.sweep()
        assert (await one.rows("files"), await one.rows("blobs"), one.kept()) == (0, 0, [])


async def test_litter_of_blobs_that_are_no_more_is_removed(rig: FilesRig) -> None:
    upload = await rig.begin(10)
    await rig.send(upload, b"12345")
    gone = new_id()
    litter = rig.files.blobs.scratch / gone[-2:] / f"{gone}.part"
    await asyncio.to_thread(litter.parent.mkdir, exist_ok=True)
    await asyncio.to_thread(litter.write_bytes, b"x")
    await rig.sweeper.sweep_litter()
    assert len(rig.kept()) == 2
    os.utime(litter, (0, 0))
    await rig.sweeper.sweep_litter()
    assert len(rig.kept()) == 1
    await rig.sweeper.sweep_litter(older_than=-1.0)
    assert len(rig.kept()) == 1
    await rig.send((await rig.uploads.page(ANN, 0, ""))[0][0], b"1234567890")
    assert (await rig.uploads.finish(ANN, upload.id)).file.size == 10

"""Uploads on both databases: begun, gone on with by whoever comes, finished once, given up, and told to nobody else."""

from __future__ import annotations

import asyncio
import hashlib
import resource
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from fireside.core.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
)
from fireside.core.ids import new_id
from fireside.files.finish import Finished
from fireside.files.options import Options
from fireside.files.uploads import UploadSpec
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_UPLOADED
from fireside.gen.v1.file_pb2 import Upload
from fireside.store import collections
from fireside.store.db import Database
from tests.files_rig import MIB, FilesRig, noise, open_files_rig, reason_of, spec_of
from tests.shared_rig import ANN, BOB, have_people


@pytest.fixture
async def rig(db: Database, tmp_path: Path) -> AsyncIterator[FilesRig]:
    await have_people(db)
    async with open_files_rig(
        db, tmp_path / "blobs", Options(max_bytes=8 * MIB, refused_types=(".exe", "video/*"))
    ) as rig:
        yield rig


async def test_a_file_arrives_whole_with_a_document_and_a_job(rig: FilesRig) -> None:
    data = b"Hello, \xc3\xa9clair.\n" * 200_000
    digest = hashlib.sha256(data).digest()
    upload = await rig.begin(len(data), name="re\u0301sume\u0301.txt", sha256=digest, fingerprint="changed yesterday")
    assert (upload.name, upload.offset, upload.fingerprint) == ("r\u00e9sum\u00e9.txt", 0, "changed yesterday")
    await rig.send(upload, data)
    finished = await rig.uploads.finish(ANN, upload.id)
    file, document = finished.file, finished.document
    assert (file.id, file.name, file.media_type, file.size) == (
        upload.id,
        "r\u00e9sum\u00e9.txt",
        "text/plain",
        len(data),
    )
    assert file.sha256 == digest
    assert document is not None
    assert (document.id, document.state, document.file_id) == (file.document_id, DOCUMENT_STATE_UPLOADED, file.id)
    assert await rig.rows("jobs", "subject = $1", document.id) == 1
    assert await rig.rows("uploads") == 0
    assert await rig.read(file.id) == data
    assert await rig.read(file.id, start=3, end=9) == data[3:9]
    assert len(rig.kept()) == 1


async def test_finishing_again_or_asking_later_gives_the_same(rig: FilesRig) -> None:
    upload = await rig.begin(5)
    await rig.send(upload, b"12345")
    answers = await asyncio.gather(*(rig.uploads.finish(ANN, upload.id) for _ in range(4)))
    assert all(answer == answers[0] for answer in answers)
    assert await rig.uploads.get(ANN, upload.id) == answers[0]
    assert await rig.uploads.create(ANN, spec_of(5, id=upload.id)) == answers[0]
    assert await rig.rows("files") == await rig.rows("documents") == 1


async def test_an_empty_file_is_a_file(rig: FilesRig) -> None:
    finished = await rig.bring(b"", name="nothing.txt")
    assert (finished.file.size, finished.file.media_type) == (0, "text/plain")
    assert finished.file.sha256 == hashlib.sha256().digest()
    assert await rig.read(finished.file.id) == b""


async def test_beginning_again_finds_the_upload_and_how_far_it_is(rig: FilesRig) -> None:
    spec = spec_of(2 * MIB)
    upload = await rig.uploads.create(ANN, spec)
    assert isinstance(upload, Upload)
    await rig.send(upload, noise(MIB))
    again = await rig.uploads.create(ANN, spec)
    assert isinstance(again, Upload)
    assert again.offset == MIB
    assert await rig.rows("uploads") == await rig.rows("blobs") == 1
    for other in (replace(spec, size=5), replace(spec, name="other.txt"), replace(spec, folder="a")):
        with pytest.raises(AlreadyExistsError):
            await rig.uploads.create(ANN, other)
    with pytest.raises(AlreadyExistsError):
        await rig.uploads.create(BOB, spec)


async def test_nobody_else_has_anything_of_it(rig: FilesRig) -> None:
    upload = await rig.begin(10)
    await rig.send(upload, b"12345")
    for call in (
        rig.uploads.get(BOB, upload.id), rig.uploads.finish(BOB, upload.id), rig.uploads.cancel(BOB, upload.id),
        rig.uploads.writing(BOB, upload.id).__aenter__(),
    ):  # fmt: skip
        assert await reason_of(call) == "UPLOAD_NOT_FOUND"
    assert await rig.uploads.page(BOB, 0, "") == ([], "")
    found = await rig.uploads.get(ANN, upload.id)
    assert isinstance(found, Upload)
    assert found.offset == 5


async def test_another_offset_is_refused_with_the_right_one(rig: FilesRig) -> None:
    upload = await rig.begin(10)
    await rig.send(upload, b"12345")
    for offset in (0, 4, 6, 10):
        with pytest.raises(FailedPreconditionError) as refused:
            async with rig.uploads.writing(ANN, upload.id) as writer:
                await writer.write(offset, b"x")
        assert (refused.value.reason, refused.value.metadata["offset"]) == ("OFFSET_MISMATCH", "5")
    with pytest.raises(InvalidArgumentError) as beyond:
        async with rig.uploads.writing(ANN, upload.id) as writer:
            await writer.write(5, b"678901")
    assert beyond.value.reason == "PAST_END"


async def test_what_came_before_a_fault_is_kept(rig: FilesRig) -> None:
    data = noise(5 * MIB)
    upload = await rig.begin(len(data))

    async def cut_short() -> None:
        async with rig.uploads.writing(ANN, upload.id) as writer:
            for at in range(0, 3 * MIB, 256 * 1024):
                await writer.write(at, data[at : at + 256 * 1024])
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await cut_short()
    found = await rig.uploads.get(ANN, upload.id)
    assert isinstance(found, Upload)
    assert found.offset == 3 * MIB
    await rig.send(found, data)
    finished = await rig.uploads.finish(ANN, upload.id)
    assert finished.file.sha256 == hashlib.sha256(data).digest()


async def test_a_full_disk_is_told_and_gone_on_after(rig: FilesRig) -> None:
    data = noise(5 * MIB)
    upload = await rig.begin(len(data))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # No file can grow beyond this, as on a disk that is full.
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * MIB + 5, hard))
    try:
        assert await reason_of(rig.send(upload, data)) == "BLOB_STORE_UNAVAILABLE"
        assert await reason_of(rig.send(upload, data)) == "OFFSET_MISMATCH"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    found = await rig.uploads.get(ANN, upload.id)
    assert isinstance(found, Upload)
    assert 3 * MIB <= found.offset <= 3 * MIB + 5
    await rig.send(found, data)
    assert (await rig.uploads.finish(ANN, upload.id)).file.sha256 == hashlib.sha256(data).digest()


async def test_an_unfinished_upload_cannot_be_finished(rig: FilesRig) -> None:
    upload = await rig.begin(10)
    with pytest.raises(FailedPreconditionError) as refused:
        await rig.uploads.finish(ANN, upload.id)
    assert (refused.value.reason, refused.value.metadata["offset"]) == ("UPLOAD_INCOMPLETE", "0")
    await rig.send(upload, b"1234567890")
    assert (await rig.uploads.finish(ANN, upload.id)).file.size == 10


@pytest.mark.parametrize("when", ["announced", "told at the end"])
async def test_another_hash_ends_the_upload_for_good(rig: FilesRig, when: str) -> None:
    wrong = hashlib.sha256(b"other").digest()
    upload = await rig.begin(5, **({"sha256": wrong} if when == "announced" else {}))
    await rig.send(upload, b"12345")
    with pytest.raises(InvalidArgumentError) as refused:
        await rig.uploads.finish(ANN, upload.id, b"" if when == "announced" else wrong)
    assert refused.value.reason == "FILE_CORRUPT"
    assert await reason_of(rig.uploads.get(ANN, upload.id)) == "UPLOAD_NOT_FOUND"
    assert (await rig.rows("uploads"), await rig.rows("blobs"), rig.kept()) == (0, 0, [])


async def test_types_are_refused_by_name_by_claim_and_by_what_the_bytes_are(rig: FilesRig) -> None:
    with pytest.raises(InvalidArgumentError):
        await rig.begin(5, name="setup.EXE")
    with pytest.raises(InvalidArgumentError):
        await rig.begin(5, media_type="video/x-anything")
    film = b"\0\0\0\x20ftypisom" + bytes(100)
    upload = await rig.begin(len(film), name="harmless.txt", media_type="text/plain")
    await rig.send(upload, film)
    with pytest.raises(InvalidArgumentError) as refused:
        await rig.uploads.finish(ANN, upload.id)
    assert refused.value.reason == "FILE_TYPE_REFUSED"
    assert (await rig.rows("uploads"), await rig.rows("blobs"), rig.kept()) == (0, 0, [])


async def test_limits_are_told_and_kept(rig: FilesRig) -> None:
    assert await reason_of(rig.begin(8 * MIB + 1)) == "FILE_TOO_LARGE"
    assert await reason_of(rig.begin(5, name="..")) == "FILE_NAME_INVALID"
    assert await reason_of(rig.begin(5, folder="a/../b")) == "FOLDER_INVALID"
    limits = await rig.uploads.limits(ANN)
    assert (limits.max_file_bytes, limits.remaining_bytes, limits.used_bytes) == (8 * MIB, -1, 0)
    rig.quota.storage_bytes = 100
    await rig.bring(b"x" * 40)
    await rig.begin(50)
    limits = await rig.uploads.limits(ANN)
    assert (limits.remaining_bytes, limits.used_bytes) == (10, 90)
    assert list(limits.refused_types) == [".exe", "video/*"]
    with pytest.raises(ResourceExhaustedError) as full:
        await rig.begin(11)
    assert full.value.reason == "STORAGE_FULL"
    await rig.begin(10)
    assert await reason_of(rig.begin(0)) == ""
    assert await reason_of(rig.begin(50, BOB)) == ""


async def test_of_many_that_ask_for_the_last_room_no_more_get_it_than_there_is(rig: FilesRig) -> None:
    rig.quota.storage_bytes = 100
    reasons = await asyncio.gather(*(reason_of(rig.begin(30)) for _ in range(12)))
    assert sorted(reasons) == [""] * 3 + ["STORAGE_FULL"] * 9


async def test_a_cancelled_upload_frees_its_room_at_once(rig: FilesRig) -> None:
    upload = await rig.begin(5 * MIB)
    await rig.send(upload, noise(2 * MIB))
    assert rig.kept()
    await rig.uploads.cancel(ANN, upload.id)
    assert (await rig.rows("uploads"), await rig.rows("blobs"), rig.kept()) == (0, 0, [])
    assert await reason_of(rig.uploads.cancel(ANN, upload.id)) == "UPLOAD_NOT_FOUND"
    finished = await rig.bring(b"12345", id=upload.id)
    assert await reason_of(rig.uploads.cancel(ANN, finished.file.id)) == "UPLOAD_NOT_FOUND"


async def test_the_same_bytes_need_not_be_sent_again(rig: FilesRig) -> None:
    data = b"# A title\n" * 1000
    digest = hashlib.sha256(data).digest()
    first = await rig.bring(data)
    again = await rig.uploads.create(ANN, spec_of(len(data), name="copy.md", sha256=digest))
    assert isinstance(again, Finished)
    assert (again.file.name, again.file.media_type, again.file.sha256) == ("copy.md", "text/markdown", digest)
    assert again.document is not None
    assert again.document.id != first.file.document_id
    assert (await rig.rows("blobs"), await rig.rows("files")) == (1, 2)
    # The blob stays as long as one of the two has it.
    await rig.downloads.delete(ANN, first.file.id)
    assert await rig.read(again.file.id) == data
    await rig.downloads.delete(ANN, again.file.id)
    assert (await rig.rows("blobs"), rig.kept()) == (0, [])


async def test_a_hash_tells_nothing_of_what_others_have(rig: FilesRig) -> None:
    data = noise(1000)
    digest = hashlib.sha256(data).digest()
    await rig.bring(data)
    for size, wanted in ((len(data), digest), (len(data), hashlib.sha256(b"unknown").digest()), (5, digest)):
        assert isinstance(await rig.uploads.create(BOB, spec_of(size, sha256=wanted)), Upload)
    # Neither does another size to its owner.
    assert isinstance(await rig.uploads.create(ANN, spec_of(5, sha256=digest)), Upload)


async def test_a_copy_counts_and_can_be_refused(rig: FilesRig) -> None:
    data = b"x" * 60
    digest = hashlib.sha256(data).digest()
    await rig.bring(data)
    rig.quota.storage_bytes = 100
    assert await reason_of(rig.uploads.create(ANN, spec_of(60, sha256=digest))) == "STORAGE_FULL"
    assert await reason_of(rig.uploads.create(ANN, spec_of(60, name="a.exe", sha256=digest))) == "FILE_TYPE_REFUSED"


async def test_uploads_are_listed_page_by_page_the_newest_first(rig: FilesRig) -> None:
    begun = [await rig.begin(10) for _ in range(5)]
    await rig.send(begun[1], b"1234")
    seen: list[Upload] = []
    token = ""
    for _ in range(3):
        page, token = await rig.uploads.page(ANN, 2, token)
        seen += page
    assert token == ""
    assert [upload.id for upload in seen] == [upload.id for upload in reversed(begun)]
    assert [upload.offset for upload in seen] == [0, 0, 0, 4, 0]


async def test_a_finish_that_died_after_sealing_is_gone_on_with(rig: FilesRig) -> None:
    data = noise(MIB)
    upload = await rig.begin(len(data))
    await rig.send(upload, data)
    [partial] = rig.kept()
    await rig.files.blobs.seal(partial.partition(".")[0])
    found = await rig.uploads.get(ANN, upload.id)
    assert isinstance(found, Upload)
    assert found.offset == len(data)
    assert (await rig.uploads.finish(ANN, upload.id)).file.sha256 == hashlib.sha256(data).digest()


async def test_only_who_may_write_to_a_collection_brings_files_into_it(rig: FilesRig) -> None:
    collection_id = await rig.collection(ANN)
    spec = UploadSpec(id=new_id(), name="a.txt", size=3, collection_id=collection_id, folder="/x//y/")
    assert await reason_of(rig.uploads.create(BOB, spec)) == "COLLECTION_NOT_FOUND"
    assert await reason_of(rig.uploads.create(ANN, replace(spec, collection_id=new_id()))) == "COLLECTION_NOT_FOUND"
    upload = await rig.uploads.create(ANN, spec)
    assert isinstance(upload, Upload)
    await rig.send(upload, b"abc")
    document = (await rig.uploads.finish(ANN, upload.id)).document
    assert document is not None
    assert (document.collection_id, document.folder, document.version) == (collection_id, "x/y", 1)
    second = await rig.bring(b"abcd", name="a.txt", collection_id=collection_id, folder="x/y")
    assert second.document is not None
    assert (second.document.id, second.document.version) == (document.id, 2)


async def test_an_upload_ends_with_the_collection_that_it_was_for(rig: FilesRig) -> None:
    collection_id = await rig.collection(ANN)
    upload = await rig.begin(3, collection_id=collection_id)
    await rig.send(upload, b"abc")
    await rig.db.write(lambda tx: collections.delete(tx, collection_id))
    assert await reason_of(rig.uploads.finish(ANN, upload.id)) == "UPLOAD_NOT_FOUND"
    assert rig.kept()
    await rig.sweeper.sweep()
    assert (await rig.rows("blobs"), rig.kept()) == (0, [])


async def test_a_listener_is_told_of_each_document(rig: FilesRig) -> None:
    told: list[str] = []
    rig.uploads.on_arrival(lambda document: told.append(document.id))
    first = await rig.bring(b"abc")
    copied = await rig.uploads.create(ANN, spec_of(3, sha256=hashlib.sha256(b"abc").digest()))
    assert isinstance(copied, Finished)
    await rig.uploads.finish(ANN, first.file.id)
    assert told == [first.file.document_id, copied.file.document_id]


async def test_an_unknown_upload_is_not_found(rig: FilesRig) -> None:
    with pytest.raises(NotFoundError):
        await rig.uploads.get(ANN, new_id())

"""Who writes to an upload, on both databases: one at a time, taken over by whoever comes, also from another process."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from fireside.core.errors import (
    AbortedError,
)
from fireside.files.options import Options
from fireside.gen.v1.file_pb2 import Upload
from fireside.store.db import Database, StoreOptions, open_database
from fireside.store.hold import hold
from tests.files_rig import MIB, FilesRig, noise, open_files_rig, reason_of
from tests.shared_rig import ANN, have_people

WAIT = 30.0


@pytest.fixture
async def rig(db: Database, tmp_path: Path) -> AsyncIterator[FilesRig]:
    await have_people(db)
    async with open_files_rig(
        db, tmp_path / "blobs", Options(max_bytes=8 * MIB, refused_types=(".exe", "video/*"))
    ) as rig:
        yield rig


@pytest.fixture
async def pair(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[FilesRig, FilesRig]]:
    """Two processes' worth of files on one database and one folder."""
    held = await asyncio.to_thread(hold, database_url)
    async with AsyncExitStack() as stack:
        if held is not None:
            stack.callback(os.close, held)
        rigs: list[FilesRig] = []
        for _ in range(2):
            db = await open_database(database_url, StoreOptions(shared=True))
            stack.push_async_callback(db.close)
            rigs.append(await stack.enter_async_context(open_files_rig(db, tmp_path / "blobs")))
        await have_people(rigs[0].db)
        yield rigs[0], rigs[1]


async def test_a_new_connection_takes_over_from_one_that_hangs(rig: FilesRig) -> None:
    data = noise(2 * MIB)
    upload = await rig.begin(len(data))
    hanging = asyncio.Event()

    async def half_dead() -> None:
        async with rig.uploads.writing(ANN, upload.id) as writer:
            await writer.write(0, data[:MIB])
            hanging.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(half_dead())
    async with asyncio.timeout(WAIT):
        await hanging.wait()
        async with rig.uploads.writing(ANN, upload.id) as writer:
            assert writer.offset == MIB
            with pytest.raises(AbortedError) as lost:
                await task
            await writer.write(MIB, data[MIB:])
    assert lost.value.reason == "UPLOAD_TAKEN_OVER"
    assert (await rig.uploads.finish(ANN, upload.id)).file.sha256 == hashlib.sha256(data).digest()


async def test_of_many_that_write_at_once_none_interleaves(rig: FilesRig) -> None:
    data = noise(MIB)
    upload = await rig.begin(len(data))

    async def insist() -> None:
        offset = 0
        while offset < len(data):
            try:
                async with rig.uploads.writing(ANN, upload.id) as writer:
                    offset = writer.offset
                    while offset < len(data):
                        offset = await writer.write(offset, data[offset : offset + 16_384])
                        await asyncio.sleep(0)
            except AbortedError:
                continue

    async with asyncio.timeout(WAIT):
        await asyncio.gather(*(insist() for _ in range(6)))
    assert (await rig.uploads.finish(ANN, upload.id)).file.sha256 == hashlib.sha256(data).digest()


async def test_a_cancelled_call_is_cancelled_and_not_taken_over(rig: FilesRig) -> None:
    upload = await rig.begin(10)
    inside = asyncio.Event()

    async def call() -> None:
        async with rig.uploads.writing(ANN, upload.id) as writer:
            await writer.write(0, b"123")
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    found = await rig.uploads.get(ANN, upload.id)
    assert isinstance(found, Upload)
    assert found.offset == 3


async def test_finishing_waits_for_nobody_who_hangs(rig: FilesRig) -> None:
    upload = await rig.begin(3)
    inside = asyncio.Event()

    async def call() -> None:
        async with rig.uploads.writing(ANN, upload.id) as writer:
            await writer.write(0, b"123")
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    async with asyncio.timeout(WAIT):
        await inside.wait()
        assert (await rig.uploads.finish(ANN, upload.id)).file.size == 3
        with pytest.raises(AbortedError):
            await task


async def test_another_process_goes_on_and_makes_the_hash_again(pair: tuple[FilesRig, FilesRig]) -> None:
    one, two = pair
    data = noise(6 * MIB)
    upload = await one.begin(len(data), sha256=hashlib.sha256(data).digest())
    for number, at in enumerate(range(0, len(data), MIB)):
        rig = pair[number % 2]
        async with rig.uploads.writing(ANN, upload.id) as writer:
            await writer.write(at, data[at : at + MIB])
    finished = await two.uploads.finish(ANN, upload.id)
    assert finished.file.sha256 == hashlib.sha256(data).digest()
    assert await one.uploads.finish(ANN, upload.id) == finished
    assert await one.read(upload.id) == data


async def test_another_process_finds_what_is_corrupt(pair: tuple[FilesRig, FilesRig]) -> None:
    one, two = pair
    upload = await one.begin(10, sha256=hashlib.sha256(b"1234567890").digest())
    for rig, at, piece in ((one, 0, b"12345"), (two, 5, b"67891")):
        async with rig.uploads.writing(ANN, upload.id) as writer:
            await writer.write(at, piece)
    assert await reason_of(one.uploads.finish(ANN, upload.id)) == "FILE_CORRUPT"
    assert (await one.rows("blobs"), one.kept()) == (0, [])


async def test_a_new_connection_takes_over_from_one_at_another_process(pair: tuple[FilesRig, FilesRig]) -> None:
    one, two = pair
    upload = await one.begin(10)
    inside = asyncio.Event()

    async def half_dead() -> None:
        async with one.uploads.writing(ANN, upload.id) as writer:
            await writer.write(0, b"12345")
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(half_dead())
    async with asyncio.timeout(WAIT):
        await inside.wait()
        async with two.uploads.writing(ANN, upload.id) as writer:
            assert writer.offset == 5
            with pytest.raises(AbortedError):
                await task
            await writer.write(5, b"67890")
        await one.uploads.finish(ANN, upload.id)
    assert await two.read(upload.id) == b"1234567890"


async def test_both_processes_finish_one_file(pair: tuple[FilesRig, FilesRig]) -> None:
    one, two = pair
    data = noise(4 * MIB)
    upload = await one.begin(len(data))
    await one.send(upload, data)
    answers = await asyncio.gather(*(rig.uploads.finish(ANN, upload.id) for rig in (one, two, one, two)))
    assert all(answer == answers[0] for answer in answers)
    assert await one.rows("files") == await one.rows("documents") == 1


async def test_what_was_cancelled_elsewhere_is_not_written_any_more(pair: tuple[FilesRig, FilesRig]) -> None:
    one, two = pair
    upload = await one.begin(10)
    await one.send(upload, b"12345")
    await two.uploads.cancel(ANN, upload.id)
    assert await reason_of(one.uploads.writing(ANN, upload.id).__aenter__()) == "UPLOAD_NOT_FOUND"
    assert one.kept() == []
    # The id can be used again, with other bytes, through either.
    again = await two.begin(3, id=upload.id)
    await one.send(again, b"abc")
    assert (await two.uploads.finish(ANN, upload.id)).file.sha256 == hashlib.sha256(b"abc").digest()

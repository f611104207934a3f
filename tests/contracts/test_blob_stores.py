"""What every blob store does: written front to back, gone on with by whoever comes, sealed once, read in ranges."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest

from fireside.blobs.base import READ_BYTES, BlobStore, Stat
from fireside.blobs.local import LocalBlobs
from fireside.blobs.s3 import S3Options, open_s3
from fireside.core.errors import FailedPreconditionError, NotFoundError
from fireside.core.ids import new_id
from tests.s3_server import BUCKET, S3Server, s3_server

PART = 5 * 1024 * 1024
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@dataclass(frozen=True)
class Place:
    """A kind of store, and how to open it again, as after a restart."""

    kind: str
    folder: Path
    open: Callable[[], Awaitable[BlobStore]]


@pytest.fixture(params=["local", "s3"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        options = S3Options()
        if request.param == "s3":
            server: S3Server = request.getfixturevalue("s3")
            options = S3Options(BUCKET, new_id(), server.url, "us-east-1", "key", "secret", part_bytes=PART)

        async def opened() -> BlobStore:
            if request.param == "local":
                return LocalBlobs(tmp_path)
            return await open_s3(options, tmp_path / "staging", stack)

        yield Place(request.param, tmp_path, opened)


@pytest.fixture
async def blobs(place: Place) -> BlobStore:
    return await place.open()


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes without a pattern, the same each time."""
    return hashlib.shake_128(seed.to_bytes(8, "big")).digest(size)


async def whole(blobs: BlobStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    async with aclosing(blobs.open(key, start, end)) as pieces:
        return b"".join([piece async for piece in pieces])


def mark_of(folder: Path, key: str) -> Path:
    """Where the local store notes how far a blob was synced."""
    return folder / "partial" / key[-2:] / f"{key}.mark"


async def put(blobs: BlobStore, key: str, data: bytes, piece: int = 3 * MIB, start: int = 0) -> None:
    for at in range(start, len(data), piece):
        await blobs.put_range(key, at, [data[at : at + piece // 2], data[at + piece // 2 : at + piece]])


@pytest.mark.parametrize("size", [1, 4 * MIB, PART, PART + 1, 2 * PART, 2 * PART + 12_345])
async def test_what_was_put_is_read(blobs: BlobStore, size: int) -> None:
    key, data = new_id(), noise(size)
    assert await blobs.stat(key) is None
    await put(blobs, key, data)
    stat = await blobs.stat(key)
    assert stat is not None
    assert (stat.size, stat.sealed) == (size, False)
    assert await blobs.seal(key)
    assert await blobs.stat(key) == Stat(size, sealed=True)
    assert await whole(blobs, key) == data


async def test_a_range_is_read_alone(blobs: BlobStore) -> None:
    key, data = new_id(), noise(2 * PART)
    await put(blobs, key, data)
    await blobs.seal(key)
    for start, end in ((0, 1), (5, 5 + READ_BYTES), (PART - 1, PART + 1), (len(data) - 3, None), (7, len(data))):
        assert await whole(blobs, key, start, end) == data[start:end]
    async with aclosing(blobs.open(key)) as pieces:
        assert len(await anext(pieces)) <= READ_BYTES


async def test_nothing_put_is_an_empty_blob(blobs: BlobStore) -> None:
    key = new_id()
    assert await blobs.seal(key)
    assert await blobs.stat(key) == Stat(0, sealed=True)
    assert await whole(blobs, key) == b""


async def test_sealing_again_changes_nothing_and_trusts_nothing(blobs: BlobStore) -> None:
    key, data = new_id(), noise(PART + 7)
    await put(blobs, key, data)
    assert await blobs.seal(key)
    assert not await blobs.seal(key)
    with pytest.raises(FailedPreconditionError) as refused:
        await blobs.put_range(key, len(data), [b"more"])
    assert refused.value.reason == "BLOB_SEALED"
    assert await whole(blobs, key) == data


async def test_another_process_goes_on_where_the_first_was(place: Place) -> None:
    key, data = new_id(), noise(2 * PART + 100)
    first = await place.open()
    await put(first, key, data[: PART + 4_000])
    second = await place.open()
    stat = await second.stat(key)
    assert stat is not None
    assert stat.size == PART + 4_000
    before = await first.stat(key)
    assert before is not None
    assert before.mark == stat.mark
    await put(second, key, data, start=stat.size)
    again = await first.stat(key)
    assert again is not None
    assert (again.size, again.mark) == (len(data), stat.mark)
    await first.seal(key)
    assert await whole(second, key) == data


async def test_what_was_deleted_is_gone_sealed_or_not(blobs: BlobStore) -> None:
    for sealed in (False, True):
        key = new_id()
        await put(blobs, key, noise(PART + 9))
        if sealed:
            await blobs.seal(key)
        await blobs.delete(key)
        assert await blobs.stat(key) is None
        with pytest.raises(NotFoundError):
            await whole(blobs, key)
        assert not [path for path in blobs.scratch.rglob("*") if path.is_file()]
        await blobs.delete(key)


async def test_a_blob_begun_again_has_another_mark(blobs: BlobStore) -> None:
    key = new_id()
    marks = set()
    for _ in range(2):
        await put(blobs, key, noise(PART + 1))
        stat = await blobs.stat(key)
        assert stat is not None
        marks.add(stat.mark)
        await blobs.delete(key)
    assert len(marks) == 2


async def test_no_hole_can_be_made(blobs: BlobStore) -> None:
    key = new_id()
    with pytest.raises(NotFoundError):
        await blobs.put_range(key, 5, [b"x"])
    await blobs.put_range(key, 0, [b"12345"])
    with pytest.raises(NotFoundError):
        await blobs.put_range(key, 6, [b"x"])
    stat = await blobs.stat(key)
    assert stat is not None
    assert stat.size == 5


async def test_reading_what_is_not_sealed_is_not_found(blobs: BlobStore) -> None:
    key = new_id()
    await blobs.put_range(key, 0, [b"12345"])
    with pytest.raises(NotFoundError):
        await whole(blobs, key)


async def test_a_reader_keeps_what_is_deleted_meanwhile_or_is_told(blobs: BlobStore) -> None:
    key, data = new_id(), noise(3 * MIB)
    await put(blobs, key, data)
    await blobs.seal(key)
    async with aclosing(blobs.open(key)) as pieces:
        first = await anext(pieces)
        await blobs.delete(key)
        rest = b"".join([piece async for piece in pieces])
    assert first + rest == data


async def test_without_its_staging_folder_s3_falls_back_to_its_last_part(s3: S3Server, tmp_path: Path) -> None:
    options = S3Options(BUCKET, new_id(), s3.url, "us-east-1", "key", "secret", part_bytes=PART)
    key, data = new_id(), noise(2 * PART + 50)
    async with AsyncExitStack() as stack:
        blobs, other = [await open_s3(options, tmp_path / "staging", stack) for _ in range(2)]
        await put(blobs, key, data[: PART + 1_000_000])
        shutil.rmtree(tmp_path / "staging")
        for store in (blobs, other):
            stat = await store.stat(key)
            assert stat is not None
            assert stat.size == PART
        await put(other, key, data, start=PART)
        # The first part was put by somebody else, so that what it is has to be looked at.
        assert not await other.seal(key)
        assert await whole(blobs, key) == data


async def test_of_two_machines_that_seal_one_s3_blob_one_wins_and_only_it_is_trusted(
    s3: S3Server, tmp_path: Path
) -> None:
    options = S3Options(BUCKET, new_id(), s3.url, "us-east-1", "key", "secret", part_bytes=PART)
    async with AsyncExitStack() as stack:
        one, two = [await open_s3(options, tmp_path / name, stack) for name in ("one", "two")]
        for size in (100, PART + 100):
            key, texts = new_id(), (noise(size, 1), noise(size, 2))
            for at in range(0, size, 3 * MIB):
                # Both began before either had a part, so that each has an upload of its own.
                for store, text in zip((one, two), texts, strict=True):
                    await store.put_range(key, at, [text[at : at + 3 * MIB]])
            sealed = await asyncio.gather(one.seal(key), two.seal(key))
            assert sealed.count(True) == 1
            assert await whole(two, key) == texts[sealed.index(True)]


async def test_after_a_power_cut_only_what_was_synced_is_there(tmp_path: Path) -> None:
    blobs, key, data = LocalBlobs(tmp_path), new_id(), noise(3 * MIB)
    await blobs.put_range(key, 0, [data[:MIB]])
    await blobs.put_range(key, MIB, [], sync=True)
    await blobs.put_range(key, MIB, [data[MIB : 2 * MIB]])
    before = await blobs.stat(key)
    # What another boot of the machine finds.
    mark = mark_of(tmp_path, key)
    mark.write_text(mark.read_text().replace('"boot": "', '"boot": "another'))
    stat = await LocalBlobs(tmp_path).stat(key)
    assert stat is not None
    assert before is not None
    assert (before.size, stat.size) == (2 * MIB, MIB)
    again = LocalBlobs(tmp_path)
    await again.put_range(key, MIB, [data[MIB:]])
    resumed = await again.stat(key)
    assert resumed is not None
    assert resumed.size == len(data)
    assert resumed.mark != before.mark
    await again.seal(key)
    assert await whole(again, key) == data


async def test_a_lost_mark_means_that_nothing_was_synced(tmp_path: Path) -> None:
    blobs, key = LocalBlobs(tmp_path), new_id()
    await blobs.put_range(key, 0, [b"12345"], sync=True)
    mark_of(tmp_path, key).write_text("{")
    stat = await blobs.stat(key)
    assert stat is not None
    assert stat.size == 0
    await blobs.put_range(key, 0, [b"67"])
    await blobs.seal(key)
    assert await whole(blobs, key) == b"67"

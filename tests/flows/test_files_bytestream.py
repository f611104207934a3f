"""google.bytestream through the port: written, cut, gone on with, read back, by each client that can stream."""

from __future__ import annotations

import asyncio
import hashlib
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import pytest

from fireside.core.principal import LOCAL
from fireside.files.uploads import Uploads, UploadSpec
from fireside.gen.google.bytestream.bytestream_pb2 import (
    QueryWriteStatusRequest,
    QueryWriteStatusResponse,
    ReadRequest,
    WriteRequest,
)
from fireside.gen.v1.upload_service_pb2 import CreateUploadRequest, FinishUploadRequest
from tests.callers import CALLERS, Caller, CallError, caller
from tests.served import Served, serve

# Nothing has this id. The name of a test must be the same in each process that collects it.
NOWHERE = "0189c0de-0000-7000-8000-000000000000"
PIECE = 100_000


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


def uploads_of(served: Served) -> Uploads:
    return served.app.asgi.services.files.uploads


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def blob(data: bytes, name: str = "data.bin", upload_id: str = "") -> str:
    """A resource that begins by itself."""
    return f"uploads/{upload_id or uuid.uuid4()}/blobs/{hashlib.sha256(data).hexdigest()}/{len(data)}/{name}"


async def begun(served: Served, size: int) -> str:
    """The id of a new upload."""
    made = await uploads_of(served).create(LOCAL, UploadSpec(id=str(uuid.uuid4()), name="data.bin", size=size))
    return made.id if not hasattr(made, "file") else ""


async def pieces(
    resource: str, data: bytes, start: int = 0, *, finish: bool = True, end: int | None = None
) -> AsyncIterator[WriteRequest]:
    last = len(data) if end is None else end
    at = start
    while at < last or at == start:
        piece = data[at : min(at + PIECE, last)]
        done = finish and at + len(piece) == len(data)
        yield WriteRequest(
            resource_name=resource if at == start else "", write_offset=at, data=piece, finish_write=done
        )
        at += len(piece) or 1


async def write(client: Caller, messages: AsyncIterator[WriteRequest]) -> int:
    async with aclosing(cast("Any", client.stream("Write", messages))) as answers:
        return (await anext(answers)).committed_size


async def read(client: Caller, file_id: str, offset: int = 0, limit: int = 0) -> bytes:
    request = ReadRequest(resource_name=f"files/{file_id}", read_offset=offset, read_limit=limit)
    return b"".join([answer.data async for answer in client.stream("Read", request)])


async def status(client: Caller, resource: str) -> QueryWriteStatusResponse:
    return await client.unary("QueryWriteStatus", QueryWriteStatusRequest(resource_name=resource))


async def refused(client: Caller, messages: AsyncIterator[WriteRequest]) -> str:
    with pytest.raises(CallError) as caught:
        await write(client, messages)
    return caught.value.code


@pytest.mark.parametrize("kind", CALLERS)
async def test_a_file_goes_up_and_comes_back(served: Served, kind: str) -> None:
    data = noise(1_234_567)
    resource = blob(data)
    async with caller(kind, served.url) as client:
        assert await write(client, pieces(resource, data)) == len(data)
        told = await status(client, resource)
        assert (told.committed_size, told.complete) == (len(data), True)
        file_id = resource.split("/")[1]
        assert await read(client, file_id) == data
        assert await read(client, file_id, 1_000_000, 17) == data[1_000_000:1_000_017]
        assert await read(client, file_id, len(data)) == b""
        # Once more is harmless, and nothing is sent for it.
        assert await write(client, pieces(resource, data)) == len(data)
        assert await write(client, pieces(blob(data, "another.bin"), data)) == len(data)


async def test_an_upload_that_was_begun_elsewhere_is_gone_on_with(served: Served) -> None:
    data = noise(500_001)
    async with caller("grpcio", served.url) as client:
        request = CreateUploadRequest(upload_id=str(uuid.uuid4()), name="data.bin", size=len(data))
        upload = (await client.unary("CreateUpload", request)).upload
        resource = f"uploads/{upload.id}"
        assert await write(client, pieces(resource, data, end=200_000, finish=False)) == 200_000
        told = await status(client, resource)
        assert (told.committed_size, told.complete) == (200_000, False)
        assert await write(client, pieces(resource, data, 200_000, finish=False)) == len(data)
        assert not (await status(client, resource)).complete
        request = FinishUploadRequest(upload_id=upload.id, sha256=hashlib.sha256(data).digest())
        assert (await client.unary("FinishUpload", request)).finished.file.size == len(data)
        assert (await status(client, resource)).complete
        assert await read(client, upload.id) == data


async def test_a_wrong_offset_is_told_and_what_was_right_is_kept(served: Served) -> None:
    data = noise(400_000)
    resource = f"uploads/{await begun(served, len(data))}"

    async def jumping() -> AsyncIterator[WriteRequest]:
        yield WriteRequest(resource_name=resource, data=data[:1000])
        yield WriteRequest(write_offset=5000, data=data[5000:6000])

    async with caller("grpcio", served.url) as client:
        assert await refused(client, pieces(resource, data, 7)) == "FAILED_PRECONDITION"
        assert await refused(client, jumping()) == "FAILED_PRECONDITION"
        assert (await status(client, resource)).committed_size == 1000
        assert await write(client, pieces(resource, data, 1000)) == len(data)
        assert await read(client, resource.split("/")[1]) == data


async def test_what_is_wrong_with_a_call_is_told(served: Served) -> None:
    data = b"12345"

    async def none() -> AsyncIterator[WriteRequest]:
        return
        yield

    async def two_names() -> AsyncIterator[WriteRequest]:
        yield WriteRequest(resource_name=f"uploads/{upload}", data=b"1")
        yield WriteRequest(resource_name=f"uploads/{uuid.uuid4()}", write_offset=1, data=b"2")

    upload = await begun(served, 5)
    async with caller("connect-h2", served.url) as client:
        for name in ("", "uploads/x", "files/x", f"uploads/{uuid.uuid4()}/blobs/zz/5/x", f"uploads/{uuid.uuid4()}/x"):
            assert await refused(client, pieces(name, data)) == "INVALID_ARGUMENT", name
        assert await refused(client, none()) == "INVALID_ARGUMENT"
        assert await refused(client, two_names()) == "INVALID_ARGUMENT"
        assert await refused(client, pieces(f"uploads/{uuid.uuid4()}", data)) == "NOT_FOUND"
        assert await refused(client, pieces(f"uploads/{upload}", b"1234567", 1)) == "INVALID_ARGUMENT"
        # All of it is not there yet.
        assert await refused(client, pieces(f"uploads/{await begun(served, 9)}", data)) == "FAILED_PRECONDITION"
        # It is not what its name says.
        wrong = blob(b"other").replace("/5/", "/5/")
        assert await refused(client, pieces(wrong, data)) == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("name", "offset", "limit", "code"),
    [
        ("files/x", 0, 0, "INVALID_ARGUMENT"),
        (f"files/{NOWHERE}", 0, 0, "NOT_FOUND"),
        ("", 6, 0, "OUT_OF_RANGE"),
        ("", -1, 0, "OUT_OF_RANGE"),
        ("", 0, -1, "OUT_OF_RANGE"),
    ],
)
async def test_what_cannot_be_read_is_told(served: Served, name: str, offset: int, limit: int, code: str) -> None:
    resource = blob(b"12345")
    async with caller("grpcio", served.url) as client:
        await write(client, pieces(resource, b"12345"))
        request = ReadRequest(
            resource_name=name or f"files/{resource.split('/')[1]}", read_offset=offset, read_limit=limit
        )
        with pytest.raises(CallError) as caught:
            async for _ in client.stream("Read", request):
                pass
        assert caught.value.code == code


@pytest.mark.parametrize("kind", ["grpcio", "connect-h1", "grpc-web-h2"])
async def test_a_client_that_goes_away_leaves_what_it_sent(served: Served, kind: str) -> None:
    data = noise(800_000)
    upload = await begun(served, len(data))
    resource = f"uploads/{upload}"
    sent = asyncio.Event()

    async def stalling() -> AsyncIterator[WriteRequest]:
        async for message in pieces(resource, data, end=600_000, finish=False):
            yield message
        sent.set()
        await asyncio.Event().wait()

    async with caller(kind, served.url) as client:
        writing = asyncio.create_task(write(client, stalling()))
        await sent.wait()
        await served.open_streams(1)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    await served.idle(20)
    async with caller(kind, served.url) as client:
        there = (await status(client, resource)).committed_size
        assert there % PIECE == 0
        assert await write(client, pieces(resource, data, there)) == len(data)
        assert await read(client, upload) == data


async def test_a_second_call_takes_over_from_one_that_hangs(served: Served) -> None:
    data = noise(300_000)
    resource = f"uploads/{await begun(served, len(data))}"
    first = asyncio.Event()

    async def hanging() -> AsyncIterator[WriteRequest]:
        yield WriteRequest(resource_name=resource, data=data[:1000])
        first.set()
        await asyncio.Event().wait()

    async with caller("grpcio", served.url) as one, caller("grpcio", served.url) as other:
        waiting = asyncio.create_task(refused(one, hanging()))
        await first.wait()
        there = 0
        async with asyncio.timeout(20):
            while True:  # until the first one has arrived
                there = (await status(other, resource)).committed_size
                try:
                    assert await write(other, pieces(resource, data, there)) == len(data)
                    break
                except CallError as error:
                    assert error.code in {"FAILED_PRECONDITION", "ABORTED"}  # noqa: PT017
        assert await waiting in {"ABORTED", "NOT_FOUND"}
        assert await read(other, resource.split("/")[1]) == data


async def test_a_reader_that_goes_away_frees_the_file_at_once(served: Served) -> None:
    data = noise(30_000_000)
    resource = blob(data)
    async with caller("grpcio", served.url) as client:
        await write(client, pieces(resource, data))
        await served.idle(20)
        request = ReadRequest(resource_name=f"files/{resource.split('/')[1]}")
        async with aclosing(cast("Any", client.stream("Read", request))) as answers:
            await anext(answers)
            await served.open_streams(1)
        await served.idle(1)

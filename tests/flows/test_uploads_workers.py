"""Uploads through real server processes: two that share one, takeovers between them, and servers that are killed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

import pytest

from fireside.gen.google.bytestream.bytestream_pb2 import WriteRequest
from fireside.gen.v1.file_pb2 import File, Upload
from fireside.gen.v1.upload_service_pb2 import (
    AppendUploadRequest,
    CancelUploadRequest,
    CreateUploadRequest,
    FinishUploadRequest,
    GetUploadRequest,
)
from tests.callers import Caller, CallError, caller
from tests.files_rig import MIB, noise
from tests.flows.test_uploads_rpc import append, begin, finish, refused
from tests.http_calls import http
from tests.processes import caller_of, children
from tests.rig import new_uuid
from tests.server_process import ServerProcess, server_process

pytestmark = pytest.mark.timeout(180)
WAIT = 60.0


@pytest.fixture(params=["workers", "servers"])
def url_of_two(request: pytest.FixtureRequest) -> str:
    """The database of two servers; empty for two workers of one."""
    return "" if request.param == "workers" else request.getfixturevalue("postgres_url")


@pytest.fixture
async def pair(url_of_two: str, tmp_path: Path) -> AsyncIterator[tuple[Caller, Caller]]:
    """Two workers on SQLite, or two servers on PostgreSQL with one folder for blobs; a client of each."""
    async with AsyncExitStack() as stack:
        if not url_of_two:
            server = stack.enter_context(server_process(tmp_path, "--workers", "2"))
            pids = children(server.process.pid)
            one, two = [await stack.enter_async_context(caller_of(server.url, pid, pids)) for pid in pids]
        else:
            servers: list[ServerProcess] = []
            for name in ("one", "two"):
                (tmp_path / name).mkdir()
                flags = ("--database-url", url_of_two, "--blob-store", str(tmp_path / "blobs"))
                servers.append(stack.enter_context(server_process(tmp_path / name, *flags)))
            one, two = [await stack.enter_async_context(caller("grpcio", server.url)) for server in servers]
        yield one, two


async def state_of(client: Caller, upload_id: str) -> Upload:
    return (await client.unary("GetUpload", GetUploadRequest(upload_id=upload_id))).upload


async def has_come(client: Caller, upload_id: str, size: int) -> None:
    """Returns when so many bytes are there."""
    while (await state_of(client, upload_id)).offset != size:
        pass


async def test_two_processes_take_the_pieces_of_one_upload(pair: tuple[Caller, Caller]) -> None:
    data = noise(6 * MIB)
    one, two = pair
    upload = await begin(one, len(data), sha256=hashlib.sha256(data).digest())
    async with asyncio.timeout(WAIT):
        for number, at in enumerate(range(0, len(data), MIB)):
            assert (await state_of(pair[number % 2], upload.id)).offset == at
            await append(pair[(number + 1) % 2], upload.id, at, data[at : at + MIB])
        files: list[File] = await asyncio.gather(finish(one, upload.id), finish(two, upload.id))
    assert files[0] == files[1]
    assert files[0].sha256 == hashlib.sha256(data).digest()


async def test_a_connection_to_the_other_process_takes_over(pair: tuple[Caller, Caller]) -> None:
    one, two = pair
    upload = await begin(one, 10)
    hanging = asyncio.Event()

    async def half_dead() -> AsyncIterator[WriteRequest]:
        yield WriteRequest(resource_name=f"uploads/{upload.id}", data=b"12345")
        await hanging.wait()

    async def write() -> None:
        async with aclosing(one.stream("Write", half_dead())) as answers:
            async for _ in answers:
                pass

    task = asyncio.create_task(write())
    async with asyncio.timeout(WAIT):
        await has_come(two, upload.id, 5)
        started = asyncio.get_running_loop().time()
        assert await append(two, upload.id, 5, b"67890") == 10
        assert asyncio.get_running_loop().time() - started < 2
        with pytest.raises(CallError) as lost:
            await task
    assert lost.value.code == "ABORTED"
    assert (await finish(one, upload.id)).size == 10


async def test_what_one_cancels_is_gone_for_the_other(pair: tuple[Caller, Caller]) -> None:
    one, two = pair
    upload = await begin(one, 10)
    await append(two, upload.id, 0, b"12345")
    await one.unary("CancelUpload", CancelUploadRequest(upload_id=upload.id))
    assert (await refused(append(two, upload.id, 5, b"67890")))[1].reason == "UPLOAD_NOT_FOUND"


@asynccontextmanager
async def served_again(folder: Path, *flags: str) -> AsyncIterator[tuple[ServerProcess, Caller]]:
    with server_process(folder, *flags) as server:
        async with caller("connect-h2", server.url) as client:
            yield server, client


async def test_a_server_killed_in_the_middle_costs_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    data = noise(20 * MIB)
    offset = 0
    upload_id = new_uuid()
    request = CreateUploadRequest(
        upload_id=upload_id, name="data.bin", size=len(data), sha256=hashlib.sha256(data).digest()
    )
    for turn in range(3):
        async with served_again(tmp_path) as (server, client):
            upload = (await client.unary("CreateUpload", request)).upload
            assert upload.offset >= offset
            offset = upload.offset
            async with asyncio.timeout(WAIT):
                try:
                    while offset < len(data):
                        piece = AppendUploadRequest(
                            upload_id=upload_id, offset=offset, data=data[offset : offset + MIB]
                        )
                        answer = asyncio.create_task(client.unary("AppendUpload", piece))
                        if turn < 2 and offset >= (turn + 1) * 7 * MIB:
                            # While the piece is on its way, wherever it is then.
                            server.process.send_signal(signal.SIGKILL)
                        offset = (await answer).offset
                except CallError:
                    assert turn < 2
                else:
                    assert turn == 2
                    file = (await client.unary("FinishUpload", FinishUploadRequest(upload_id=upload_id))).finished.file
                    assert file.sha256 == hashlib.sha256(data).digest()
                    answered = await http(server.url, "GET", f"/files/{file.id}", {"range": "bytes=7000000-7000099"})
                    assert answered.body == data[7_000_000:7_000_100]
    kept = [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()]
    assert [path.stat().st_size for path in kept if path.suffix != ".lock"] == [len(data)]


async def test_a_worker_killed_while_it_writes_leaves_no_lock(tmp_path: Path) -> None:
    with server_process(tmp_path, "--workers", "2") as server:
        pids = children(server.process.pid)
        async with caller_of(server.url, pids[0], pids) as one, caller_of(server.url, pids[1], pids) as two:
            upload = await begin(two, 10)
            hanging = asyncio.Event()

            async def half_dead() -> AsyncIterator[WriteRequest]:
                yield WriteRequest(resource_name=f"uploads/{upload.id}", data=b"12345")
                await hanging.wait()

            async def write() -> None:
                async with aclosing(one.stream("Write", half_dead())) as answers:
                    async for _ in answers:
                        pass

            task = asyncio.create_task(write())
            async with asyncio.timeout(WAIT):
                await has_come(two, upload.id, 5)
                os.kill(pids[0], signal.SIGKILL)
                with pytest.raises(CallError):
                    await task
                assert await append(two, upload.id, 5, b"67890") == 10
                assert (await finish(two, upload.id)).size == 10

"""UploadService and FileService through the port: every call by every protocol, limits, denials, and a store that is elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from fireside.gen.v1.file_pb2 import File, Upload
from fireside.gen.v1.file_service_pb2 import DeleteFileRequest, GetFileRequest
from fireside.gen.v1.policy_pb2 import Limits, RoleLimits
from fireside.gen.v1.policy_service_pb2 import GetPolicyRequest, UpdatePolicyRequest
from fireside.gen.v1.upload_service_pb2 import (
    AppendUploadRequest,
    CancelUploadRequest,
    CreateUploadRequest,
    FinishUploadRequest,
    GetUploadLimitsRequest,
    GetUploadRequest,
    ListUploadsRequest,
)
from tests.accounts import ADMIN, MEMBER, AccountsServer, accounts_server
from tests.callers import CALLERS, Caller, CallError, caller
from tests.files_rig import MIB, noise
from tests.http_calls import http
from tests.rig import new_uuid
from tests.s3_server import s3_server
from tests.served import Served, serve

LARGEST_PIECE = 8 * MIB


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path, upload_refused_types="video/*,.exe", upload_max_bytes="20000000") as server:
        yield server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path) as server:
        yield server


async def begin(client: Caller, size: int, **fields: Any) -> Upload:
    request = CreateUploadRequest(**{"upload_id": new_uuid(), "name": "data.bin", "size": size, **fields})
    answer = await client.unary("CreateUpload", request)
    assert answer.WhichOneof("outcome") == "upload"
    return answer.upload


async def append(client: Caller, upload_id: str, offset: int, data: bytes, **fields: Any) -> int:
    request = AppendUploadRequest(upload_id=upload_id, offset=offset, data=data, **fields)
    return (await client.unary("AppendUpload", request)).offset


async def finish(client: Caller, upload_id: str, sha256: bytes = b"") -> File:
    return (await client.unary("FinishUpload", FinishUploadRequest(upload_id=upload_id, sha256=sha256))).finished.file


async def bring(client: Caller, data: bytes, piece: int = MIB, **fields: Any) -> File:
    upload = await begin(client, len(data), **fields)
    for at in range(0, len(data), piece):
        await append(client, upload.id, at, data[at : at + piece])
    return await finish(client, upload.id)


def info_of(error: CallError) -> ErrorInfo:
    """Why a call was refused, as a program reads it."""
    return ErrorInfo.FromString(error.details["google.rpc.ErrorInfo"])


async def refused(call: Any) -> tuple[str, ErrorInfo]:
    """The status and the reason that a call is refused with."""
    with pytest.raises(CallError) as caught:
        await call
    return caught.value.code, info_of(caught.value)


@pytest.mark.parametrize("kind", CALLERS)
async def test_every_call_by_every_protocol(served: Served, kind: str) -> None:
    data = noise(300_000)
    async with caller(kind, served.url) as client:
        limits = (await client.unary("GetUploadLimits", GetUploadLimitsRequest())).limits
        assert (limits.max_file_bytes, limits.remaining_bytes, list(limits.refused_types)) == (
            20_000_000, -1, ["video/*", ".exe"],
        )  # fmt: skip
        assert limits.piece_bytes <= limits.max_piece_bytes == LARGEST_PIECE
        upload = await begin(client, len(data), name="a b.bin", fingerprint="x")
        assert await append(client, upload.id, 0, data[:100_000], crc32=zlib.crc32(data[:100_000])) == 100_000
        listed = (await client.unary("ListUploads", ListUploadsRequest())).uploads
        assert [(one.id, one.offset, one.fingerprint) for one in listed] == [(upload.id, 100_000, "x")]
        code, info = await refused(append(client, upload.id, 5, b"x"))
        assert (code, info.reason, info.metadata["offset"]) == ("FAILED_PRECONDITION", "OFFSET_MISMATCH", "100000")
        code, info = await refused(append(client, upload.id, 100_000, b"x", crc32=1))
        assert (code, info.reason) == ("INVALID_ARGUMENT", "CHECKSUM_MISMATCH")
        code, info = await refused(append(client, upload.id, 100_000, bytes(200_001)))
        assert (code, info.reason) == ("INVALID_ARGUMENT", "PAST_END")
        code, info = await refused(finish(client, upload.id))
        assert (code, info.reason, info.metadata["offset"]) == ("FAILED_PRECONDITION", "UPLOAD_INCOMPLETE", "100000")
        await append(client, upload.id, 100_000, data[100_000:])
        file = await finish(client, upload.id, hashlib.sha256(data).digest())
        assert (file.id, file.sha256) == (upload.id, hashlib.sha256(data).digest())
        got = await client.unary("GetUpload", GetUploadRequest(upload_id=upload.id))
        assert got.finished.file == (await client.unary("GetFile", GetFileRequest(file_id=file.id))).file == file
        assert got.finished.document.id == file.document_id
        request = CreateUploadRequest(upload_id=new_uuid(), name="copy", size=len(data), sha256=file.sha256)
        copy = (await client.unary("CreateUpload", request)).finished.file
        for one in (file, copy):
            await client.unary("DeleteFile", DeleteFileRequest(file_id=one.id))
        assert (await refused(client.unary("GetFile", GetFileRequest(file_id=file.id))))[0] == "NOT_FOUND"
        upload = await begin(client, 10)
        await client.unary("CancelUpload", CancelUploadRequest(upload_id=upload.id))
        assert (await refused(client.unary("GetUpload", GetUploadRequest(upload_id=upload.id))))[0] == "NOT_FOUND"


@pytest.mark.parametrize("kind", CALLERS)
async def test_the_largest_piece_fits_and_a_larger_one_is_refused(served: Served, kind: str) -> None:
    data = noise(LARGEST_PIECE)
    # In JSON bytes are a third longer, and a message has the same limit.
    most = LARGEST_PIECE if "json" not in kind else LARGEST_PIECE * 3 // 4
    async with caller(kind, served.url) as client:
        upload = await begin(client, LARGEST_PIECE + 1)
        assert await append(client, upload.id, 0, data[:most]) == most
        for size in (LARGEST_PIECE + 1, 12 * MIB):
            with pytest.raises(CallError) as caught:
                await append(client, upload.id, most, bytes(size))
            assert caught.value.code in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED")
        # The connection still works, also where nobody stops a client that sends its whole body first.
        assert (await client.unary("GetUpload", GetUploadRequest(upload_id=upload.id))).upload.offset == most


async def test_a_message_too_large_for_another_service_is_refused_by_size(served: Served) -> None:
    async with caller("connect-h1", served.url) as client:
        with pytest.raises(CallError) as caught:
            await client.unary("ListUploads", ListUploadsRequest(page_token="x" * (LARGEST_PIECE + 100_000)))
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    answer = await http(
        served.url, "POST", "/fireside.v1.FileService/GetFile", {"content-type": "application/proto"}, bytes(100_000)
    )
    assert answer.status == 429


async def test_what_is_refused_is_told_before_anything_is_sent(served: Served) -> None:
    async with caller("connect-h2", served.url) as client:
        for fields, reason in (
            ({"name": "setup.exe"}, "FILE_TYPE_REFUSED"),
            ({"media_type": "video/mp4"}, "FILE_TYPE_REFUSED"),
            ({"size": 20_000_001}, "FILE_TOO_LARGE"),
            ({"name": "../.."}, "FILE_NAME_INVALID"),
        ):
            code, info = await refused(begin(client, **{"size": 5, **fields}))
            assert (code, info.reason) == ("INVALID_ARGUMENT", reason)
        code, info = await refused(begin(client, 5, sha256=b"short"))
        assert (code, info.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
        code, info = await refused(begin(client, 5, collection_id=new_uuid()))
        assert (code, info.reason) == ("NOT_FOUND", "COLLECTION_NOT_FOUND")


async def test_a_quota_is_told_and_kept(server: AccountsServer) -> None:
    admin, person = await server.person("Ada", ADMIN), await server.person("Ann", MEMBER)
    async with admin.caller() as client:
        policy = (await client.unary("GetPolicy", GetPolicyRequest())).policy
        policy.limits.append(RoleLimits(role=MEMBER, limits=Limits(storage_bytes=1000)))  # pyright: ignore[reportArgumentType]
        await client.unary("UpdatePolicy", UpdatePolicyRequest(policy=policy))
    async with person.caller() as client:
        file = await bring(client, noise(600))
        with pytest.raises(CallError) as caught:
            await begin(client, 401)
        assert (caught.value.code, info_of(caught.value).reason) == ("RESOURCE_EXHAUSTED", "STORAGE_FULL")
        assert "google.rpc.RetryInfo" in caught.value.details
        limits = (await client.unary("GetUploadLimits", GetUploadLimitsRequest())).limits
        assert (limits.used_bytes, limits.remaining_bytes) == (600, 400)
        await client.unary("DeleteFile", DeleteFileRequest(file_id=file.id))
        await begin(client, 1000)


async def test_a_stranger_finds_nothing_and_learns_nothing(server: AccountsServer) -> None:
    owner, stranger = await server.person("Ann", MEMBER), await server.person("Bob", MEMBER)
    data = noise(1000)
    async with owner.caller() as client:
        upload, file = await begin(client, 10), await bring(client, data)
    async with stranger.caller() as client:
        for upload_id in (upload.id, file.id, new_uuid()):
            for call in (
                append(client, upload_id, 0, b"x"), finish(client, upload_id),
                client.unary("GetUpload", GetUploadRequest(upload_id=upload_id)),
                client.unary("CancelUpload", CancelUploadRequest(upload_id=upload_id)),
            ):  # fmt: skip
                code, info = await refused(call)
                assert (code, info.reason) == ("NOT_FOUND", "UPLOAD_NOT_FOUND")
        for method, request in (("GetFile", GetFileRequest), ("DeleteFile", DeleteFileRequest)):
            known, unknown = [
                await refused(client.unary(method, request(file_id=one))) for one in (file.id, new_uuid())
            ]
            assert (known[0], known[1].reason) == (unknown[0], unknown[1].reason) == ("NOT_FOUND", "FILE_NOT_FOUND")
        for taken in (upload.id, file.id):
            assert (await refused(begin(client, 10, upload_id=taken)))[0] == "ALREADY_EXISTS"
        # The bytes of somebody else's file have to be sent.
        again = await begin(client, len(data), sha256=file.sha256)
        assert again.offset == 0
        assert [one.id for one in (await client.unary("ListUploads", ListUploadsRequest())).uploads] == [again.id]
    async with owner.caller() as client:
        assert (await client.unary("GetUpload", GetUploadRequest(upload_id=upload.id))).upload.offset == 0


async def test_pieces_at_once_are_taken_one_after_the_other(served: Served) -> None:
    data = noise(4 * MIB)
    async with caller("connect-h2", served.url) as client:
        upload = await begin(client, len(data))

        async def insist(at: int) -> None:
            offset = 0
            while offset < at + MIB:
                try:
                    offset = await append(client, upload.id, at, data[at : at + MIB])
                except CallError as error:
                    if error.code not in ("FAILED_PRECONDITION", "ABORTED", "UNAVAILABLE"):
                        raise
                    offset = int(info_of(error).metadata.get("offset", "0"))

        async with asyncio.timeout(60):
            await asyncio.gather(*(insist(at) for at in range(0, len(data), MIB)))
        assert (await finish(client, upload.id)).sha256 == hashlib.sha256(data).digest()


async def test_files_can_be_in_an_s3_compatible_store(tmp_path: Path) -> None:
    data = noise(9 * MIB)
    with s3_server() as s3:
        async with serve(tmp_path, **s3.settings("team/a")) as served, caller("grpcio", served.url) as client:
            upload = await begin(client, len(data), sha256=hashlib.sha256(data).digest())
            await append(client, upload.id, 0, data[: 5 * MIB])
            assert (await client.unary("GetUpload", GetUploadRequest(upload_id=upload.id))).upload.offset == 5 * MIB
        # Another server goes on, and reads what it has not seen.
        async with serve(tmp_path, **s3.settings("team/a")) as served, caller("grpcio", served.url) as client:
            assert await append(client, upload.id, 5 * MIB, data[5 * MIB :]) == len(data)
            file = await finish(client, upload.id)
            assert file.sha256 == hashlib.sha256(data).digest()
            answer = await http(served.url, "GET", f"/files/{file.id}", {"range": "bytes=9000000-9000009"})
            assert (answer.status, answer.body) == (206, data[9_000_000:9_000_010])
            await client.unary("DeleteFile", DeleteFileRequest(file_id=file.id))
    assert not (tmp_path / "blobs").exists()

"""Pieces that are written while they arrive: AppendUpload in Connect's binary format with its data at the end."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from fireside.gen.v1.upload_service_pb2 import (
    AppendUploadRequest,
    AppendUploadResponse,
    CreateUploadRequest,
    FinishUploadRequest,
    GetUploadLimitsRequest,
    GetUploadRequest,
)
from tests.accounts import accounts_server
from tests.callers import Caller, caller
from tests.files_rig import MIB, noise
from tests.http_calls import HttpAnswer, http
from tests.rig import new_uuid
from tests.served import Served, serve

PATH = "/fireside.v1.UploadService/AppendUpload"
BINARY = {"content-type": "application/proto"}
DATA = b"\x1a"  # the tag of `data`: field 3, with a length


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Caller]:
    async with caller("connect-h2", served.url) as client:
        yield client


def varint(number: int) -> bytes:
    made = bytearray()
    while number >= 0x80:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])


def sums(data: bytes) -> list[int]:
    return [zlib.crc32(data[at : at + MIB]) for at in range(0, len(data), MIB)]


def message(upload_id: str, offset: int, data: bytes, checked: Sequence[int] = (), crc32: int | None = None) -> bytes:
    """A piece as a browser writes it."""
    head = AppendUploadRequest(upload_id=upload_id, offset=offset, segment_crc32s=checked, crc32=crc32)
    return head.SerializeToString() + DATA + varint(len(data)) + data


async def append(served: Served, body: bytes) -> HttpAnswer:
    return await http(served.url, "POST", PATH, BINARY, body)


async def begin(client: Caller, size: int) -> str:
    upload_id = new_uuid()
    await client.unary("CreateUpload", CreateUploadRequest(upload_id=upload_id, name="data.bin", size=size))
    return upload_id


async def there(client: Caller, upload_id: str) -> int:
    return (await client.unary("GetUpload", GetUploadRequest(upload_id=upload_id))).upload.offset


def reason(answer: HttpAnswer) -> str:
    """The code, the reason and what is told with it."""
    told = answer.json()
    infos = [one["value"] for one in told.get("details", []) if one["type"] == "google.rpc.ErrorInfo"]
    info = ErrorInfo.FromString(base64.b64decode(infos[0] + "==")) if infos else ErrorInfo()
    return f"{told['code']} {info.reason} {dict(info.metadata)}"


async def test_a_piece_may_be_larger_than_what_is_kept_in_memory(served: Served, client: Caller) -> None:
    limits = (await client.unary("GetUploadLimits", GetUploadLimitsRequest())).limits
    assert limits.max_streamed_piece_bytes > limits.max_piece_bytes
    data = noise(limits.max_streamed_piece_bytes + 5)
    upload_id = await begin(client, len(data))
    first, rest = data[: limits.max_streamed_piece_bytes], data[limits.max_streamed_piece_bytes :]
    answer = await append(served, message(upload_id, 0, first, sums(first)))
    assert (answer.status, AppendUploadResponse.FromString(answer.body).offset) == (200, len(first))
    answer = await append(served, message(upload_id, len(first), rest))
    assert AppendUploadResponse.FromString(answer.body).offset == len(data)
    finished = await client.unary(
        "FinishUpload", FinishUploadRequest(upload_id=upload_id, sha256=hashlib.sha256(data).digest())
    )
    assert finished.finished.file.size == len(data)
    larger = await append(served, message(new_uuid(), 0, data))
    assert "resource_exhausted" in reason(larger)


async def test_what_came_before_a_damaged_part_is_kept(served: Served, client: Caller) -> None:
    data = noise(5 * MIB + 7)
    upload_id = await begin(client, len(data))
    checked = sums(data)
    checked[3] ^= 1
    answer = await append(served, message(upload_id, 0, data, checked))
    assert answer.status == 400
    assert "CHECKSUM_MISMATCH" in reason(answer)
    assert await there(client, upload_id) == 3 * MIB
    rest = data[3 * MIB :]
    answer = await append(served, message(upload_id, 3 * MIB, rest, sums(rest)))
    assert AppendUploadResponse.FromString(answer.body).offset == len(data)


async def test_what_came_before_the_line_was_cut_is_kept(served: Served, client: Caller) -> None:
    data = noise(8 * MIB)
    upload_id = await begin(client, len(data))
    body = message(upload_id, 0, data, sums(data))
    host, _, port = served.url.partition("://")[2].rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {PATH} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/proto\r\ncontent-length: {len(body)}\r\n"
    writer.write(head.encode() + b"\r\n" + body[: 5 * MIB + 1000])
    await writer.drain()
    writer.transport.abort()
    async with asyncio.timeout(10):
        while (offset := await there(client, upload_id)) != 5 * MIB:
            assert offset % MIB == 0
            await asyncio.sleep(0)
    rest = data[offset:]
    answer = await append(served, message(upload_id, offset, rest, sums(rest)))
    assert AppendUploadResponse.FromString(answer.body).offset == len(data)


async def test_refusals_are_told_to_who_is_still_sending(served: Served, client: Caller) -> None:
    data = noise(12 * MIB)
    upload_id = await begin(client, 12 * MIB)
    behind = await append(served, message(upload_id, 5, data))
    assert (behind.status, "'offset': '0'" in reason(behind)) == (400, True)
    beyond = await append(served, message(upload_id, 0, data + b"!"))
    assert "PAST_END" in reason(beyond)
    strange = await append(served, message(new_uuid(), 0, data))
    assert (strange.status, "UPLOAD_NOT_FOUND" in reason(strange)) == (404, True)
    few = await append(served, message(upload_id, 0, data, sums(data)[:-1]))
    assert "CHECKSUM_MALFORMED" in reason(few)
    whole = await append(served, message(upload_id, 0, data, crc32=zlib.crc32(data)))
    assert "PIECE_TOO_LARGE" in reason(whole)
    no_id = await append(served, message("not an id", 0, data))
    assert "invalid_argument" in reason(no_id)


async def test_a_checksum_of_the_whole_is_looked_at_before_anything_is_kept(served: Served, client: Caller) -> None:
    data = noise(3 * MIB)
    upload_id = await begin(client, len(data))
    wrong = await append(served, message(upload_id, 0, data, crc32=zlib.crc32(data) ^ 1))
    assert "CHECKSUM_MISMATCH" in reason(wrong)
    assert await there(client, upload_id) == 0
    right = await append(served, message(upload_id, 0, data, crc32=zlib.crc32(data)))
    assert AppendUploadResponse.FromString(right.body).offset == len(data)


async def test_segments_are_looked_at_whatever_the_order_of_fields(served: Served, client: Caller) -> None:
    data = noise(2 * MIB + 1)
    upload_id = await begin(client, len(data))
    wrong = AppendUploadRequest(upload_id=upload_id, data=data, segment_crc32s=[*sums(data)[:2], 7])
    assert "CHECKSUM_MISMATCH" in reason(await append(served, wrong.SerializeToString()))
    rest = data[await there(client, upload_id) :]
    right = AppendUploadRequest(upload_id=upload_id, offset=2 * MIB, data=rest, segment_crc32s=sums(rest))
    answer = await append(served, right.SerializeToString())
    assert AppendUploadResponse.FromString(answer.body).offset == len(data)


async def test_an_empty_piece_tells_how_far_it_is(served: Served, client: Caller) -> None:
    upload_id = await begin(client, 10)
    answer = await append(served, message(upload_id, 0, b""))
    assert (answer.status, AppendUploadResponse.FromString(answer.body).offset) == (200, 0)
    assert "OFFSET_MISMATCH" in reason(await append(served, message(upload_id, 3, b"")))


async def test_nobody_appends_who_did_not_sign_in(tmp_path: Path) -> None:
    async with accounts_server(tmp_path) as server:
        answer = await http(server.url, "POST", PATH, BINARY, message(new_uuid(), 0, noise(MIB)))
        assert (answer.status, "unauthenticated" in reason(answer)) == (401, True)

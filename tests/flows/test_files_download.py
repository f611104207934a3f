"""GET and HEAD /files/{id}: ranges, conditions, headers that let nothing run, and who may."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fireside.core.principal import LOCAL, Principal
from fireside.files.uploads import UploadSpec
from fireside.gen.v1.account_service_pb2 import CreateApiKeyRequest
from tests.accounts import MEMBER, accounts_server
from tests.http_calls import http
from tests.served import Served, serve

TEXT = b"0123456789"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000" + "1f15c489" + "0000000d49444154789c6360606060000000050001" + "a5f64540"
    + "0000000049454e44ae426082"
)  # fmt: skip
PAGE = b"<!doctype html><script>alert(1)</script>"
PAGE_SITE = "https://app.example.org"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


async def put(served: Served, data: bytes, name: str = "a.txt", media_type: str = "", who: Principal = LOCAL) -> str:
    """The path of a file."""
    uploads = served.app.asgi.services.files.uploads
    spec = UploadSpec(id=str(uuid.uuid4()), name=name, size=len(data), media_type=media_type)
    await uploads.create(who, spec)
    async with uploads.writing(who, spec.id) as writer:
        await writer.write(0, data)
    return f"/files/{(await uploads.finish(who, spec.id)).file.id}"


async def test_a_file_comes_whole_and_nothing_of_it_runs(served: Served) -> None:
    path = await put(served, TEXT, "年报 2026.txt")
    answer = await http(served.url, "GET", path)
    assert (answer.status, answer.body) == (200, TEXT)
    headers = answer.headers
    assert headers["content-length"] == "10"
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["etag"] == f'"{hashlib.sha256(TEXT).hexdigest()}"'
    assert headers["content-disposition"].startswith("attachment; ")
    assert headers["content-disposition"].endswith("filename*=UTF-8''%E5%B9%B4%E6%8A%A5%202026.txt")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert headers["cache-control"] == "private, no-cache"
    assert headers["accept-ranges"] == "bytes"
    head = await http(served.url, "HEAD", path)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "10")
    assert {**head.headers, "date": ""} == {**headers, "date": ""}


@pytest.mark.parametrize(
    ("headers", "status", "body", "content_range"),
    [
        ({"range": "bytes=2-4"}, 206, b"234", "bytes 2-4/10"),
        ({"range": "bytes=7-"}, 206, b"789", "bytes 7-9/10"),
        ({"range": "bytes=-2"}, 206, b"89", "bytes 8-9/10"),
        ({"range": "bytes=0-99"}, 206, TEXT, "bytes 0-9/10"),
        ({"range": "bytes=0-1,3-4"}, 200, TEXT, None),
        ({"range": "bytes=10-"}, 416, None, "bytes */10"),
        ({"range": "bytes=2-4", "if-range": "ETAG"}, 206, b"234", "bytes 2-4/10"),
        ({"range": "bytes=2-4", "if-range": '"other"'}, 200, TEXT, None),
        ({"range": "bytes=2-4", "if-range": "Sat, 28 Nov 2026 16:00:00 GMT"}, 200, TEXT, None),
        ({"if-none-match": "ETAG"}, 304, b"", None),
        ({"if-none-match": '"other", W/ETAG'}, 304, b"", None),
        ({"if-none-match": '"other"'}, 200, TEXT, None),
    ],
)
async def test_ranges_and_conditions(
    served: Served, headers: dict[str, str], status: int, body: bytes | None, content_range: str | None
) -> None:
    path = await put(served, TEXT)
    etag = f'"{hashlib.sha256(TEXT).hexdigest()}"'
    answer = await http(served.url, "GET", path, {key: text.replace("ETAG", etag) for key, text in headers.items()})
    assert answer.status == status
    assert body is None or answer.body == body
    assert answer.headers.get("content-range") == content_range
    assert answer.headers["etag"] == etag


@pytest.mark.parametrize(
    ("data", "name", "shown"),
    [
        (TEXT, "a.txt", True),
        (PNG, "a.png", True),
        (b"%PDF-1.4\n%%EOF\n", "a.pdf", True),
        (PAGE, "a.html", False),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "a.svg", False),
        # What it says it is does not count.
        (PAGE, "a.png", False),
    ],
)
async def test_only_what_is_harmless_is_shown(served: Served, data: bytes, name: str, shown: bool) -> None:
    path = await put(served, data, name, "image/png" if name == "a.png" else "")
    answer = await http(served.url, "GET", f"{path}?inline=1")
    assert answer.headers["content-disposition"].startswith("inline" if shown else "attachment")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]
    assert (await http(served.url, "GET", f"{path}?inline=0")).headers["content-disposition"].startswith("attachment")


async def test_an_empty_file_is_a_file(served: Served) -> None:
    path = await put(served, b"")
    answer = await http(served.url, "GET", path)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")
    assert (await http(served.url, "GET", path, {"range": "bytes=0-"})).status == 416


async def test_who_may_not_finds_nothing(tmp_path: Path) -> None:
    async with accounts_server(tmp_path, cors_origins=PAGE_SITE) as server:
        ann, bob = await server.person("Ann"), await server.person("Bob", MEMBER)
        path = await put(server, TEXT, who=await server.principal(ann))
        assert (await http(server.url, "GET", path, ann.headers)).status == 200
        nobody = await http(server.url, "GET", path)
        assert (nobody.status, nobody.headers["www-authenticate"]) == (401, "Bearer")
        for answer in (
            await http(server.url, "GET", path, bob.headers),
            await http(server.url, "GET", f"/files/{uuid.uuid4()}", ann.headers),
        ):
            assert (answer.status, b"0123" in answer.body) == (404, False)
        # A link on another site opens it; a frame, a picture or a script there does not.
        link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
        assert (await http(server.url, "GET", path, {**ann.headers, **link})).status == 200
        for dest, mode in (("iframe", "navigate"), ("image", "no-cors"), ("script", "no-cors")):
            foreign = {**ann.headers, **link, "sec-fetch-dest": dest, "sec-fetch-mode": mode}
            assert (await http(server.url, "GET", path, foreign)).status == 403
        # A page that the settings name gets in with a key, and never with a cookie.
        async with ann.caller() as client:
            key = (await client.unary("CreateApiKey", CreateApiKeyRequest(name="page"))).secret
        page = {
            "origin": PAGE_SITE,
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": "cors",
            "sec-fetch-dest": "empty",
        }
        assert (await http(server.url, "GET", path, {**page, **ann.headers})).status == 401
        answer = await http(server.url, "GET", path, {**page, "authorization": f"Bearer {key}"})
        assert (answer.status, answer.body) == (200, TEXT)
        assert answer.headers["access-control-allow-origin"] == PAGE_SITE
        asking = {**page, "access-control-request-method": "PATCH", "access-control-request-headers": "tus-resumable"}
        told = await http(server.url, "OPTIONS", "/files/", asking)
        assert (told.status, "PATCH" in told.headers["access-control-allow-methods"]) == (204, True)
        assert "upload-offset" in told.headers["access-control-allow-headers"]


def open_files() -> int:
    return sum(1 for entry in Path("/proc/self/fd").iterdir() if "blobs" in os.path.realpath(entry))


@pytest.mark.parametrize("version", [1, 2])
async def test_a_client_that_goes_away_frees_the_file_within_a_second(served: Served, version: int) -> None:
    path = await put(served, random.Random(1).randbytes(40_000_000), "big.bin")
    before = open_files()
    if version == 1:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(served.address.rpartition(":")[2]))
        writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        await reader.readexactly(100_000)
        await served.open_streams(1)
        writer.transport.abort()
    else:
        process = await asyncio.create_subprocess_exec(
            "curl", "-s", "--http2-prior-knowledge", "--limit-rate", "100k", served.url + path, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        await process.stdout.readexactly(1000)
        await served.open_streams(1)
        process.kill()
        await process.communicate()
    await served.idle(1)
    assert open_files() <= before

"""tus 1.0 at /files/, as it is specified and as real clients speak it: tuspy, and tus-js-client on Node."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import io
import json
import random
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage

from fireside.core.principal import LOCAL
from fireside.gen.v1.file_pb2 import Upload
from tests.http_calls import HttpAnswer, http
from tests.node import node_with
from tests.served import Served, serve

SCRIPT = Path(__file__).parent.parent / "tus_client.mjs"
# Nothing has this id. The name of a test must be the same in each process that collects it.
NOWHERE = "0189c0de-0000-7000-8000-000000000000"
TUS = {"tus-resumable": "1.0.0"}
PATCH = {**TUS, "content-type": "application/offset+octet-stream"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def metadata(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


async def create(served: Served, size: int, **headers: str) -> str:
    """The path of a new upload."""
    answer = await http(served.url, "POST", "/files/", {**TUS, "upload-length": str(size), **headers})
    assert answer.status == 201, answer.body
    return answer.headers["location"]


async def patch(served: Served, path: str, offset: int, data: bytes, **headers: str) -> HttpAnswer:
    return await http(served.url, "PATCH", path, {**PATCH, "upload-offset": str(offset), **headers}, data)


async def head(served: Served, path: str) -> HttpAnswer:
    return await http(served.url, "HEAD", path, TUS)


async def stored(served: Served, path: str) -> bytes:
    answer = await http(served.url, "GET", path)
    assert answer.status == 200
    return answer.body


async def test_a_server_tells_what_it_can(served: Served) -> None:
    answer = await http(served.url, "OPTIONS", "/files/")
    assert answer.status == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) == {
        "creation", "creation-with-upload", "termination", "checksum", "expiration",
    }  # fmt: skip
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256,md5,crc32"
    assert int(answer.headers["tus-max-size"]) == 8_589_934_592


async def test_an_upload_goes_on_where_it_was_and_becomes_a_file(served: Served) -> None:
    data = noise(700_000)
    told = metadata(filename="年报.bin", filetype="application/x-thing", fingerprint="f1")
    path = await create(served, len(data), **{"upload-metadata": told})
    fresh = await head(served, path)
    assert (fresh.status, fresh.headers["upload-offset"], fresh.headers["upload-length"]) == (200, "0", "700000")
    assert fresh.headers["upload-metadata"] == told
    assert fresh.headers["cache-control"] == "no-store"
    assert fresh.headers["upload-expires"].endswith("GMT")
    first = await patch(served, path, 0, data[:300_000])
    assert (first.status, first.headers["upload-offset"]) == (204, "300000")
    assert "upload-file-id" not in first.headers
    assert (await head(served, path)).headers["upload-offset"] == "300000"
    last = await patch(served, path, 300_000, data[300_000:])
    assert (last.status, last.headers["upload-offset"]) == (204, "700000")
    assert last.headers["upload-file-id"] == path.rpartition("/")[2]
    assert uuid.UUID(last.headers["upload-document-id"])
    done = await head(served, path)
    assert (done.status, done.headers["upload-offset"], done.headers["upload-file-id"]) == (
        200, "700000", last.headers["upload-file-id"],
    )  # fmt: skip
    assert await stored(served, path) == data


async def test_a_wrong_offset_is_told_the_right_one(served: Served) -> None:
    path = await create(served, 10)
    await patch(served, path, 0, b"1234")
    for offset, data in ((0, b"1234"), (7, b"890"), (0, b""), (4_000_000_000, b"x")):
        answer = await patch(served, path, offset, data)
        assert (answer.status, answer.headers["upload-offset"]) == (409, "4"), answer.body
    assert (await patch(served, path, 4, b"")).headers["upload-offset"] == "4"
    assert (await patch(served, path, 4, b"567890")).status == 204
    late = await patch(served, path, 0, b"1234567890")
    assert (late.status, late.headers["upload-offset"]) == (409, "10")
    assert (await patch(served, path, 10, b"")).status == 204


async def test_an_empty_file_is_complete_at_once_and_a_first_piece_may_come_with_the_creation(served: Served) -> None:
    empty = await http(served.url, "POST", "/files/", {**TUS, "upload-length": "0"})
    assert (empty.status, empty.headers["upload-offset"]) == (201, "0")
    assert empty.headers["upload-file-id"] == empty.headers["location"].rpartition("/")[2]
    begun = await http(served.url, "POST", "/files/", {**PATCH, "upload-length": "9"}, b"12345")
    assert (begun.status, begun.headers["upload-offset"]) == (201, "5")
    whole = await http(served.url, "POST", "/files/", {**PATCH, "upload-length": "3"}, b"abc")
    assert (whole.status, whole.headers["upload-offset"]) == (201, "3")
    assert await stored(served, whole.headers["location"]) == b"abc"


async def test_a_piece_that_is_not_what_was_sent_is_left_out(served: Served) -> None:
    path = await create(served, 10)
    wrong = {"upload-checksum": f"sha1 {base64.b64encode(hashlib.sha1(b'other').digest()).decode()}"}  # noqa: S324
    assert (await patch(served, path, 0, b"12345", **wrong)).status == 460
    assert (await head(served, path)).headers["upload-offset"] == "0"
    right = {"upload-checksum": f"sha256 {base64.b64encode(hashlib.sha256(b'12345').digest()).decode()}"}
    assert (await patch(served, path, 0, b"12345", **right)).headers["upload-offset"] == "5"
    assert (await patch(served, path, 5, b"67890", **{"upload-checksum": "sha512 AAAA"})).status == 400
    begun = await http(served.url, "POST", "/files/", {**PATCH, **wrong, "upload-length": "9"}, b"12345")
    assert begun.status == 460
    uploads = await served.app.asgi.services.files.uploads.page(LOCAL, 10, "")
    assert [upload.id for upload in uploads[0]] == [path.rpartition("/")[2]]


async def test_a_whole_that_is_not_what_was_announced_is_told_and_gone(served: Served) -> None:
    told = metadata(sha256=hashlib.sha256(b"other").hexdigest())
    path = await create(served, 5, **{"upload-metadata": told})
    assert (await patch(served, path, 0, b"12345")).status == 460
    assert (await head(served, path)).status == 404


async def test_a_file_that_is_there_already_need_not_be_sent(served: Served) -> None:
    data = noise(1000)
    told = {"upload-metadata": metadata(filename="a", sha256=hashlib.sha256(data).hexdigest())}
    await patch(served, await create(served, len(data), **told), 0, data)
    again = await http(served.url, "POST", "/files/", {**TUS, "upload-length": "1000", **told})
    assert (again.status, again.headers["upload-offset"]) == (201, "1000")
    assert await stored(served, again.headers["location"]) == data


async def test_an_upload_can_be_given_up(served: Served) -> None:
    path = await create(served, 10)
    assert (await http(served.url, "DELETE", path, TUS)).status == 204
    assert (await head(served, path)).status == 404
    assert (await patch(served, path, 0, b"x")).status == 404
    assert (await http(served.url, "DELETE", path, TUS)).status == 404


async def test_methods_that_proxies_hold_back_come_as_others(served: Served) -> None:
    path = await create(served, 3)
    answer = await http(
        served.url, "POST", path, {**PATCH, "upload-offset": "0", "x-http-method-override": "PATCH"}, b"abc"
    )
    assert (answer.status, answer.headers["upload-offset"]) == (204, "3")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/files/", {"upload-length": "5"}, 412),
        ("POST", "/files/", {"tus-resumable": "0.2.2", "upload-length": "5"}, 412),
        ("POST", "/files/", TUS, 400),
        ("POST", "/files/", {**TUS, "upload-length": "-5"}, 400),
        ("POST", "/files/", {**TUS, "upload-defer-length": "1"}, 400),
        ("POST", "/files/", {**TUS, "upload-length": "9000000000"}, 413),
        ("POST", "/files/", {**TUS, "upload-length": "5", "upload-metadata": "filename ///"}, 400),
        ("POST", "/files/", {**TUS, "upload-length": "5", "upload-metadata": metadata(collectionId=NOWHERE)}, 404),
        ("POST", "/files/", {**TUS, "upload-length": "5", "upload-metadata": metadata(filename="x.exe")}, 415),
        ("PATCH", f"/files/{NOWHERE}", {**PATCH, "upload-offset": "0"}, 404),
        ("PATCH", f"/files/{NOWHERE}", {**PATCH}, 400),
        ("PATCH", f"/files/{NOWHERE}", {**TUS, "upload-offset": "0"}, 415),
        ("HEAD", f"/files/{NOWHERE}", TUS, 404),
        ("PUT", "/files/", TUS, 405),
        ("GET", "/files/a/b", {}, 404),
        ("GET", "/files/", {}, 404),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told(
    tmp_path: Path, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    async with serve(tmp_path, upload_refused_types=".exe") as served:
        answer = await http(served.url, method, path, headers, b"x" if method == "PATCH" else b"")
        assert answer.status == status, answer.body
        if method != "HEAD":
            assert len(answer.body) > 15
        if status == 412:
            assert answer.headers["tus-version"] == "1.0.0"


async def begin_patch(served: Served, path: str, size: int, data: bytes) -> asyncio.StreamWriter:
    """A PATCH of `size` bytes of which only `data` is sent."""
    _, writer = await asyncio.open_connection("127.0.0.1", int(served.address.rpartition(":")[2]))
    lines = [f"PATCH {path} HTTP/1.1", "host: localhost", f"content-length: {size}", "upload-offset: 0"]
    lines += [f"{name}: {value}" for name, value in PATCH.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + data)
    await writer.drain()
    return writer


async def test_what_arrived_before_a_cut_is_kept_to_the_last_byte(served: Served) -> None:
    data = noise(900_001)
    path = await create(served, len(data))
    writer = await begin_patch(served, path, len(data), data[:600_000])
    async with asyncio.timeout(20):
        while int((await head(served, path)).headers["upload-offset"]) < 500_000:
            pass
    writer.transport.abort()
    await served.idle(20)
    offset = int((await head(served, path)).headers["upload-offset"])
    assert offset == 600_000
    assert (await patch(served, path, offset, data[offset:])).status == 204
    assert await stored(served, path) == data


async def test_a_connection_that_is_half_dead_is_taken_over(served: Served) -> None:
    data = noise(400_000)
    path = await create(served, len(data))
    writer = await begin_patch(served, path, len(data), data[:300_000])
    await served.open_streams(1)
    offset = 0
    async with asyncio.timeout(20):
        while True:  # until what was sent has been seen
            answer = await patch(served, path, offset, data[offset:])
            if answer.status == 204:
                break
            assert answer.status in {409, 423}
            offset = int(answer.headers.get("upload-offset", offset))
    await served.idle(20)
    writer.close()
    assert await stored(served, path) == data


def tuspy(served: Served) -> TusClient:
    return TusClient(f"{served.url}/files/")


# It leaves it to the collector to close the file.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_tuspy_uploads_with_checksums_and_finds_its_upload_again(served: Served, tmp_path: Path) -> None:
    data = noise(3_000_000)
    (tmp_path / "data.bin").write_bytes(data)
    urls = FileStorage(str(tmp_path / "urls.json"))
    kept: dict[str, Any] = {
        "file_path": str(tmp_path / "data.bin"), "chunk_size": 1_000_000, "store_url": True, "url_storage": urls,
        "upload_checksum": True, "metadata": {"filename": "data.bin"},
    }  # fmt: skip

    def half() -> None:
        tuspy(served).uploader(**kept).upload(stop_at=1_000_000)

    def rest() -> str:
        uploader = tuspy(served).uploader(**kept)
        assert uploader.offset == 1_000_000
        uploader.upload()
        return str(uploader.url)

    await asyncio.to_thread(half)
    url = await asyncio.to_thread(rest)
    urls.close()
    gc.collect()
    assert await stored(served, url.removeprefix(served.url)) == data


async def test_tuspy_takes_a_stream_in_one_piece(served: Served) -> None:
    data = noise(2_000_000)

    def run() -> str:
        uploader = tuspy(served).uploader(file_stream=io.BytesIO(data))
        uploader.upload()
        return str(uploader.url)

    assert await stored(served, (await asyncio.to_thread(run)).removeprefix(served.url)) == data


async def test_tus_js_client_uploads_stops_goes_on_and_gives_up(served: Served, tmp_path: Path) -> None:
    data = noise(3_000_000)
    (tmp_path / "data.bin").write_bytes(data)
    process = await asyncio.create_subprocess_exec(
        node_with("tus-js-client"), str(SCRIPT), f"{served.url}/files/", str(tmp_path / "data.bin"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    told = json.loads(out)
    assert 0 < told["resumedAt"] < len(data)
    for name in ("whole", "pieces", "resumed", "atOnce"):
        assert await stored(served, told[name].removeprefix(served.url)) == data, name
    assert (await head(served, told["givenUp"].removeprefix(served.url))).status == 404
    assert told["fileId"] == told["whole"].rpartition("/")[2]


async def test_a_last_byte_without_an_end_is_ended_by_whoever_asks(served: Served) -> None:
    """As after a crash between the two."""
    uploads = served.app.asgi.services.files.uploads
    path = await create(served, 5)
    async with uploads.writing(LOCAL, path.rpartition("/")[2]) as writer:
        await writer.write(0, b"12345")
    answer = await head(served, path)
    assert (answer.headers["upload-offset"], answer.headers["upload-file-id"]) == ("5", path.rpartition("/")[2])
    assert await stored(served, path) == b"12345"


async def test_a_shutdown_ends_uploads_that_go_on_later(served: Served) -> None:
    data = noise(400_000)
    path = await create(served, 1_000_000)
    writer = await begin_patch(served, path, 1_000_000, data)
    await served.open_streams(1)
    await served.app.drain(0.0)
    await served.idle(20)
    writer.close()
    found = await served.app.asgi.services.files.uploads.get(LOCAL, path.rpartition("/")[2])
    assert isinstance(found, Upload)
    assert found.offset <= len(data)

"""`fireside upload` against a real server: folders, going on, skipping, waiting, and what it says and returns."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fireside.cli.link import open_link
from fireside.cli.upload.reading import Reading
from fireside.cli.upload.screen import Running
from fireside.cli.upload.sending import Journey, Links
from fireside.cli.upload.sources import sources
from fireside.config import load_client
from fireside.gen.v1.collection_pb2 import Collection
from fireside.gen.v1.collection_service_pb2 import CreateCollectionRequest, ListCollectionsRequest
from fireside.gen.v1.document_pb2 import Document
from fireside.gen.v1.file_service_pb2 import GetFileRequest
from fireside.gen.v1.knowledge_service_pb2 import ListDocumentsRequest
from fireside.gen.v1.upload_service_pb2 import ListUploadsRequest
from tests.bad_line import Faults, bad_line
from tests.callers import Caller, caller
from tests.rig import new_uuid
from tests.served import Served, serve
from tests.server_process import FIRESIDE, environment, fireside, server_process

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Served]:
    (tmp_path / "server").mkdir()
    async with serve(tmp_path / "server") as started:
        yield started


@pytest.fixture
async def client(server: Served) -> AsyncIterator[Caller]:
    async with caller("grpcio", server.url) as made:
        yield made


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


async def collection(client: Caller, name: str = "Manuals") -> Collection:
    request = CreateCollectionRequest(collection_id=new_uuid(), name=name)
    return (await client.unary("CreateCollection", request)).collection


async def documents(client: Caller, name: str = "Manuals") -> dict[str, Document]:
    """The documents of a collection by folder and name."""
    found = (await client.unary("ListCollections", ListCollectionsRequest(query=name))).collections
    (it,) = [item for item in found if item.name == name]
    listed = await client.unary("ListDocuments", ListDocumentsRequest(collection_id=it.id, page_size=500))
    return {f"{item.folder}/{item.name}".strip("/"): item for item in listed.documents}


async def hash_of(client: Caller, document: Document) -> bytes:
    return (await client.unary("GetFile", GetFileRequest(file_id=document.file_id))).file.sha256


async def run(folder: Path, server_url: str, *arguments: str) -> tuple[int, str]:
    """The exit code, and what it said."""
    code, out, err = await asyncio.to_thread(fireside, folder, "upload", *arguments, "--url", server_url)
    assert out == ""
    return code, err


async def test_a_folder_goes_up_with_its_structure_and_is_not_sent_twice(
    server: Served, client: Caller, tmp_path: Path
) -> None:
    files = {
        "docs/a.md": b"# Hello\n\nworld",
        "docs/sub/b.txt": b"text",
        "docs/sub/empty.txt": b"",
        "docs/c.bin": noise(3_000_000),
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    code, said = await run(tmp_path, server.url, "docs", "--collection", "Manuals")
    assert (code, "Add --create to make it" in said) == (1, True)
    code, said = await run(tmp_path, server.url, "docs", "--collection", "Manuals", "--create")
    assert code == 0, said
    assert "4 sent (3.0 MB in " in said
    found = await documents(client)
    assert set(found) == set(files)
    for name, data in files.items():
        assert await hash_of(client, found[name]) == hashlib.sha256(data).digest()
    (tmp_path / "docs/sub/b.txt").write_bytes(b"txet")
    code, said = await run(tmp_path, server.url, "docs", "--collection", found["docs/a.md"].collection_id)
    assert code == 0, said
    assert "1 sent" in said
    assert "3 there already." in said
    again = await documents(client)
    assert again["docs/sub/b.txt"].version == 2
    assert {name: item.version for name, item in again.items() if item.version > 1} == {"docs/sub/b.txt": 2}


async def test_waiting_tells_what_cannot_be_read(server: Served, client: Caller, tmp_path: Path) -> None:
    await collection(client)
    (tmp_path / "good.md").write_text("# Good\n\nIt can be read.")
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4\nbroken")
    code, said = await run(tmp_path, server.url, "good.md", "--collection", "Manuals", "--wait")
    assert (code, "1 of 1 can be searched." in said) == (0, True), said
    code, said = await run(tmp_path, server.url, "good.md", "bad.pdf", "--collection", "Manuals", "--wait")
    assert (code, "1 of 2 can be searched." in said) == (1, True), said
    assert "bad.pdf: " in said


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command while it runs."""
    process = subprocess.Popen(
        [FIRESIDE, "upload", *arguments], cwd=folder, env=environment(folder), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


async def half_way(client: Caller) -> Any:
    """The one upload, once some of it is there."""
    while True:
        found = (await client.unary("ListUploads", ListUploadsRequest())).uploads
        if found and found[0].offset:
            return found[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_a_command_that_was_ended_goes_on_where_it_was(
    server: Served, client: Caller, tmp_path: Path, number: signal.Signals
) -> None:
    await collection(client)
    data = noise(6_000_000)
    (tmp_path / "big.bin").write_bytes(data)
    # A line that is slow, so that there is a half.
    async with bad_line(port_of(server.url), Faults(reset=0, deaf=0, cut_every=10**12, rate=1_000_000)) as line:
        with running(tmp_path, "big.bin", "--collection", "Manuals", "--url", line.url) as process:
            upload = await half_way(client)
            process.send_signal(number)
            _, err = await asyncio.to_thread(process.communicate)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "The same command goes on where it was." in err
    there = (await client.unary("ListUploads", ListUploadsRequest())).uploads[0]
    assert (there.id, 0 < there.offset < len(data)) == (upload.id, True)
    async with bad_line(port_of(server.url), Faults(reset=0, deaf=0, cut_every=10**12)) as line:
        code, said = await run(tmp_path, line.url, "big.bin", "--collection", "Manuals")
        assert code == 0, said
        assert line.tally.carried < len(data) - there.offset + 100_000
    found = await documents(client)
    assert found["big.bin"].file_id == upload.id
    assert await hash_of(client, found["big.bin"]) == hashlib.sha256(data).digest()


async def test_it_goes_on_by_itself_when_the_server_was_killed(tmp_path: Path) -> None:
    data = noise(6_000_000)
    (tmp_path / "big.bin").write_bytes(data)
    (tmp_path / "server").mkdir()
    with server_process(tmp_path / "server") as server:
        async with caller("grpcio", server.url) as client:
            await collection(client)
            async with bad_line(port_of(server.url), Faults(reset=0, deaf=0, cut_every=10**12, rate=2_000_000)) as line:
                with running(tmp_path, "big.bin", "--collection", "Manuals", "--url", line.url) as process:
                    await half_way(client)
                    server.end(signal.SIGKILL)
                    with server_process(tmp_path / "server") as again:
                        line.target = again.port
                        _, err = await asyncio.to_thread(process.communicate)
                        assert process.returncode == 0, err
                        async with caller("grpcio", again.url) as other:
                            found = await documents(other)
                            assert await hash_of(other, found["big.bin"]) == hashlib.sha256(data).digest()


async def test_what_is_refused_is_told_and_the_rest_goes(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    async with serve(tmp_path / "server", upload_max_bytes="1000", upload_refused_types=".exe") as server:
        for name, size in (("a.txt", 10), ("big.txt", 1001), ("x.EXE", 5)):
            (tmp_path / name).write_bytes(b"x" * size)
        code, said = await run(tmp_path, server.url, "a.txt", "big.txt", "x.EXE", "--collection", "New", "--create")
        assert code == 1
        assert "big.txt: not sent: it has 1.0 kB, and the server takes at most 1.0 kB" in said
        assert "x.EXE: not sent: the server takes no files of this kind" in said
        assert "1 sent" in said
        assert "2 failed." in said


async def test_what_is_wrong_with_the_command_is_told(server: Served, client: Caller, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "none").mkdir()
    await collection(client, "Reports")
    for arguments, code, words in (
        (("b.txt", "--collection", "Reports"), 2, "There is no file or folder b.txt"),
        (("none", "--collection", "Reports"), 1, "There are no files there"),
        (("a.txt", "--collection", "Report"), 1, "There are: Reports"),
    ):
        found, said = await run(tmp_path, server.url, *arguments)
        assert (found, words in said) == (code, True), said
    found, said = await run(tmp_path, "http://127.0.0.1:1", "a.txt", "--collection", "Reports")
    assert (found, "There is no server at" in said) == (3, True), said


async def test_a_terminal_shows_lines_that_move(server: Served, client: Caller, tmp_path: Path) -> None:
    await collection(client)
    (tmp_path / "big.bin").write_bytes(noise(6_000_000))
    master, slave = os.openpty()
    async with bad_line(port_of(server.url), Faults(reset=0, deaf=0, cut_every=10**12, rate=3_000_000)) as line:
        process = await asyncio.create_subprocess_exec(
            FIRESIDE, "upload", "big.bin", "--collection", "Manuals", "--url", line.url, cwd=tmp_path,
            env={**environment(tmp_path), "TERM": "xterm", "COLUMNS": "100"}, stdout=slave, stderr=slave,
        )  # fmt: skip
        os.close(slave)
        shown = await asyncio.to_thread(_all_of, master)
        await process.wait()
    assert process.returncode == 0, shown
    assert "% " in shown
    assert "MB/s" in shown
    assert "left" in shown
    assert shown.rstrip().endswith("s).")


def _all_of(terminal: int) -> str:
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other side has gone
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(terminal)
    return b"".join(pieces).decode()


async def test_whoever_ends_the_command_while_it_asks_how_far_it_is_is_obeyed(tmp_path: Path) -> None:
    heard, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set()
        await reader.read()
        writer.close()
        gone.set()

    async with await asyncio.start_server(silent, "127.0.0.1") as mute:
        url = f"http://127.0.0.1:{mute.sockets[0].getsockname()[1]}"
        link = open_link(load_client({"url": url, "data_dir": str(tmp_path)}), key="")
        path = tmp_path / "big.bin"
        path.write_bytes(b"!")
        (source,) = sources([str(path)])
        reading = Reading(source)
        looking = asyncio.create_task(Journey(Links(link, link), source, reading, Running(source), 1.0)._look("x"))
        await heard.wait()
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        reading.close()
        await link.aclose()
        await gone.wait()

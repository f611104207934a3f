"""Three kinds of clients that bring files to a server over whatever line there is, and go on until they are there."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectrpc.errors import ConnectError
from pyqwest import Client, HTTPTransport, HTTPVersion
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from fireside.gen.v1.upload_service_connect import UploadServiceClient
from fireside.gen.v1.upload_service_pb2 import (
    AppendUploadRequest,
    CreateUploadRequest,
    FinishUploadRequest,
    GetUploadRequest,
)
from tests.server_process import FIRESIDE, environment

AT_ONCE = 3
_PATIENCE = 200
_LARGEST, _SMALLEST = 1024 * 1024, 128 * 1024


@dataclass(frozen=True, slots=True)
class Errand:
    """Files to bring to the server at `url`; `collection` is where the command puts them."""

    url: str
    files: Sequence[Path]
    collection: str


async def by_command(errand: Errand, folder: Path) -> None:
    """`fireside upload`, which speaks ByteStream over native gRPC. `folder` is its home."""
    process = await asyncio.create_subprocess_exec(
        FIRESIDE, "upload", *map(str, errand.files), "--collection", errand.collection, "--jobs", str(AT_ONCE),
        "--url", errand.url, cwd=folder, env=environment(folder), stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()


async def by_tus(errand: Errand) -> list[str]:
    """tuspy, each file in one PATCH as long as the line holds. Returns the files' ids."""
    return await _several(errand.files, lambda path: asyncio.to_thread(_tus, errand.url, path))


def _tus(url: str, path: Path) -> str:
    for _ in range(_PATIENCE):
        with path.open("rb") as file:
            try:
                uploader = TusClient(f"{url}/files/").uploader(
                    file_stream=_Reopened(file), metadata={"filename": path.name}, retries=_PATIENCE, retry_delay=0
                )
                uploader.upload()
            except TusCommunicationError:
                continue  # It tries everything again but the creation.
            return str(uploader.url).rpartition("/")[2]
    raise AssertionError(f"{path} never arrived")


class _Reopened:
    """A file that tuspy reads from where it likes."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


async def by_pieces(errand: Errand) -> list[str]:
    """UploadService in pieces over HTTP/1.1, as browsers do: smaller ones after a cut. Returns the files' ids."""

    async def one(path: Path) -> str:
        async with _client(errand.url) as client:
            return await _Pieces(client, path).bring()

    return await _several(errand.files, one)


@asynccontextmanager
async def _client(url: str) -> Any:
    async with HTTPTransport(http_version=HTTPVersion.HTTP1) as transport:
        yield UploadServiceClient(url, send_compression=None, accept_compression=(), http_client=Client(transport))


class _Pieces:
    def __init__(self, client: UploadServiceClient, path: Path) -> None:
        self._client = client
        self._name = path.name
        self._data = path.read_bytes()
        self._id = str(uuid.uuid4())
        self._size = _LARGEST
        self._well = 0

    async def bring(self) -> str:
        await self._asked(
            lambda: self._client.create_upload(
                CreateUploadRequest(upload_id=self._id, name=self._name, size=len(self._data))
            )
        )
        offset = 0
        while offset < len(self._data):
            piece = self._data[offset : offset + self._size]
            try:
                request = AppendUploadRequest(upload_id=self._id, offset=offset, data=piece)
                offset = (await self._client.append_upload(request)).offset
                self._well += 1
                if self._well == 8:
                    self._size, self._well = min(self._size * 2, _LARGEST), 0
            except ConnectError:
                self._size, self._well = max(self._size // 2, _SMALLEST), 0
                found = await self._asked(lambda: self._client.get_upload(GetUploadRequest(upload_id=self._id)))
                offset = found.upload.offset
        finishing = FinishUploadRequest(upload_id=self._id, sha256=hashlib.sha256(self._data).digest())
        return (await self._asked(lambda: self._client.finish_upload(finishing))).finished.file.id

    async def _asked(self, call: Callable[[], Awaitable[Any]]) -> Any:
        for _ in range(_PATIENCE):
            try:
                return await call()
            except ConnectError as error:
                last = error
        raise last


async def _several(files: Sequence[Path], bring: Callable[[Path], Awaitable[str]]) -> list[str]:
    queue = iter(files)
    found: list[str] = []

    async def worker() -> None:
        for path in queue:
            found.extend([await bring(path)])

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
    return found

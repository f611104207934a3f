"""The clients of `fireside bench upload`, one for each door: each sends the same bytes and has the server check their hash.

They read no disk and hash nothing, so that what is measured is the server.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pyqwest import Client, HTTPTransport, HTTPVersion

from fireside.cli.failure import CommandError
from fireside.core.ids import new_id
from fireside.gen.google.bytestream.bytestream_pb2 import ReadRequest, ReadResponse, WriteRequest
from fireside.gen.v1.file_service_pb2 import DeleteFileRequest
from fireside.gen.v1.upload_service_connect import UploadServiceClient
from fireside.gen.v1.upload_service_pb2 import (
    AppendUploadRequest,
    CreateUploadRequest,
    FinishUploadRequest,
    GetUploadLimitsRequest,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from fireside.cli.link import Link

_MESSAGE: Final = 256 * 1024
"""What `fireside upload` sends at a time."""

_BLOCK: Final = 1024 * 1024


class Payload:
    """The bytes of a file that is never whole in memory: one random MiB, again and again."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._block = os.urandom(_BLOCK)
        running = hashlib.sha256()
        for offset in range(0, size, _BLOCK):
            running.update(self._block[: size - offset])
        self.sha256 = running.digest()

    def at(self, offset: int, length: int) -> bytes:
        """A piece, which must not cross a MiB unless it is whole ones."""
        start = offset % _BLOCK
        length = min(length, self.size - offset)
        if start + length <= _BLOCK:
            return self._block if length == _BLOCK else self._block[start : start + length]
        return (self._block * (length // _BLOCK + 1))[:length]

    async def pieces(self, length: int) -> AsyncGenerator[bytes]:
        """All of it, in order."""
        for offset in range(0, self.size, length):
            yield self.at(offset, length)


@dataclass(frozen=True, slots=True)
class Doors:
    """A server, and what is sent to it."""

    link: Link
    port: int
    payload: Payload

    async def floor(self, port: int) -> None:
        """The same bytes to the sink, over HTTP/1.1."""
        status, text = await _send(port, "PUT", "/", {}, self.payload)
        if status != 200 or text.strip() != self.payload.sha256.hex().encode():
            raise CommandError("The floor's server did not get what was sent.")

    async def floor_http2(self, port: int) -> None:
        """The same over HTTP/2."""
        async with HTTPTransport(http_version=HTTPVersion.HTTP2) as transport:
            content = self.payload.pieces(_MESSAGE)
            response = await Client(transport).put(f"http://127.0.0.1:{port}/", content=content)
            if bytes(response.content) != self.payload.sha256.hex().encode():
                raise CommandError("The floor's server did not get what was sent.")

    async def byte_stream(self) -> str:
        """By google.bytestream over native gRPC. Returns the file's id."""
        upload_id = await self._begin()
        await self.link.byte_stream.write(self._messages(upload_id))
        return await self._finish(upload_id)

    async def tus(self) -> str:
        """By tus over HTTP/1.1, in one PATCH."""
        upload_id = await self._begin()
        headers = {
            "tus-resumable": "1.0.0", "upload-offset": "0", "content-type": "application/offset+octet-stream",
        }  # fmt: skip
        status, text = await _send(self.port, "PATCH", f"/files/{upload_id}", headers, self.payload)
        if status != 204:
            raise CommandError(f"tus: {status} {text.decode()}")
        return await self._finish(upload_id)

    async def pieces(self) -> str:
        """By UploadService over HTTP/1.1, one piece after the other, as a browser sends them."""
        upload_id = await self._begin()
        piece = (await self.link.uploads.get_upload_limits(GetUploadLimitsRequest())).limits.piece_bytes
        async with HTTPTransport(http_version=HTTPVersion.HTTP1) as transport:
            client = UploadServiceClient(
                f"http://127.0.0.1:{self.port}",
                send_compression=None,
                accept_compression=(),
                http_client=Client(transport),
            )
            for offset in range(0, self.payload.size, piece):
                data = self.payload.at(offset, piece)
                await client.append_upload(AppendUploadRequest(upload_id=upload_id, offset=offset, data=data))
        return await self._finish(upload_id)

    async def download(self, file_id: str) -> None:
        """By GET over HTTP/1.1."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"GET /files/{file_id} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        size = 0
        while data := await reader.read(_BLOCK):
            size += len(data)
        writer.close()
        if size != self.payload.size:
            raise CommandError(f"The download had {size} bytes.")

    async def read(self, file_id: str) -> None:
        """By google.bytestream over native gRPC; with grpcio, because connectrpc's client takes ten times its CPU here."""
        import grpc.aio

        size = 0
        aio: Any = grpc.aio  # It has no types.
        async with aio.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            read = channel.unary_stream(
                "/google.bytestream.ByteStream/Read",
                request_serializer=ReadRequest.SerializeToString,
                response_deserializer=ReadResponse.FromString,
            )
            answers = read(ReadRequest(resource_name=f"files/{file_id}"))
            async for answer in answers:
                size += len(answer.data)
        if size != self.payload.size:
            raise CommandError(f"The read had {size} bytes.")

    async def delete(self, file_id: str) -> None:
        """Frees the room."""
        await self.link.files.delete_file(DeleteFileRequest(file_id=file_id))

    async def _begin(self) -> str:
        request = CreateUploadRequest(upload_id=new_id(), name="bench.bin", size=self.payload.size)
        return (await self.link.uploads.create_upload(request)).upload.id

    async def _finish(self, upload_id: str) -> str:
        request = FinishUploadRequest(upload_id=upload_id, sha256=self.payload.sha256)
        return (await self.link.uploads.finish_upload(request)).finished.file.id

    async def _messages(self, upload_id: str) -> AsyncIterator[WriteRequest]:
        offset = 0
        async with aclosing(self.payload.pieces(_MESSAGE)) as pieces:
            async for data in pieces:
                yield WriteRequest(resource_name=f"uploads/{upload_id}", write_offset=offset, data=data)
                offset += len(data)


async def _send(port: int, method: str, path: str, headers: dict[str, str], payload: Payload) -> tuple[int, bytes]:
    """One HTTP/1.1 request with the payload as its body: status and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    given = {"host": "localhost", "content-length": str(payload.size), "connection": "close", **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    writer.write("\r\n".join(lines).encode())
    async with aclosing(payload.pieces(_BLOCK)) as pieces:
        async for data in pieces:
            writer.write(data)
            await writer.drain()
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split(b" ", 2)[1]), body

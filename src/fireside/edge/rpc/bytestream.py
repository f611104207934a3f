"""google.bytestream over files/: native clients stream a file up or down in one call. What an upload is: files/uploads.py.

A call that is cut loses only the message that it was cut in: every whole one was written.
"""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from fireside.core.errors import InvalidArgumentError, OutOfRangeError
from fireside.edge.access import caller
from fireside.edge.rpc.streams import answers, field_bytes
from fireside.files.finish import Finished
from fireside.files.uploads import UploadSpec
from fireside.gen.google.bytestream import bytestream_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from connectrpc.request import RequestContext

    from fireside.files.downloads import Downloads
    from fireside.files.opening import Files
    from fireside.files.uploads import Uploads
    from fireside.gen.v1.file_pb2 import Upload

READ_MAX_BYTES: Final = 4 * 1024 * 1024 + 4096
"""The largest message: 4 MiB of data, which is what clients of other servers send at most, and its frame."""

_DATA_FIELD = pb.ReadResponse.DESCRIPTOR.fields_by_name["data"].number
_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_FILE = re.compile(f"files/({_UUID})")
_UPLOAD = re.compile(f"uploads/({_UUID})(?:/blobs/([0-9a-fA-F]{{64}})/([0-9]{{1,18}})/([^/]+))?")


class Resource(NamedTuple):
    """What a name of something to write says; `name` is empty for an upload that was begun elsewhere."""

    upload_id: str
    sha256: bytes = b""
    size: int = 0
    name: str = ""


def resource_of(name: str) -> Resource:
    """Reads `uploads/{id}` and `uploads/{id}/blobs/{sha256}/{size}/{name}`. Raises InvalidArgumentError."""
    match = _UPLOAD.fullmatch(name)
    if match is None:
        message = "The resource must be uploads/{upload_id} or uploads/{upload_id}/blobs/{sha256}/{size}/{name}."
        raise InvalidArgumentError("RESOURCE_NAME_INVALID", message)
    if not match[4]:
        return Resource(match[1].lower())
    return Resource(match[1].lower(), bytes.fromhex(match[2]), int(match[3]), match[4])


class ByteStreamHandlers:
    """The handlers of ByteStream."""

    def __init__(self, files: Files) -> None:
        self._uploads: Uploads = files.uploads
        self._downloads: Downloads = files.downloads

    def read(
        self, request: pb.ReadRequest, ctx: RequestContext[pb.ReadRequest, pb.ReadResponse]
    ) -> AsyncIterator[pb.ReadResponse]:
        """Sends a file."""
        return answers(ctx, pb.ReadResponse, self._read(request))

    async def _read(self, request: pb.ReadRequest) -> AsyncGenerator[bytes]:
        match = _FILE.fullmatch(request.resource_name)
        if match is None:
            raise InvalidArgumentError("RESOURCE_NAME_INVALID", "The resource must be files/{file_id}.")
        download = await self._downloads.open(caller(), match[1].lower())
        size, start, limit = download.file.size, request.read_offset, request.read_limit
        if start < 0 or start > size or limit < 0:
            message = f"The file has {size} bytes: there is nothing to read at {start}."
            raise OutOfRangeError("OFFSET_BEYOND_END", message, size=str(size))
        end = min(size, start + limit) if limit else size
        async with aclosing(download.read(start, end)) as pieces:
            async for piece in pieces:
                yield field_bytes(_DATA_FIELD, piece)

    async def write(
        self, request: AsyncIterator[pb.WriteRequest], ctx: RequestContext[pb.WriteRequest, pb.WriteResponse]
    ) -> pb.WriteResponse:
        """Takes a file, or more of it."""
        async with aclosing(cast("AsyncGenerator[pb.WriteRequest]", request)) as messages:
            first = await anext(messages, None)
            if first is None:
                raise InvalidArgumentError("RESOURCE_NAME_INVALID", "The first message must name the resource.")
            resource = resource_of(first.resource_name)
            found = await self._find(resource)
            if isinstance(found, Finished):  # it is here already, and the rest need not be sent
                return pb.WriteResponse(committed_size=found.file.size)
            offset, finished = await self._take(resource.upload_id, first, messages)
        if finished:
            await self._uploads.finish(caller(), resource.upload_id)
        return pb.WriteResponse(committed_size=offset)

    async def _find(self, resource: Resource) -> Upload | Finished:
        """What there is of a resource; one whose name says all is begun if need be."""
        if not resource.name:
            return await self._uploads.get(caller(), resource.upload_id)
        spec = UploadSpec(id=resource.upload_id, name=resource.name, size=resource.size, sha256=resource.sha256)
        return await self._uploads.create(caller(), spec)

    async def _take(
        self, upload_id: str, first: pb.WriteRequest, messages: AsyncGenerator[pb.WriteRequest]
    ) -> tuple[int, bool]:
        """How much is there then, and whether that was all."""
        name, message = first.resource_name, first
        async with self._uploads.writing(caller(), upload_id) as writer:
            while True:
                offset = await writer.write(message.write_offset, message.data)
                if message.finish_write:
                    return offset, True
                following = await anext(messages, None)
                if following is None:
                    return offset, False
                message = following
                if message.resource_name not in ("", name):
                    text = "All messages of a call write to the resource that the first one names."
                    raise InvalidArgumentError("RESOURCE_NAME_INVALID", text)

    async def query_write_status(
        self,
        request: pb.QueryWriteStatusRequest,
        ctx: RequestContext[pb.QueryWriteStatusRequest, pb.QueryWriteStatusResponse],
    ) -> pb.QueryWriteStatusResponse:
        """Says how much is there."""
        found = await self._uploads.get(caller(), resource_of(request.resource_name).upload_id)
        if isinstance(found, Finished):
            return pb.QueryWriteStatusResponse(committed_size=found.file.size, complete=True)
        return pb.QueryWriteStatusResponse(committed_size=found.offset, complete=False)

"""UploadService over files.uploads: envelopes and the checksums of a piece. What an upload is: files/."""

from __future__ import annotations

import zlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from fireside.core.errors import FiresideError, InvalidArgumentError
from fireside.edge.access import caller
from fireside.edge.rpc.arriving import arriving_data
from fireside.files.options import MAX_PIECE_BYTES, SEGMENT_BYTES
from fireside.files.uploads import Finished, UploadSpec
from fireside.gen.v1 import upload_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from connectrpc.request import RequestContext

    from fireside.edge.rpc.arriving import Arriving
    from fireside.files.uploads import Uploads

READ_MAX_BYTES: Final = MAX_PIECE_BYTES + 64 * 1024
"""The largest message: the largest piece and its frame. In JSON, where bytes are a third longer, pieces are smaller."""


class UploadHandlers:
    """The handlers of UploadService."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    async def get_upload_limits(
        self,
        request: pb.GetUploadLimitsRequest,
        ctx: RequestContext[pb.GetUploadLimitsRequest, pb.GetUploadLimitsResponse],
    ) -> pb.GetUploadLimitsResponse:
        """Tells what will be refused."""
        return pb.GetUploadLimitsResponse(limits=await self._uploads.limits(caller()))

    async def create_upload(
        self, request: pb.CreateUploadRequest, ctx: RequestContext[pb.CreateUploadRequest, pb.CreateUploadResponse]
    ) -> pb.CreateUploadResponse:
        """Begins an upload, or finds it."""
        spec = UploadSpec(
            id=request.upload_id,
            name=request.name,
            size=request.size,
            media_type=request.media_type,
            sha256=request.sha256,
            collection_id=request.collection_id,
            folder=request.folder,
            fingerprint=request.fingerprint,
        )
        found = await self._uploads.create(caller(), spec)
        if isinstance(found, Finished):
            return pb.CreateUploadResponse(finished=_shown(found))
        return pb.CreateUploadResponse(upload=found)

    async def append_upload(
        self, request: pb.AppendUploadRequest, ctx: RequestContext[pb.AppendUploadRequest, pb.AppendUploadResponse]
    ) -> pb.AppendUploadResponse:
        """Adds a piece. It is stored before the answer is made."""
        arriving = arriving_data()
        size = len(request.data) if arriving is None else arriving.size
        offset = request.offset
        try:
            async with (
                aclosing(_pieces(request, size, arriving)) as pieces,
                self._uploads.writing(caller(), request.upload_id) as writer,
            ):
                writer.require(offset, size)
                async for piece in pieces:
                    offset = await writer.write(offset, piece)
        except FiresideError:
            if arriving is not None:
                await arriving.drain()
            raise
        return pb.AppendUploadResponse(offset=writer.offset)

    async def get_upload(
        self, request: pb.GetUploadRequest, ctx: RequestContext[pb.GetUploadRequest, pb.GetUploadResponse]
    ) -> pb.GetUploadResponse:
        """Tells how far an upload is."""
        found = await self._uploads.get(caller(), request.upload_id)
        if isinstance(found, Finished):
            return pb.GetUploadResponse(finished=_shown(found))
        return pb.GetUploadResponse(upload=found)

    async def list_uploads(
        self, request: pb.ListUploadsRequest, ctx: RequestContext[pb.ListUploadsRequest, pb.ListUploadsResponse]
    ) -> pb.ListUploadsResponse:
        """Lists what is not finished."""
        found, token = await self._uploads.page(caller(), request.page_size, request.page_token)
        return pb.ListUploadsResponse(uploads=found, next_page_token=token)

    async def finish_upload(
        self, request: pb.FinishUploadRequest, ctx: RequestContext[pb.FinishUploadRequest, pb.FinishUploadResponse]
    ) -> pb.FinishUploadResponse:
        """Makes a file of it."""
        finished = await self._uploads.finish(caller(), request.upload_id, request.sha256)
        return pb.FinishUploadResponse(finished=_shown(finished))

    async def cancel_upload(
        self, request: pb.CancelUploadRequest, ctx: RequestContext[pb.CancelUploadRequest, pb.CancelUploadResponse]
    ) -> pb.CancelUploadResponse:
        """Gives it up."""
        await self._uploads.cancel(caller(), request.upload_id)
        return pb.CancelUploadResponse()


def _shown(finished: Finished) -> pb.FinishedUpload:
    return pb.FinishedUpload(file=finished.file, document=finished.document)


async def _pieces(request: pb.AppendUploadRequest, size: int, arriving: Arriving | None) -> AsyncGenerator[bytes]:
    """The data of a piece, each part as its checksum says. Raises InvalidArgumentError (CHECKSUM_MISMATCH)."""
    if request.segment_crc32s and len(request.segment_crc32s) != -(-size // SEGMENT_BYTES):
        message = f"segment_crc32s has a checksum for each {SEGMENT_BYTES} bytes of the piece, the last ones included."
        raise InvalidArgumentError("CHECKSUM_MALFORMED", message)
    whole = request.HasField("crc32")
    if whole and size > MAX_PIECE_BYTES:
        message = f"A piece of more than {MAX_PIECE_BYTES} bytes is checked by segment_crc32s."
        raise InvalidArgumentError("PIECE_TOO_LARGE", message)
    part = size if whole else SEGMENT_BYTES
    sums = [request.crc32] if whole else request.segment_crc32s
    at = 0
    async with aclosing(arriving.segments(part) if arriving else _cut(request.data, part)) as parts:
        async for data in parts:
            if sums and zlib.crc32(data) != sums[at]:
                raise InvalidArgumentError("CHECKSUM_MISMATCH", "The piece arrived damaged: send it again.")
            at += 1
            yield data


async def _cut(data: bytes, size: int) -> AsyncGenerator[bytes]:
    for at in range(0, len(data), size or 1):
        yield data[at : at + size]

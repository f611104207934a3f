"""FileService over files.downloads: what a file is, not its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.edge.access import caller
from fireside.gen.v1 import file_service_pb2 as pb

if TYPE_CHECKING:
    from connectrpc.request import RequestContext

    from fireside.files.downloads import Downloads


class FileHandlers:
    """The handlers of FileService."""

    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads

    async def get_file(
        self, request: pb.GetFileRequest, ctx: RequestContext[pb.GetFileRequest, pb.GetFileResponse]
    ) -> pb.GetFileResponse:
        """Returns a file."""
        return pb.GetFileResponse(file=(await self._downloads.open(caller(), request.file_id)).file)

    async def delete_file(
        self, request: pb.DeleteFileRequest, ctx: RequestContext[pb.DeleteFileRequest, pb.DeleteFileResponse]
    ) -> pb.DeleteFileResponse:
        """Deletes an attachment that nothing uses."""
        await self._downloads.delete(caller(), request.file_id)
        return pb.DeleteFileResponse()

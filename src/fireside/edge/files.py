"""The paths below /files/: to download (download.py) by whoever reads, to upload (tus/) by whoever speaks tus."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Final

from fireside.edge.download import DownloadCall, DownloadDoor
from fireside.edge.http_errors import refusal
from fireside.edge.plain import Reply, send_reply
from fireside.edge.request import ClientGoneError, client_of, headers_of
from fireside.edge.streams import Outgoing, untie
from fireside.edge.tus.door import TusCall, TusDoor
from fireside.gen.v1 import permission_pb2

if TYPE_CHECKING:
    from connectrpc.request import Headers

    from fireside.core.principal import Principal
    from fireside.edge.access import Access
    from fireside.edge.plain import Message, Receive, Scope, Send
    from fireside.edge.streams import OpenStreams
    from fireside.files.opening import Files

logger = logging.getLogger(__name__)

PREFIX: Final = "/files/"
_PATH = re.compile(r"/files/([0-9A-Za-z-]{0,64})/?")
_READING = ("GET", "HEAD")


def for_programs(scope: Scope) -> bool:
    """Whether the request may be one of a page of another site. A link there may open a file, as it opens a page."""
    return scope["method"] not in _READING or any(name == b"origin" for name, _ in scope["headers"])


class FilesDoor:
    """The application."""

    def __init__(self, files: Files, access: Access, streams: OpenStreams) -> None:
        self._downloads = DownloadDoor(files.downloads)
        self._tus = TusDoor(files.uploads)
        self._access = access
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request."""
        headers = headers_of(scope)
        answer = _Answer(send)
        # The id of an upload becomes the file's: who speaks tus asks for the one, and everybody else for the other.
        method = _method(scope["method"], headers)
        downloading = method == "GET" or (method == "HEAD" and "tus-resumable" not in headers)
        task = asyncio.current_task()
        try:
            principal = await self._admit(scope, headers, method, downloading=downloading)
            match = _PATH.fullmatch(scope["path"])
            if match is None or not (match[1] or not downloading):
                await send_reply(answer, Reply(404, b"There is no such file.\n"), head=method == "HEAD")
                return
            self._streams.enter(task, resumable=True)
            try:
                if downloading:
                    query = scope["query_string"].decode("latin-1")
                    await self._downloads.serve(
                        DownloadCall(principal, method, match[1], headers, query, receive, answer)
                    )
                else:
                    reply = await self._tus.reply(TusCall(principal, method, match[1], headers, receive))
                    await send_reply(answer, reply, head=method == "HEAD")
            finally:
                self._streams.leave(task)
        except ClientGoneError:
            pass
        except asyncio.CancelledError:
            if not self._streams.absorbs(task):
                raise
        except Exception as error:  # noqa: BLE001 - what is not meant for clients becomes an incident id
            if not answer.gone:
                await self._failed(error, answer, downloading=downloading)
            untie(error)

    async def _admit(self, scope: Scope, headers: Headers, method: str, *, downloading: bool) -> Principal:
        permission = permission_pb2.PERMISSION_WRITE_KNOWLEDGE
        if downloading:
            permission = permission_pb2.PERMISSION_READ_KNOWLEDGE
        elif method == "OPTIONS":  # tells what the protocol can do
            permission = permission_pb2.PERMISSION_PUBLIC
        return await self._access.admit(headers, client_of(scope), permission)

    async def _failed(self, error: Exception, answer: _Answer, *, downloading: bool) -> None:
        reply = refusal(error, {}) if downloading else self._tus.refused(error)
        if answer.begun:
            # The status is out and the answer cannot be finished: a connection that breaks says so.
            logger.info("A download was cut off: %s", reply.body.decode())
            return
        await send_reply(answer, reply)


class _Answer(Outgoing):
    """A `send` that knows whether the answer has begun."""

    __slots__ = ("begun",)

    def __init__(self, send: Send) -> None:
        super().__init__(send)
        self.begun = False

    async def __call__(self, message: Message) -> None:
        self.begun = True
        await super().__call__(message)


def _method(method: str, headers: Headers) -> str:
    """Some proxies let only GET and POST through."""
    override = (headers.get("x-http-method-override") or "").upper()
    return override if method == "POST" and override in ("PATCH", "DELETE", "HEAD") else method

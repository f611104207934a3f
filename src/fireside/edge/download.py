"""GET and HEAD /files/{id}: the bytes of a file, whole or in a range. Who may read it: files/downloads.py.

Nothing of a file runs in a browser, whatever is in it: it is saved rather than shown, or, of kinds that are harmless and
when the request has `?inline=1`, shown in a sandbox.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, quote

from fireside.edge.plain import Reply, send_reply
from fireside.edge.ranges import Span, UnsatisfiableError, same, wanted
from fireside.edge.request import attended

if TYPE_CHECKING:
    from connectrpc.request import Headers

    from fireside.core.principal import Principal
    from fireside.edge.plain import Receive, Send
    from fireside.files.downloads import Download, Downloads
    from fireside.gen.v1.file_pb2 import File

_PDF: Final = "application/pdf"
# The server queues so many pieces that whole ones of a MiB would be 40 of them.
_SENT_BYTES: Final = 128 * 1024
_SHOWN: Final = frozenset((_PDF, "image/png", "image/jpeg", "image/gif", "image/webp", "text/plain"))
_SANDBOX: Final = (
    b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"
)
# In a sandbox browsers do not show a PDF at all; their viewers let nothing in it do anything.
_VIEWER: Final = b"default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"


@dataclass(frozen=True, slots=True)
class DownloadCall:
    """A request."""

    principal: Principal
    method: str
    file_id: str
    headers: Headers
    query: str
    receive: Receive
    send: Send


class DownloadDoor:
    """The calls."""

    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads

    async def serve(self, call: DownloadCall) -> None:
        """Answers. Raises core errors while nothing was sent."""
        download = await self._downloads.open(call.principal, call.file_id)
        file = download.file
        etag = f'"{file.sha256.hex()}"'
        headers = _headers(file, etag, inline=parse_qs(call.query).get("inline") == ["1"])
        if same(call.headers.get("if-none-match") or "", etag):
            await send_reply(call.send, Reply(HTTPStatus.NOT_MODIFIED, b"", headers=headers))
            return
        try:
            span = _span(call.headers, etag, file.size)
        except UnsatisfiableError:
            told = (*headers, (b"content-range", b"bytes */%d" % file.size))
            text = f"The file has {file.size} bytes, and none where the range begins.\n"
            await send_reply(call.send, Reply(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, text.encode(), headers=told))
            return
        status, start, end = HTTPStatus.OK, 0, file.size
        if span is not None:
            status, start, end = HTTPStatus.PARTIAL_CONTENT, span.start, span.end
            headers = (*headers, (b"content-range", b"bytes %d-%d/%d" % (start, end - 1, file.size)))
        headers = (
            *headers,
            (b"content-type", _type_of(file).encode("latin-1", "replace")),
            (b"content-length", b"%d" % (end - start)),
        )
        await call.send({"type": "http.response.start", "status": status, "headers": headers})
        if call.method == "HEAD" or start == end:
            await call.send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await attended(call.receive, _pour(call.send, download, Span(start, end)))


async def _pour(send: Send, download: Download, span: Span) -> None:
    async with aclosing(download.read(span.start, span.end)) as pieces:
        async for piece in pieces:
            for at in range(0, len(piece), _SENT_BYTES):
                await send({"type": "http.response.body", "body": piece[at : at + _SENT_BYTES], "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _span(headers: Headers, etag: str, size: int) -> Span | None:
    header = headers.get("range") or ""
    condition = (headers.get("if-range") or "").strip()
    # A date is no proof that it is the same file; whoever has only that gets the whole.
    if not header or (condition and condition != etag):
        return None
    return wanted(header, size)


def _headers(file: File, etag: str, *, inline: bool) -> tuple[tuple[bytes, bytes], ...]:
    shown = inline and _kind(file) in _SHOWN
    return (
        (b"etag", etag.encode()),
        (b"accept-ranges", b"bytes"),
        # The bytes never change, but who may read them does: each use is asked for, and mostly answered with 304.
        (b"cache-control", b"private, no-cache"),
        (b"last-modified", formatdate(file.create_time.seconds, usegmt=True).encode()),
        (b"content-disposition", disposition(file.name, inline=shown).encode()),
        (b"content-security-policy", _VIEWER if shown and _kind(file) == _PDF else _SANDBOX),
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"referrer-policy", b"no-referrer"),
    )


def disposition(name: str, *, inline: bool) -> str:
    """`content-disposition` (RFC 6266): the name in ASCII for those who know no other, and as it is."""
    plain = "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\%' else "_" for letter in name
    )
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _kind(file: File) -> str:
    return file.media_type.partition(";")[0].strip().lower()


def _type_of(file: File) -> str:
    kind = _kind(file)
    # It is read as UTF-8 everywhere else, too.
    return "text/plain; charset=utf-8" if kind == "text/plain" else kind or "application/octet-stream"

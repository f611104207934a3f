"""A cheap HTTP/1.1 client: one connection, one exchange at a time. Not a general one: it shares the machine with the server.

What a body means is left to a `Body`: Connect envelopes, server-sent events, or one message.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD_END = b"\r\n\r\n"
_TEXT_IN_ERROR = 300


class Body(Protocol):
    """Takes the body of one response."""

    def feed(self, data: bytes) -> None:
        """Some bytes have come."""
        ...

    def end(self, error: str) -> None:
        """The response has ended; `error` is empty when it ended as HTTP says."""
        ...


class Http1Connection(asyncio.Protocol):
    """The connection. It makes the next exchange after the last one has ended."""

    def __init__(self, idle: Callable[[Http1Connection], None]) -> None:
        """`idle` is called when an exchange has ended and the connection can be used again, or is closed."""
        self._idle = idle
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._body: Body | None = None
        self._in_body = False
        self._left = -1
        self._status = b""
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class does not derive from it

    def ask(self, request: bytes, body: Body) -> None:
        """Sends a request; `body` is told of what comes back."""
        self._rest = b""
        self._in_body = False
        self._body = body
        if self._transport is not None and not self.closed:
            self._transport.write(request)

    def leave(self, body: Body) -> None:
        """Goes away in the middle of an exchange: HTTP/1.1 has no other way than to close the connection."""
        if self._body is body:
            self._body = None
            self.closed = True
            if self._transport is not None:
                self._transport.abort()
            self._idle(self)

    def close(self) -> None:
        """Closes it."""
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """An exchange that is under way has failed."""
        self.closed = True
        self._finish(f"the connection was lost: {exc or 'closed by the server'}")

    def data_received(self, data: bytes) -> None:
        """Takes what has come."""
        if self._rest:
            data = self._rest + data
        at = 0
        if not self._in_body:
            end = data.find(_HEAD_END)
            if end < 0:
                self._rest = data
                return
            self._head(data[:end])
            at = end + len(_HEAD_END)
        if self._left >= 0:
            self._sized(data, at)
        else:
            self._chunked(data, at)

    def _head(self, head: bytes) -> None:
        self._status = head[9:12]
        self._in_body = True
        self._left = -1
        for line in head.lower().split(b"\r\n")[1:]:
            if line.startswith(b"content-length:"):
                self._left = int(line[15:])

    def _sized(self, data: bytes, at: int) -> None:
        piece = data[at : at + self._left]
        self._left -= len(piece)
        self._rest = b""
        self._give(piece)
        if not self._left:
            self._finish("")

    def _chunked(self, data: bytes, at: int) -> None:
        pieces: list[bytes] = []
        ended = False
        while True:
            line = data.find(b"\r\n", at)
            if line < 0:
                break
            end = line + 4 + (size := int(data[at:line], 16))
            if len(data) < end:
                break
            at = end
            if not size:
                ended = True
                break
            pieces.append(data[line + 2 : end - 2])
        self._rest = data[at:]
        if pieces:
            self._give(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if ended:
            self._finish("")

    def _give(self, piece: bytes) -> None:
        if self._body is None:
            return
        if self._status == b"200":
            self._body.feed(piece)
        else:
            text = piece[:_TEXT_IN_ERROR].decode(errors="replace")
            self._finish(f"HTTP {self._status.decode(errors='replace')}: {text}")

    def _finish(self, error: str) -> None:
        body, self._body = self._body, None
        if body is not None:
            if not error and self._status != b"200":
                error = f"HTTP {self._status.decode(errors='replace')}"
            body.end(error)
            if error and not self.closed:
                # What is left of a refused exchange would be taken for the next one.
                self.closed = True
                self.close()
            self._idle(self)


def post(host: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """The bytes of a POST request."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nhost: {host}\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body


def get(host: str, path: str, headers: dict[str, str]) -> bytes:
    """The bytes of a GET request."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n".encode()

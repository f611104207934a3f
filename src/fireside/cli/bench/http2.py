"""A cheap gRPC client over HTTP/2: many calls on one connection. Not a general one: it reads no header of a response.

Whether a call went well is in its messages (an answer ends with an event), so that headers need not be decompressed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.cli.bench.http1 import Body

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS, _PADDED = 1, 1, 4, 8
_FRAME_HEAD = 9
_CANCEL = 8
_LARGEST_WINDOW = 2**31 - 1
_DEFAULT_WINDOW = 65535
# The window of the connection is opened again after so many bytes.
_CREDIT = 16 * 1024 * 1024
_HEADER_TABLE_SIZE, _ENABLE_PUSH, _INITIAL_WINDOW_SIZE = 1, 2, 4


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _literal(name: bytes, value: bytes) -> bytes:
    """A header field, uncompressed and without a name from the table; both shorter than 127 bytes."""
    return b"\x00" + bytes((len(name),)) + name + _value(value)


def _value(value: bytes) -> bytes:
    length = len(value)
    if length < 127:
        return bytes((length,)) + value
    rest = length - 127  # HPACK's integers: seven bits, then the rest in groups of seven.
    encoded = bytearray((127,))
    while rest >= 128:
        encoded.append(rest % 128 + 128)
        rest //= 128
    encoded.append(rest)
    return bytes(encoded) + value


def call_headers(host: str, path: str, headers: dict[str, str], *, tls: bool) -> bytes:
    """The header block of a gRPC call."""
    block = b"\x83" + (b"\x87" if tls else b"\x86")  # :method POST, :scheme
    block += b"\x04" + _value(path.encode()) + b"\x01" + _value(host.encode())
    fields = {"content-type": "application/grpc", "te": "trailers", **headers}
    return block + b"".join(_literal(name.encode(), value.encode()) for name, value in fields.items())


class Http2Connection(asyncio.Protocol):
    """The connection, with as many calls as the server allows."""

    def __init__(self, idle: Callable[[Http2Connection], None]) -> None:
        """`idle` is called each time when a call has ended."""
        self._idle = idle
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._calls: dict[int, Body] = {}
        self._next = 1
        self._taken = 0
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the preface, with windows so large that they never hold anything back."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class does not derive from it
        settings = ((_HEADER_TABLE_SIZE, 0), (_ENABLE_PUSH, 0), (_INITIAL_WINDOW_SIZE, _LARGEST_WINDOW))
        payload = b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in settings)
        credit = (_LARGEST_WINDOW - _DEFAULT_WINDOW).to_bytes(4, "big")
        self._transport.write(_PREFACE + _frame(_SETTINGS, 0, 0, payload) + _frame(_WINDOW_UPDATE, 0, 0, credit))

    def ask(self, request: bytes, body: Body) -> None:
        """Starts a call. `request` is the header block's length in four bytes, the block, and the message."""
        stream, self._next = self._next, self._next + 2
        self._calls[stream] = body
        size = int.from_bytes(request[:4], "big")
        block, message = request[4 : 4 + size], request[4 + size :]
        envelope = b"\0" + len(message).to_bytes(4, "big") + message
        if self._transport is not None and not self.closed:
            self._transport.write(
                _frame(_HEADERS, _END_HEADERS, stream, block) + _frame(_DATA, _END_STREAM, stream, envelope)
            )

    def leave(self, body: Body) -> None:
        """Cancels a call."""
        stream = next((number for number, taker in self._calls.items() if taker is body), None)
        if stream is not None:
            del self._calls[stream]
            self._send(_frame(_RST_STREAM, 0, stream, _CANCEL.to_bytes(4, "big")))
            self._idle(self)

    def close(self) -> None:
        """Closes it."""
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The calls that are under way have failed."""
        self.closed = True
        for stream in list(self._calls):
            self._finish(stream, f"the connection was lost: {exc or 'closed by the server'}")

    def data_received(self, data: bytes) -> None:
        """Takes whole frames and keeps the rest."""
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        while size - at >= _FRAME_HEAD:
            end = at + _FRAME_HEAD + int.from_bytes(data[at : at + 3], "big")
            if end > size:
                break
            kind, flags = data[at + 3], data[at + 4]
            stream = int.from_bytes(data[at + 5 : at + 9], "big")
            self._frame(kind, flags, stream, data[at + _FRAME_HEAD : end])
            at = end
        self._rest = data[at:]

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _DATA:
            self._credit(len(payload))
            if flags & _PADDED:
                payload = payload[1 : len(payload) - payload[0]]
            if body := self._calls.get(stream):
                body.feed(payload)
        elif kind == _RST_STREAM:
            self._finish(stream, f"the call was reset, code {int.from_bytes(payload, 'big')}")
        elif kind == _PING and not flags & _ACK:
            self._send(_frame(_PING, _ACK, 0, payload))
        elif kind == _SETTINGS and not flags & _ACK:
            self._send(_frame(_SETTINGS, _ACK, 0))
        elif kind == _GOAWAY:
            self.closed = True
        if kind in {_DATA, _HEADERS} and flags & _END_STREAM:
            self._finish(stream, "")

    def _credit(self, size: int) -> None:
        self._taken += size
        if self._taken >= _CREDIT:
            self._send(_frame(_WINDOW_UPDATE, 0, 0, self._taken.to_bytes(4, "big")))
            self._taken = 0

    def _send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _finish(self, stream: int, error: str) -> None:
        body = self._calls.pop(stream, None)
        if body is not None:
            body.end(error)
            self._idle(self)


def grpc_call(headers: bytes, message: bytes) -> bytes:
    """What `Http2Connection.ask` takes."""
    return len(headers).to_bytes(4, "big") + headers + message

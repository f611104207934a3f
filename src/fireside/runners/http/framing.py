"""How a response of HTTP/1.1 is cut out of a connection's bytes (RFC 9112). Does no I/O and knows no connection."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEAD_LIMIT = 64 * 1024
_LINE_LIMIT = 4 * 1024
_NO_BODY = frozenset({204, 304})
# Where in a chunked body the reader is, when not inside a chunk.
_BEFORE_SIZE, _IN_TRAILER = -1, -2


class BrokenHttpError(ConnectionError):
    """The server speaks something else than HTTP/1.1."""


class ResponseReader:
    """Reads one response. Names of header fields are in lower case; `status` is 0 until the head is there."""

    __slots__ = ("_at_close", "_buffer", "_chunked", "_left", "done", "fields", "keep", "status")

    def __init__(self) -> None:
        self.status: int = 0
        self.fields: Mapping[str, str] = {}
        # Whether the body is at its end, and whether the connection can be used again then.
        self.done: bool = False
        self.keep: bool = False
        self._buffer: bytes = b""
        self._chunked: bool = False
        self._at_close: bool = False
        # Bytes that are left of the body, or of the chunk with the line end behind it.
        self._left: int = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of the body in what has arrived. Raises BrokenHttpError."""
        pieces: list[bytes] = []
        if not self.status:
            data = self._read_head(data)
        if self._chunked:
            self._read_chunks(data, pieces)
        elif data and self.status:
            pieces.append(self._plain(data))
        return pieces

    def close(self) -> bool:
        """The connection has ended: whether the response has too, rather than being cut off."""
        self.keep = False
        self.done = self.done or self._at_close
        return self.done

    def _read_head(self, data: bytes) -> bytes:
        """Takes the head, if all of it is there, and returns what follows it."""
        data = self._buffer + data
        self._buffer = b""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            if len(data) > _HEAD_LIMIT or not data.startswith(b"HTTP/1."[: len(data)]):
                raise _not_http()
            self._buffer = data
            return b""
        status, fields = _parse_head(data[:end])
        rest = data[end + 4 :]
        if status < 200:  # an interim response: the real one follows
            return self._read_head(rest) if rest else b""
        self.status, self.fields = status, fields
        connection = fields.get("connection", "").lower()
        self.keep = "close" not in connection and (data.startswith(b"HTTP/1.1") or "keep-alive" in connection)
        if status in _NO_BODY:
            self.done = True
        elif fields.get("transfer-encoding", "").lower().rpartition(",")[2].strip() == "chunked":
            self._chunked, self._left = True, _BEFORE_SIZE
        elif (length := fields.get("content-length")) is not None:
            self._left = _number(length.encode(), 10)
            self.done = self._left == 0
        else:
            self._at_close = True
        return rest

    def _plain(self, data: bytes) -> bytes:
        if self._at_close:
            return data
        if len(data) > self._left:
            data, self.keep = data[: self._left], False
        self._left -= len(data)
        self.done = self._left == 0
        return data

    def _read_chunks(self, data: bytes, pieces: list[bytes]) -> None:
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        at, end = 0, len(data)
        while at < end:
            left = self._left
            if left > 0:
                # Of the chunk and the line end behind it, what is there, and how much of that is content.
                there = min(end - at, left)
                content = min(there, left - 2)
                if content > 0:
                    pieces.append(data[at : at + content])
                at += there
                self._left = left - there or _BEFORE_SIZE
                continue
            line = data.find(b"\r\n", at)
            if line < 0:
                if end - at > _LINE_LIMIT:
                    message = "a line without an end"
                    raise BrokenHttpError(message)
                self._buffer = data[at:]
                return
            text, at = data[at:line], line + 2
            if left == _BEFORE_SIZE:
                size = _chunk_size(text)
                self._left = size + 2 if size else _IN_TRAILER
            elif not text:
                self.done = True
                self.keep = self.keep and at == end
                return


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.split(b"\r\n")
    version, _, rest = first.partition(b" ")
    if version not in {b"HTTP/1.1", b"HTTP/1.0"}:
        raise _not_http()
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon:
            raise _not_http()
        key = name.decode("latin-1").lower()
        text = value.strip().decode("latin-1")
        fields[key] = f"{fields[key]}, {text}" if key in fields else text
    return _number(rest[:3], 10), fields


@lru_cache(maxsize=4096)
def _chunk_size(text: bytes) -> int:
    """Each token has one, and most are alike."""
    return _number(text, 16)


def _number(text: bytes, base: int) -> int:
    """A number as HTTP has it, without a chunk's extension; int() alone would take signs and underscores too."""
    digits = text.partition(b";")[0].strip() if b";" in text or b" " in text else text
    try:
        if digits.isalnum():
            return int(digits, base)
    except ValueError:
        pass
    message = f"{digits[:20]!r} is not a number"
    raise BrokenHttpError(message)


def _not_http() -> BrokenHttpError:
    return BrokenHttpError("the head of the response is not HTTP/1.1")

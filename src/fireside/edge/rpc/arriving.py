"""AppendUpload's data while it arrives: written as it comes in, instead of lying in memory until the message is whole.

A message whose last field is `data` is told from others by its length. connectrpc gets it without the data, sees who
calls and calls the handler, which takes the data from here; every other message goes through as it is.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, NamedTuple

from fireside.edge.oversize import announces_more_than, cut_short
from fireside.files.options import MAX_STREAMED_PIECE_BYTES
from fireside.gen.v1.upload_service_pb2 import AppendUploadRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fireside.edge.plain import Message, Receive, Scope

PATH: Final = "/fireside.v1.UploadService/AppendUpload"
HEAD_BYTES: Final = 64 * 1024
"""What comes before the data has at most so many."""

_DATA: Final = AppendUploadRequest.DESCRIPTOR.fields_by_name["data"].number
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_VARINT_BYTES = 10


class Place(NamedTuple):
    """Where the data of a message is: `tag` is where its field begins, `start` where its bytes do."""

    tag: int
    start: int
    size: int


class Arriving:
    """The `receive` of one call for connectrpc, and the data of its message for the handler."""

    def __init__(self, scope: Scope, receive: Receive, largest: int) -> None:
        """`largest` is what a message may have that is not taken in while it arrives."""
        self._scope = scope
        self._receive = receive
        self._largest = largest
        self._length = _length_of(scope)
        self._rest: bytes | memoryview = b""
        self._left = 0
        self._begun = False
        self._taken = asyncio.Event()
        self.size = 0
        """Bytes of the data."""

        self.apart = False
        """The data is not in the message."""

    async def __call__(self) -> Message:
        """The message without the data; when all of the data was taken, what the server says next."""
        if self._begun:
            await self._taken.wait()
            return await self._receive()
        self._begun = True
        return await self._first()

    async def segments(self, size: int) -> AsyncGenerator[bytes]:
        """The data in pieces of `size`, the last one shorter. It ends early when the client is gone, at a whole piece."""
        while self._left:
            parts: list[bytes | memoryview] = []
            missing = min(size, self._left)
            while missing:
                if not self._rest and not await self._more():
                    return
                part = self._rest[:missing]
                self._rest = self._rest[len(part) :]
                parts.append(part)
                missing -= len(part)
                self._left -= len(part)
            if not self._left:
                self._taken.set()
            yield b"".join(parts)

    async def drain(self) -> None:
        """Takes what nobody wants: a client that is still sending would not look at its answer."""
        while self._left:
            self._left -= len(self._rest)
            self._rest = b""
            if self._left and not await self._more():
                return
        self._taken.set()

    async def _more(self) -> bool:
        message = await self._receive()
        if message["type"] != "http.request":
            self._left = 0
            self._taken.set()
            return False
        # More than was announced is nobody's.
        self._rest = memoryview(message.get("body", b""))[: self._left]
        return True

    async def _first(self) -> Message:
        head = bytearray()
        more = True
        place: Place | None = None
        while more and place is None and len(head) <= HEAD_BYTES:
            message = await self._receive()
            if message["type"] != "http.request":
                self._taken.set()
                return message
            head += message.get("body", b"")
            more = message.get("more_body", False)
            place = data_place(head)
        if place is None or place.start + place.size != self._length or place.size > MAX_STREAMED_PIECE_BYTES:
            return await self._passed({"type": "http.request", "body": bytes(head), "more_body": more})
        self.apart = True
        self.size = self._left = place.size
        self._rest = bytes(head[place.start :])
        if not self._left:
            self._taken.set()
        return {"type": "http.request", "body": bytes(head[: place.tag]), "more_body": False}

    async def _passed(self, first: Message) -> Message:
        """The message as it came; of one that is too large as much as shows that."""
        self._taken.set()
        if not first["more_body"] or not announces_more_than(self._largest, self._scope):
            return first
        pending, rest = [first], self._receive

        async def again() -> Message:
            return pending.pop() if pending else await rest()

        self._receive = await cut_short(again, self._largest)
        return await self._receive()


_ARRIVING: ContextVar[Arriving | None] = ContextVar("arriving")


def arriving(scope: Scope, receive: Receive, largest: int) -> Arriving | None:
    """Takes a call of AppendUpload over, if its data may be told from the rest of it. In the task that serves the call."""
    headers = dict(scope["headers"])
    fits = (
        headers.get(b"content-type") == b"application/proto"
        and headers.get(b"content-encoding", b"identity") == b"identity"
        and 0 <= _length_of(scope) <= MAX_STREAMED_PIECE_BYTES + HEAD_BYTES
    )
    found = Arriving(scope, receive, largest) if fits else None
    _ARRIVING.set(found)
    return found


def arriving_data() -> Arriving | None:
    """The data of the call that is being handled; None when its message has it."""
    found = _ARRIVING.get(None)
    return found if found is not None and found.apart else None


def data_place(head: bytes | bytearray) -> Place | None:
    """Where `data` is in a message that begins so; None when that does not show, or the message is none."""
    at = 0
    while True:
        tag = at
        key, at = _varint(head, at)
        if key < 0:
            return None
        kind = key & 7
        if kind == _BYTES:
            size, at = _varint(head, at)
            if size < 0:
                return None
            if key >> 3 == _DATA:
                return Place(tag, at, size)
            at += size
        elif kind == _VARINT:
            value, at = _varint(head, at)
            if value < 0:
                return None
        elif kind in (_EIGHT, _FOUR):
            at += 8 if kind == _EIGHT else 4
        else:
            return None


def _varint(head: bytes | bytearray, at: int) -> tuple[int, int]:
    """The number at a place, and where it ends; -1 when it is not there whole, or too long."""
    value = 0
    for shift, byte in enumerate(head[at : at + _VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, at + shift + 1
    return -1, at


def _length_of(scope: Scope) -> int:
    """The Content-Length; -1 when there is none."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(length) if length.isdigit() else -1

"""What the streaming handlers share: heartbeats, pre-serialised answers, field numbers. Nothing of one service.

A stream of tokens must cost little for each: payloads of the engine go out as they are, through no layer of ours.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

from fireside.chat.wire import varint
from fireside.edge.errors import status_of
from fireside.gen.v1.chat_service_pb2 import GenerationEvents
from fireside.gen.v1.message_pb2 import Failure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

    from connectrpc.request import RequestContext
    from google.protobuf.message import Message


class Payloads(Protocol):
    """Serialised answers: an asynchronous generator, or what can be used as one."""

    def __aiter__(self) -> Payloads:
        """Itself."""
        ...

    def __anext__(self) -> Awaitable[bytes]:
        """The next one."""
        ...

    async def aclose(self) -> None:
        """Frees what it holds."""
        ...


# The outer ASGI app puts the HTTP version of the scope here, and removes such a header from clients.
HTTP_VERSION_HEADER = "fireside-http-version"

# On plain HTTP/1.1 a server sees that a client has gone only when it writes.
_HEARTBEAT_HTTP1 = 1.0
_HEARTBEAT_HTTP2 = 15.0

_TAG_1 = 0x0A


def heartbeat_of(ctx: RequestContext[Any, Any]) -> float:
    """After how many seconds of nothing a stream sends a heartbeat."""
    version = ctx.request_headers.get(HTTP_VERSION_HEADER, "")
    return _HEARTBEAT_HTTP1 if version.startswith("1") else _HEARTBEAT_HTTP2


def answers(
    ctx: RequestContext[Any, Any], message_class: type[Message], payloads: AsyncGenerator[bytes] | Payloads
) -> AsyncIterator[Any]:
    """A stream of serialised `message_class` for connectrpc: as it is, or parsed where JSON is spoken."""
    if ctx.request_headers.get("content-type", "").endswith("json"):
        return _parsed(message_class, payloads)
    passed: Any = payloads  # the codec takes bytes for a message
    return passed


async def _parsed(message_class: type[Message], payloads: AsyncGenerator[bytes] | Payloads) -> AsyncGenerator[Message]:
    async with aclosing(payloads):
        async for payload in payloads:
            yield message_class.FromString(payload)


class Late:
    """A stream that begins with something to wait for. After that each event comes straight from the inner stream."""

    __slots__ = ("_begin", "_inner")

    def __init__(self, begin: Callable[[], Awaitable[AsyncGenerator[bytes]]]) -> None:
        """`begin` is awaited when the first answer is wanted."""
        self._begin = begin
        self._inner: AsyncGenerator[bytes] | None = None

    def __aiter__(self) -> Late:
        """Itself: it is read once."""
        return self

    def __anext__(self) -> Awaitable[bytes]:
        """The next payload."""
        inner = self._inner
        return self._first() if inner is None else inner.__anext__()

    async def _first(self) -> bytes:
        self._inner = await self._begin()
        return await self._inner.__anext__()

    async def aclose(self) -> None:
        """Closes the inner stream, if it was begun."""
        if self._inner is not None:
            await self._inner.aclose()


def field_bytes(number: int, data: bytes) -> bytes:
    """A length-delimited field. `number` is from 1 to 15."""
    size = len(data)
    head = bytes((number << 3 | 2, size)) if size < 0x80 else bytes((number << 3 | 2,)) + varint(size)
    return head + data


def elements(payload: bytes) -> list[bytes]:
    """The elements of a serialised `repeated ... = 1` field, each still serialised. Raises ValueError for another field."""
    found: list[bytes] = []
    at, end = 0, len(payload)
    while at < end:
        if payload[at] != _TAG_1:
            message = "not frames of field 1"
            raise ValueError(message)
        size, shift, at = 0, 0, at + 1
        while True:
            byte = payload[at]
            at += 1
            size |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        found.append(payload[at : at + size])
        at += size
    return found


def generation_events(generation_id: str, payload: bytes) -> bytes:
    """A serialised GenerationEvents, from joined frames of `repeated Event events = 1`."""
    return payload + field_bytes(2, generation_id.encode())


def follow_failed(generation_id: str, error: Exception) -> bytes:
    """A serialised GenerationEvents that says why a log cannot be followed."""
    status = status_of(error)
    failure = Failure(reason=status.reason, message=status.message, retryable=status.retry_after > 0)
    return GenerationEvents(generation_id=generation_id, failure=failure).SerializeToString()

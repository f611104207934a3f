"""A cheap load generator: server streams over Connect on plain HTTP/1.1, one connection a stream. Not a general client.

It shares the machine with the server, so it does as little as it can for each token: no HTTP library.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from fireside.gen.v1 import chat_service_pb2, generation_pb2, message_pb2

_HEADER = 5
_END_OF_STREAM = 0x02


@dataclass(slots=True)
class Result:
    """What one stream saw. Times are in seconds, `ttft` from the request to the first token."""

    ttft: float = 0.0
    tokens: int = 0
    gaps: list[float] = field(default_factory=list)
    error: str = ""


class StreamProtocol(asyncio.Protocol):
    """One request and its streamed answer, then the connection is used again."""

    def __init__(self, count: Callable[[bytes], int]) -> None:
        """`count` says how many tokens one message of the stream carries."""
        self._count = count
        self._buffer = bytearray()
        self._body = bytearray()
        self._in_body = False
        self._end: str | None = None
        self._done: asyncio.Future[Result] | None = None
        self._result = Result()
        self._sent = 0.0
        self._last = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class does not derive from it

    def ask(self, request: bytes) -> asyncio.Future[Result]:
        """Sends a request; the future has the result when the answer has ended."""
        self._result = Result()
        self._buffer.clear()
        self._body.clear()
        self._in_body = False
        self._end = None
        self._done = asyncio.get_running_loop().create_future()
        self._sent = self._last = time.perf_counter()
        if self._transport is not None:
            self._transport.write(request)
        return self._done

    def data_received(self, data: bytes) -> None:
        """Undoes HTTP/1.1 chunks, then Connect envelopes."""
        self._buffer += data
        if not self._in_body:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._buffer.startswith(b"HTTP/1.1 200"):
                self._finish(bytes(self._buffer[:200]).decode(errors="replace"))
                return
            del self._buffer[: end + 4]
            self._in_body = True
        self._chunks()

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer that is under way has failed."""
        self._finish(f"connection lost: {exc}")

    def _chunks(self) -> None:
        while True:
            line = self._buffer.find(b"\r\n")
            if line < 0:
                break
            size = int(self._buffer[:line], 16)
            if len(self._buffer) < line + 2 + size + 2:
                break
            self._body += self._buffer[line + 2 : line + 2 + size]
            del self._buffer[: line + 2 + size + 2]
            if size == 0:  # only now may the connection be used again
                self._envelopes()
                self._finish(self._end if self._end is not None else "no end of stream")
                return
        self._envelopes()

    def _envelopes(self) -> None:
        body = self._body
        while len(body) >= _HEADER:
            size = int.from_bytes(body[1:_HEADER], "big")
            if len(body) < _HEADER + size:
                return
            flags, message = body[0], bytes(body[_HEADER : _HEADER + size])
            del body[: _HEADER + size]
            if flags & _END_OF_STREAM:
                self._end = message.decode() if b'"error"' in message else ""
            else:
                self._message(message)

    def _message(self, message: bytes) -> None:
        tokens = self._count(message)
        if not tokens:
            return
        now = time.perf_counter()
        if not self._result.tokens:
            self._result.ttft = now - self._sent
        else:
            self._result.gaps.append(now - self._last)
        self._last = now
        self._result.tokens += tokens

    def _finish(self, error: str) -> None:
        if self._done is not None and not self._done.done():
            self._result.error = error
            self._done.set_result(self._result)


def count_events(message: bytes) -> int:
    """The tokens in a GenerateResponse."""
    events = chat_service_pb2.GenerateResponse.FromString(message).events
    return sum(1 for event in events if event.HasField("delta"))


def count_one(_message: bytes) -> int:
    """The floor sends one token a message."""
    return 1


def post(path: str, body: bytes) -> bytes:
    """A Connect streaming request."""
    envelope = b"\0" + len(body).to_bytes(4, "big") + body
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/connect+proto\r\n"
        f"connect-protocol-version: 1\r\ncontent-length: {len(envelope)}\r\n\r\n"
    )
    return head.encode() + envelope


def generate_request(model: str) -> bytes:
    """A Generate call that opens a conversation of its own."""
    spec = generation_pb2.GenerationSpec(
        generation_id=str(uuid.uuid4()),
        conversation_id=str(uuid.uuid4()),
        answer_id=str(uuid.uuid4()),
        model=model,
        send=generation_pb2.SendInput(
            message_id=str(uuid.uuid4()),
            parts=[message_pb2.Part(text=message_pb2.TextPart(text="Tell me of the fire."))],
        ),
    )
    return post("/fireside.v1.ChatService/Generate", chat_service_pb2.GenerateRequest(spec=spec).SerializeToString())


async def run_streams(
    port: int, streams: int, rounds: int, make: Callable[[], bytes], count: Callable[[bytes], int], spread: float
) -> list[Result]:
    """`streams` readers, each `rounds` answers one after the other; their starts are spread over `spread` seconds."""
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: StreamProtocol(count), "127.0.0.1", port)) for _ in range(streams)
    ]
    begin = loop.time() + 0.1

    async def reader(index: int, protocol: StreamProtocol) -> list[Result]:
        await asyncio.sleep(begin + spread * index / streams - loop.time())
        return [await protocol.ask(make()) for _ in range(rounds)]

    found = await asyncio.gather(*(reader(index, protocol) for index, (_, protocol) in enumerate(connections)))
    for transport, _ in connections:
        transport.close()
    return [result for results in found for result in results]

"""An HTTP server that does what a test scripts, byte by byte: slow, silent, garbled, cut off. Not a real backend.

Each path has replies; a request takes the first, and the last one stays. A reply is a list of steps: bytes to send, an
event to wait for, or one of `HANG`, `RESET` and `CLOSE`. What clients ask, and when they leave, is recorded.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence


class End(Enum):
    """How a reply ends, if not by itself."""

    HANG = "says nothing more until the client goes"
    RESET = "resets the connection"
    CLOSE = "closes the connection"


HANG, RESET, CLOSE = End.HANG, End.RESET, End.CLOSE
Step = bytes | asyncio.Event | End
_PATIENCE = 30


def response(
    status: str = "200 OK", kind: str = "application/json", body: bytes | None = None, **headers: str
) -> bytes:
    """A response with its whole body; without `body` the head of one that goes on until the connection closes."""
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    length = "" if body is None else f"Content-Length: {len(body)}\r\n"
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{length}{named}\r\n".encode() + (body or b"")


def chunked(kind: str) -> bytes:
    """The head of a response whose body comes in chunks."""
    return response(kind=kind, Transfer_Encoding="chunked")


def chunk(data: bytes) -> bytes:
    """A chunk of such a body; the empty one ends it."""
    return b"%x\r\n%s\r\n" % (len(data), data)


@dataclass(slots=True)
class Asked:
    """A request. `gone` is set once the client has left; `connection` counts the connections, from 1."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def json(self) -> dict[str, object]:
        """The body."""
        return msgspec.json.decode(self.body, type=dict[str, object])


class HostileServer:
    """See the module. Made by `hostile_server`."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self._replies: dict[str, list[Sequence[Step]]] = {}
        self._connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._more = asyncio.Condition()

    def reply(self, path: str, *replies: Sequence[Step]) -> None:
        """What to do when `path` is asked for."""
        self._replies[path] = list(replies)

    def paths(self) -> list[str]:
        """What was asked for."""
        return [asked.path for asked in self.asked]

    async def wait_for(self, path: str) -> Asked:
        """The last request for `path`, once there is one."""
        async with asyncio.timeout(_PATIENCE), self._more:
            await self._more.wait_for(lambda: path in self.paths())
        return next(asked for asked in reversed(self.asked) if asked.path == path)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves a connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._connections += 1
        number = self._connections
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer, number):
                    pass
        finally:
            writer.close()

    async def aclose(self) -> None:
        """Ends what still hangs."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        """One request and its reply; False when the connection is over."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(head[0].split()[1], headers, body, number)
        self.asked.append(asked)
        async with self._more:
            self._more.notify_all()
        replies = self._replies.get(asked.path) or [[response("404 Not Found", body=b'{"error":"page not found"}')]]
        steps = replies.pop(0) if len(replies) > 1 else replies[0]
        for step in steps:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif isinstance(step, asyncio.Event):
                await step.wait()
            else:
                await self._end(step, reader, writer, asked)
                return False
        return True

    @staticmethod
    async def _end(end: End, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Asked) -> None:
        if end is HANG:
            with suppress(ConnectionError):
                await reader.read(1)
            asked.gone.set()
        elif end is RESET:
            connection: socket.socket = writer.get_extra_info("socket")
            # Closing with unsent data thrown away is what makes the system send a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


@asynccontextmanager
async def hostile_server() -> AsyncGenerator[HostileServer]:
    """A server on a port of its own."""
    hostile = HostileServer()
    server = await asyncio.start_server(hostile.connected, "127.0.0.1", 0)
    hostile.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield hostile
    finally:
        server.close()
        await hostile.aclose()

"""A bad line between clients and a server: resets connections, cuts them at random bytes, swallows answers. Carries bytes
over TCP and knows nothing of HTTP. What happens to the n-th connection depends on the seed and n alone.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

# What a line of some length has under way: all of it is lost when the line is cut.
_BUFFER: Final = 64 * 1024
_DEAF_AFTER: Final = 300
_HARD: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Faults:
    """How bad it is."""

    seed: int = 1
    reset: float = 0.05
    """Of the connections, so many are reset before anything came through."""

    deaf: float = 0.05
    """Of the connections, so many are cut in an answer: what was asked for was done, and nobody hears of it."""

    cut_every: int = 20_000_000
    """After so many bytes of a client, on average, a connection is cut: each byte is as likely as any other."""

    rate: int = 0
    """Bytes a second that a connection carries to the server; 0 for as many as it can."""


@dataclass(slots=True)
class Tally:
    """What came to pass. `carried` counts the bytes that clients gave to the line."""

    connections: int = 0
    reset: int = 0
    deaf: int = 0
    cut: int = 0
    carried: int = 0


class _CutError(Exception):
    """The line breaks here."""


@dataclass(slots=True)
class BadLine:
    """Takes connections for a server on this machine."""

    target: int
    faults: Faults
    port: int = 0
    tally: Tally = field(default_factory=Tally)

    @property
    def url(self) -> str:
        """Where the server is found over this line."""
        return f"http://127.0.0.1:{self.port}"

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection to its end."""
        self.tally.connections += 1
        chance = random.Random(f"{self.faults.seed}:{self.tally.connections}")
        fate = chance.random()
        left = int(chance.expovariate(1 / self.faults.cut_every))
        ends = [writer]
        broken = True
        try:
            self._lottery(fate)
            up, there = await asyncio.open_connection("127.0.0.1", self.target)
            ends.append(there)
            for end in ends:
                _shorten(end)
            deaf = fate < self.faults.reset + self.faults.deaf
            heard = int(chance.expovariate(1 / _DEAF_AFTER)) if deaf else None
            async with asyncio.TaskGroup() as both:
                both.create_task(self._there(reader, there, left))
                both.create_task(self._back(up, writer, heard))
            broken = False
        except* (_CutError, OSError):
            pass
        finally:
            for end in ends:
                if broken:
                    _break(end)
                else:
                    end.close()

    def _lottery(self, fate: float) -> None:
        if fate < self.faults.reset:
            self.tally.reset += 1
            raise _CutError

    async def _there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int) -> None:
        loop = asyncio.get_running_loop()
        free = loop.time()
        while data := await reader.read(_BUFFER):
            self.tally.carried += len(data)
            if self.faults.rate:
                free = max(free, loop.time()) + len(data) / self.faults.rate
                carried = asyncio.Event()
                loop.call_at(free, carried.set)
                await carried.wait()
            writer.write(data[:left])
            left -= len(data)
            if left < 0:
                self.tally.cut += 1
                raise _CutError
            await writer.drain()
        writer.write_eof()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: int | None) -> None:
        while data := await reader.read(_BUFFER):
            if heard is not None:
                data, heard = data[:heard], heard - len(data)
            writer.write(data)
            await writer.drain()
            if heard is not None and heard < 0:
                self.tally.deaf += 1
                raise _CutError
        writer.write_eof()


def _shorten(end: asyncio.StreamWriter) -> None:
    end.transport.set_write_buffer_limits(high=_BUFFER)
    sock = end.get_extra_info("socket")
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)


def _break(end: asyncio.StreamWriter) -> None:
    """With a reset, so that what is under way is lost."""
    sock = end.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _HARD)
    end.transport.abort()


@asynccontextmanager
async def bad_line(port: int, faults: Faults) -> AsyncIterator[BadLine]:
    """A line to the server on `port` of this machine."""
    line = BadLine(port, faults)
    carriers: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        carriers.add(task)
        try:
            await line.carry(reader, writer)
        except asyncio.CancelledError:
            pass  # The line is taken down.
        finally:
            carriers.discard(task)

    sock = socket.create_server(("127.0.0.1", 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    listener = await asyncio.start_server(carry, sock=sock, limit=_BUFFER)
    line.port = sock.getsockname()[1]
    try:
        yield line
    finally:
        listener.close()
        for task in list(carriers):
            task.cancel()
        await asyncio.gather(*carriers, return_exceptions=True)

"""A network between browser and server that a test can cut, freeze and mend. Carries bytes; knows nothing of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_CHUNK = 65_536


class Relay:
    """Forwards connections from a port of its own to a server's."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._port = 0
        self._listener: asyncio.Server | None = None
        self._carriers: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def url(self) -> str:
        """Where the server is found through this network."""
        return f"http://127.0.0.1:{self._port}"

    async def mend(self) -> None:
        """Takes connections."""
        if self._listener is None:
            self._listener = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
            self._port = self._listener.sockets[0].getsockname()[1]

    def freeze(self) -> None:
        """Carries nothing more over the present connections and tells nobody, as after a sleep. New ones work."""
        self._flowing.clear()
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def cut(self) -> None:
        """Breaks every connection and refuses new ones."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for carrier in self._carriers:
            carrier.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carrier = asyncio.current_task()
        assert carrier is not None
        self._carriers.add(carrier)
        flowing = self._flowing
        there = None
        try:
            up, there = await asyncio.open_connection("127.0.0.1", self._target)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pour(reader, there, flowing))
                both.create_task(self._pour(up, writer, flowing))
        except* (OSError, asyncio.CancelledError):
            pass  # A broken connection is what this is for.
        finally:
            self._carriers.discard(carrier)
            for end in (writer, there):
                if end is not None:
                    end.transport.abort()

    @staticmethod
    async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event) -> None:
        while data := await reader.read(_CHUNK):
            await flowing.wait()
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()


@asynccontextmanager
async def relay_to(port: int) -> AsyncIterator[Relay]:
    """A network that works until the test says otherwise."""
    relay = Relay(port)
    await relay.mend()
    try:
        yield relay
    finally:
        await relay.cut()

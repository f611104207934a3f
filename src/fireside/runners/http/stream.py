"""A lean HTTP/1.1 client for answers that arrive bit by bit: a warm pool of connections to one server. No general client.

Every token of a backend behind HTTP passes through here, so this hands over what a read of the socket brought, with as
little as possible in between: two thirds of what aiohttp costs for a token. It knows no
proxies, cookies or redirects.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import zlib
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from fireside.runners.http.framing import BrokenHttpError, ResponseReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fireside.runners.reach import Reach

# So much may wait for a reader before the socket is left alone.
_WAITING_BYTES = 256 * 1024
_PORTS = {"http": 80, "https": 443}


class LostConnectionError(ConnectionError):
    """The connection ended before the response did."""


class SlowConnectionError(ConnectionError):
    """No connection stood in time."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a server is, and the path that all requests begin with, without a slash at its end."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @classmethod
    def of(cls, url: str) -> Origin:
        """Reads a base URL. ValueError: it is not one of http or https."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
            message = f"not an http or https URL: {url!r}"
            raise ValueError(message)
        return cls(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme], parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """The value of the Host field."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """In seconds: until a connection stands, and how long an idle one is kept. And how many idle ones are."""

    connect: float = 10.0
    keep_warm: float = 120.0
    most_idle: int = 64
    """With thousands of readers few are idle at any moment; the rest would be kept open at both ends for nothing."""


class Pool:
    """The connections to one server. They are opened when needed, as many as there are answers at once."""

    def __init__(
        self,
        origin: Origin,
        fields: Mapping[str, str],
        limits: StreamLimits | None = None,
        reach: Reach | None = None,
    ) -> None:
        """`fields` are header fields of every request. ValueError: one of them has a line break in it.

        `reach` says which addresses may be connected to; None allows all.
        """
        self._origin = origin
        self._reach = reach
        self._limits = limits or StreamLimits()
        self._idle: deque[tuple[float, Connection]] = deque()
        self._open: set[Connection] = set()
        lines = [f"host: {origin.authority}", *(f"{name}: {value}" for name, value in fields.items())]
        if any(character in line for line in lines for character in "\r\n\0"):
            message = "a header field has a line break in it"
            raise ValueError(message)
        self._fields = "\r\n".join(lines).encode()

    async def request(self, method: str, path: str, body: bytes | None = None) -> StreamedResponse:
        """Sends a request and returns the response when its head is there. Close it.

        Raises SlowConnectionError, OSError (ssl.SSLError and ForbiddenAddressError included), BrokenHttpError and
        LostConnectionError.
        """
        length = b"" if body is None else b"content-length: %d\r\n" % len(body)
        head = f"{method} {self._origin.path}{path} HTTP/1.1\r\n".encode("ascii", "replace")
        request = b"%b%b\r\n%b\r\n%b" % (head, self._fields, length, body or b"")
        while (connection := self._warm()) is not None:
            try:
                return await self._exchange(connection, request)
            except LostConnectionError:
                # The server closed it, as it may, while it was idle or as we wrote: nothing was answered.
                if connection.heard:
                    raise
        return await self._exchange(await self._connect(), request)

    def close(self) -> None:
        """Closes all connections, those in use too."""
        for connection in list(self._open):
            connection.abort()
        self._idle.clear()

    def take_back(self, connection: Connection) -> None:
        """A connection is free again. Beyond what the next answers need, the one that was idle longest is closed."""
        self._idle.append((time.monotonic(), connection))
        if len(self._idle) > self._limits.most_idle:
            self._idle.popleft()[1].abort()

    def forget(self, connection: Connection) -> None:
        """A connection is closed."""
        self._open.discard(connection)

    def _warm(self) -> Connection | None:
        """The connection that was used last, if there is one that is not too old."""
        oldest = time.monotonic() - self._limits.keep_warm
        while self._idle and self._idle[0][0] < oldest:
            self._idle.popleft()[1].abort()
        while self._idle:
            connection = self._idle.pop()[1]
            if not connection.closed:
                return connection
        return None

    async def _connect(self) -> Connection:
        origin = self._origin
        try:
            async with asyncio.timeout(self._limits.connect):
                if self._reach is None:
                    protocol = await self._connect_to(origin.host)
                else:
                    protocol = await self._connect_to_one(await self._reach.addresses(origin.host, origin.port))
        except TimeoutError:
            raise SlowConnectionError from None
        self._open.add(protocol)
        return protocol

    async def _connect_to_one(self, addresses: Sequence[str]) -> Connection:
        """A connection to the first that takes it. They are not looked up again: what was checked is what counts."""
        for address in addresses[:-1]:
            try:
                return await self._connect_to(address)
            except OSError:
                continue
        return await self._connect_to(addresses[-1])

    async def _connect_to(self, host: str) -> Connection:
        origin = self._origin
        secure = trusting() if origin.scheme == "https" else None
        _, protocol = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self), host, origin.port, ssl=secure, server_hostname=origin.host if secure else None
        )
        return protocol

    @staticmethod
    async def _exchange(connection: Connection, request: bytes) -> StreamedResponse:
        try:
            return await connection.ask(request)
        except BaseException:
            connection.abort()
            raise


@lru_cache(maxsize=1)
def trusting() -> ssl.SSLContext:
    """What trusts the machine's certificates (or those of SSL_CERT_FILE). Reading them takes 20 ms: once is enough."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclass(slots=True)
class StreamedResponse:
    """A response whose body is read as it arrives. Names of header fields are in lower case."""

    status: int
    headers: Mapping[str, str]
    _connection: Connection
    _unpack: Callable[[bytes], bytes] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Servers that compress though nobody asked them to are understood."""
        if self.headers.get("content-encoding", "identity") in {"gzip", "x-gzip", "deflate"}:
            self._unpack = zlib.decompressobj(47).decompress

    @property
    def content_type(self) -> str:
        """Without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def read(self) -> bytes:
        """What has come of the body, at least a byte; empty at its end. Raises LostConnectionError, BrokenHttpError."""
        connection = self._connection
        while data := connection.take() or await connection.more():
            if self._unpack is None:
                return data
            try:
                if data := self._unpack(data):
                    return data
            except zlib.error as error:
                raise BrokenHttpError(str(error)) from error
        return b""

    async def whole(self) -> bytes:
        """What is left of the body. Raises as `read`."""
        pieces: list[bytes] = []
        while data := await self.read():
            pieces.append(data)
        return b"".join(pieces)

    def close(self) -> None:
        """Gives the connection back if the body is at its end, else cuts it off. Doing it twice does nothing."""
        self._connection.leave()


class Connection(asyncio.Protocol):
    """One connection: a request, its response, then perhaps the next."""

    __slots__ = (
        "_error",
        "_loop",
        "_paused",
        "_pieces",
        "_pool",
        "_reader",
        "_size",
        "_transport",
        "_waiter",
        "closed",
        "heard",
    )

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        # Kept, because asking for it is a system call in Python 3.11.
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader: ResponseReader | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._error: ConnectionError | None = None
        # Whether anything came since the last request, and whether the socket is gone.
        self.heard = False
        self.closed = False

    @property
    def done(self) -> bool:
        """Whether the response is at its end, or there is none."""
        return self._reader is None or self._reader.done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class does not derive from it

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of a body without a length; any other response is broken."""
        self.closed = True
        self._pool.forget(self)
        if self._reader is not None and (exc is not None or not self._reader.close()) and self._error is None:
            self._error = LostConnectionError(str(exc or "the server closed the connection"))
        self._wake()

    async def ask(self, request: bytes) -> StreamedResponse:
        """Sends a request and waits for the head of its response."""
        if self._transport is None or self.closed:
            raise LostConnectionError
        reader = self._reader = ResponseReader()
        self.heard = False
        self._transport.write(request)
        while not reader.status:
            await self._wait()
        return StreamedResponse(reader.status, reader.fields, self)

    def take(self) -> bytes:
        """What of the body is there; empty if nothing is."""
        pieces = self._pieces
        if not pieces:
            return b""
        self._pieces = []
        self._size = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def more(self) -> bytes:
        """Waits for more of the body; empty at its end."""
        while not self._pieces:
            if self.done:
                return b""
            await self._wait()
        return self.take()

    def leave(self) -> None:
        """The response is not wanted any more."""
        reader, self._reader = self._reader, None
        if reader is None:
            return
        if reader.done and reader.keep and not self.closed:
            self._pieces, self._size = [], 0
            self._pool.take_back(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Closes the socket at once, so that the server notices."""
        self.closed = True
        if self._error is None:
            self._error = LostConnectionError("closed")
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Takes what has come and wakes the reader."""
        reader = self._reader
        if reader is None or reader.done:
            self.abort()  # nobody asked: what follows cannot be told from the next response
            return
        self.heard = True
        try:
            pieces = reader.feed(data)
        except BrokenHttpError as error:
            self._error = error
            self.abort()
        else:
            self._pieces += pieces
            self._size += len(data)
            if self._size > _WAITING_BYTES and not self._paused and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()
        self._wake()

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

"""Keeps so many readers busy with one server: each asks for its next answer when the last has ended. Measures nothing itself."""

from __future__ import annotations

import asyncio
import random
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.cli.bench.dialects import Dialect, Protocol, Target
from fireside.cli.bench.http1 import Http1Connection
from fireside.cli.bench.http2 import Http2Connection
from fireside.cli.bench.tally import Answer, Tally

if TYPE_CHECKING:
    from pathlib import Path

# A gRPC client that serves many users opens more connections when one has about so many calls.
_CALLS_PER_CONNECTION = 100
_CONNECT_AT_ONCE = 100
_AFTER_ERROR_SECONDS = 0.2
Connection = Http1Connection | Http2Connection


@dataclass(frozen=True, slots=True)
class Load:
    """How much, and for how long: for `seconds` after the ramp, or until `answers` were started, whichever comes first."""

    concurrency: int
    seconds: float
    answers: int | None
    ramp: float
    """The readers' first requests are spread over so many seconds, so that they do not stay in step."""

    leaving: float = 0.0
    """The share of answers whose reader goes away in the middle, 0 to 1."""


class Driver:
    """One step against one server."""

    def __init__(self, target: Target, dialect: Dialect, load: Load, tally: Tally, authority: Path | None) -> None:
        """`authority` is the certificate that a TLS server is checked with, besides the system's."""
        self._target = target
        self._dialect = dialect
        self._load = load
        self._tally = tally
        self._authority = authority
        self._loop = asyncio.get_running_loop()
        self._until = 0.0
        self._active = 0
        self._over = asyncio.Event()
        self._connections: list[Connection] = []
        self._resting: list[asyncio.TimerHandle] = []
        self._reopening: set[asyncio.Task[None]] = set()
        self._random = random.Random(1)  # noqa: S311 -- who leaves when is no secret, and the same in every run.

    async def run(self, patience: float) -> float:
        """Runs the step and returns how many seconds it took. Answers that do not end in `patience` seconds have failed.

        Raises OSError if there is no server.
        """
        await self._connect()
        begin = self._loop.time()
        self._until = begin + self._load.ramp + self._load.seconds
        readers = self._load.concurrency
        self._active = readers
        for index in range(readers):
            connection = self._connections[index % len(self._connections)]
            wait = self._load.ramp * index / readers
            self._resting.append(self._loop.call_later(wait, self._next, connection))
        try:
            async with asyncio.timeout(self._load.seconds + self._load.ramp + patience):
                await self._over.wait()
        except TimeoutError:
            self._tally.error = self._tally.error or f"answers did not end within {patience:g} s"
        took = self._loop.time() - begin
        await self._close()
        self._tally.failed = self._tally.started - self._tally.ended - self._tally.left
        return took

    async def _connect(self) -> None:
        many = self._load.concurrency
        if self._dialect.protocol is Protocol.GRPC:
            many = max(1, (many + _CALLS_PER_CONNECTION - 1) // _CALLS_PER_CONNECTION)
        for begin in range(0, many, _CONNECT_AT_ONCE):
            self._connections += await asyncio.gather(
                *(self._open() for _ in range(begin, min(many, begin + _CONNECT_AT_ONCE)))
            )

    async def _open(self) -> Connection:
        grpc = self._dialect.protocol is Protocol.GRPC
        context = _tls(self._authority, grpc=grpc) if self._target.tls else None

        def make() -> Connection:
            return Http2Connection(self._idle) if grpc else Http1Connection(self._idle)

        _, connection = await self._loop.create_connection(make, self._target.host, self._target.port, ssl=context)
        return connection

    def _idle(self, connection: Connection) -> None:
        # Not at once: the end of one answer must be counted before the next one begins.
        self._loop.call_soon(self._next, connection)

    def _next(self, connection: Connection) -> None:
        enough = self._load.answers is not None and self._tally.started >= self._load.answers
        if enough or self._loop.time() >= self._until:
            self._reader_is_done()
        elif connection.closed:
            task = self._loop.create_task(self._reopen(connection))
            self._reopening.add(task)
            task.add_done_callback(self._reopening.discard)
        else:
            self._ask(connection)

    def _ask(self, connection: Connection) -> None:
        answer = Answer(self._tally)
        body = self._dialect.body(answer)
        if self._load.leaving and self._random.random() < self._load.leaving:
            answer.leave_at(self._random.randint(1, max(1, self._tally.expected - 1)), lambda: connection.leave(body))
        connection.ask(self._dialect.request(), body)

    def _reader_is_done(self) -> None:
        self._active -= 1
        if self._active <= 0:
            self._over.set()

    async def _reopen(self, lost: Connection) -> None:
        """Another connection for a reader whose own one is gone. After an error not at once, or errors come in floods."""
        if self._tally.error:
            await asyncio.sleep(_AFTER_ERROR_SECONDS)
        try:
            connection = await self._open()
        except OSError as error:
            self._tally.error = self._tally.error or str(error)
            self._reader_is_done()
            return
        if lost in self._connections:
            self._connections.remove(lost)
        self._connections.append(connection)
        self._next(connection)

    async def _close(self) -> None:
        for handle in self._resting:
            handle.cancel()
        for task in list(self._reopening):
            task.cancel()
        for connection in self._connections:
            connection.closed = True
            connection.close()
        await asyncio.sleep(0)


def _tls(authority: Path | None, *, grpc: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=None)
    if authority is not None:
        context.load_verify_locations(authority)
    context.set_alpn_protocols(["h2"] if grpc else ["http/1.1"])
    return context

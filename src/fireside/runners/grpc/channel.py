"""Warm gRPC connections to the addresses of one runner: requests and answers as bytes. Knows no service and no router.

One HTTP/2 connection for each address carries its calls, and a further one for each 150 at once. grpcio costs start time and memory, so that it is loaded
with the first call, and only in a server that has such a runner.
"""

from __future__ import annotations

import asyncio
import importlib
import ssl
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fireside.core.errors import DeadlineExceededError
from fireside.runners.grpc.dialling import Dialler
from fireside.runners.grpc.errors import CallStatus, cannot_connect, error_of, forbidden
from fireside.runners.reach import ForbiddenAddressError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from fireside.runners.base import BackendOptions
    from fireside.runners.grpc.dialling import Arguments


# Servers cut a connection on which more than 200 calls are cancelled in ten seconds (CVE-2023-44487), and with it the
# answers of everybody else. So a connection has at most so many that are open or were cancelled lately.
_CALLS = 150
_RESET_SECONDS = 12.0
_OPTIONS = (
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # A peer that comes back is seen soon; the router decides how long one is left alone.
    ("grpc.initial_reconnect_backoff_ms", 250),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Each runner has connections of its own, and they go straight to the address.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    # Retrying is for whoever knows whether an answer has begun.
    ("grpc.enable_retries", 0),
)


@dataclass(frozen=True, slots=True)
class Call:
    """What to call: `/package.Service/Method`, the serialised request, and when to give up (time.monotonic())."""

    method: str
    payload: bytes
    deadline: float | None = None
    duplex: bool = False
    """Whether the method takes a stream of requests; it gets this one."""

    @property
    def timeout(self) -> float | None:
        """Seconds that are left. Raises DeadlineExceededError when none are."""
        if self.deadline is None:
            return None
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise DeadlineExceededError("RUNNER_TOTAL_TIMEOUT", "The answer took longer than it was given.")
        return left


class _Line:
    """One connection. `open` counts its calls; `resets` are when calls were cancelled lately, on time.monotonic()."""

    __slots__ = ("channel", "dialling", "open", "resets", "stubs")

    def __init__(self, channel: Any) -> None:
        """`channel` is None until it is dialled (grpc/dialling.py), where addresses have to be looked at before."""
        self.channel = channel
        self.dialling = asyncio.Lock()
        self.open = 0
        self.resets: deque[float] = deque()
        self.stubs: dict[str, Any] = {}

    def has_room(self) -> bool:
        """Whether a further call keeps what may be cancelled at once below what a server puts up with."""
        since = time.monotonic() - _RESET_SECONDS
        while self.resets and self.resets[0] < since:
            self.resets.popleft()
        return self.open + len(self.resets) < _CALLS

    def stub(self, method: str, make: Any) -> Any:
        """What makes calls of the method."""
        stub = self.stubs.get(method)
        if stub is None:
            stub = self.stubs[method] = make(method)
        return stub

    @contextmanager
    def call(self) -> Generator[None]:
        """Around each call."""
        self.open += 1
        try:
            yield
        except (GeneratorExit, asyncio.CancelledError, DeadlineExceededError):
            self.resets.append(time.monotonic())
            raise
        finally:
            self.open -= 1


class Channels:
    """The connections. They are made when first used, and again when they were lost."""

    def __init__(self, options: BackendOptions) -> None:
        """Connects to nothing yet."""
        self._options = options
        self._arguments = _arguments(options)
        self._dialler = None if options.reach is None else Dialler(options.reach, _open_at)
        self._lines: dict[str, list[_Line]] = {}
        self._metadata = (("authorization", f"Bearer {options.secret}"),) if options.secret else ()

    async def unary(self, address: str, call: Call) -> bytes:
        """Calls and returns the answer. Raises what `grpc_errors` makes of a failure."""
        line = self._line(address)
        with line.call():
            await self._connected(line, address)
            stub = line.stub(call.method, line.channel.unary_unary)
            try:
                return await stub(call.payload, timeout=call.timeout, metadata=self._metadata)
            except _rpc_error() as error:
                raise self._error(error, address, begun=False) from error

    async def stream(self, address: str, call: Call) -> AsyncGenerator[bytes]:
        """Calls and yields the answers. Closing it cancels the call at the peer.

        Raises what `grpc_errors` makes of a failure.
        """
        line = self._line(address)
        begun = False
        rpc: Any = None
        with line.call():
            try:
                await self._connected(line, address)
                rpc = await self._begin(line, call)
                end = _aio().EOF
                while (message := await rpc.read()) is not end:
                    begun = True
                    yield message
            except _rpc_error() as error:
                raise self._error(error, address, begun=begun) from error
            finally:
                if rpc is not None:
                    rpc.cancel()

    async def aclose(self) -> None:
        """Ends the calls that are open and closes the connections."""
        lines = [line for lines in self._lines.values() for line in lines]
        self._lines.clear()
        await asyncio.gather(*(line.channel.close() for line in lines if line.channel is not None))

    async def _begin(self, line: _Line, call: Call) -> Any:
        if not call.duplex:
            stub = line.stub(call.method, line.channel.unary_stream)
            return stub(call.payload, timeout=call.timeout, metadata=self._metadata)
        rpc = line.stub(call.method, line.channel.stream_stream)(timeout=call.timeout, metadata=self._metadata)
        try:
            await rpc.write(call.payload)
            await rpc.done_writing()
        except BaseException:
            rpc.cancel()
            raise
        return rpc

    def _error(self, error: Any, address: str, *, begun: bool) -> Exception:
        trailers: dict[str, str | bytes] = dict(error.trailing_metadata() or ())
        details = trailers.get("grpc-status-details-bin", b"")
        packed = details if isinstance(details, bytes) else b""
        status = CallStatus(error.code().name, error.details() or "", packed)
        return error_of(status, self._options.name, address, begun=begun)

    def _line(self, address: str) -> _Line:
        """The first connection that has room for a call."""
        lines = self._lines.setdefault(address, [])
        for line in lines:
            if line.has_room():
                return line
        lines.append(_Line(None if self._dialler else _open(address, self._arguments)))
        return lines[-1]

    async def _connected(self, line: _Line, address: str) -> None:
        """Returns when the connection stands. Raises UnavailableError (RUNNER_UNAVAILABLE, RUNNER_CONNECT_TIMEOUT)."""
        if self._dialler is not None:
            await self._dialled(line, address, self._dialler)
            return
        states = _grpc().ChannelConnectivity
        state = line.channel.get_state(try_to_connect=True)
        if state is states.READY:
            return
        try:
            async with asyncio.timeout(self._options.connect_timeout):
                while state is not states.READY:
                    if state in {states.TRANSIENT_FAILURE, states.SHUTDOWN}:
                        raise cannot_connect(self._options.name, address)
                    await line.channel.wait_for_state_change(state)
                    state = line.channel.get_state(try_to_connect=True)
        except TimeoutError as error:
            raise cannot_connect(self._options.name, address, self._options.connect_timeout) from error

    async def _dialled(self, line: _Line, address: str, dialler: Dialler) -> None:
        """As `_connected`. A connection that was lost is not taken up again: the name may have another address now."""
        ready = _grpc().ChannelConnectivity.READY
        try:
            async with asyncio.timeout(self._options.connect_timeout), line.dialling:
                if line.channel is not None and line.channel.get_state() is ready:
                    return
                # Whoever has a call on the lost one keeps it until that call has ended.
                line.channel, line.stubs = None, {}
                line.channel = await dialler.dial(address, self._arguments)
        except TimeoutError as error:
            raise cannot_connect(self._options.name, address, self._options.connect_timeout) from error
        except ForbiddenAddressError as error:
            raise forbidden(self._options.name, address, error) from error
        except OSError as error:
            raise cannot_connect(self._options.name, address) from error


def _arguments(options: BackendOptions) -> tuple[tuple[str, int], ...]:
    """The options as grpcio has them."""
    size = min(options.max_message_length, 2**31 - 1)
    limits = (
        ("grpc.max_receive_message_length", size),
        ("grpc.max_send_message_length", size),
        # How long grpcio itself tries to connect, in spite of the name: a little longer than we wait.
        ("grpc.min_reconnect_backoff_ms", int(options.connect_timeout * 1000) + 5000),
    )
    if not options.keepalive_time:
        return (*limits, *_OPTIONS)
    every, within = int(options.keepalive_time * 1000), int(options.keepalive_timeout * 1000)
    return (*limits, ("grpc.keepalive_time_ms", every), ("grpc.keepalive_timeout_ms", within), *_OPTIONS)


def _open(address: str, arguments: Arguments) -> Any:
    return _open_at(address.rpartition("://")[2].rstrip("/"), arguments, secure=address.startswith("grpcs://"))


def _open_at(target: str, arguments: Arguments, *, secure: bool) -> Any:
    """A channel to what grpcio calls a target."""
    if secure:
        credentials = _grpc().ssl_channel_credentials(_system_authorities())
        return _aio().secure_channel(target, credentials, options=arguments)
    return _aio().insecure_channel(target, options=arguments)


def _system_authorities() -> bytes | None:
    """The certificates that this machine trusts (SSL_CERT_FILE, or the system's); None leaves it to grpcio's own."""
    paths = ssl.get_default_verify_paths()
    # Debian has no such file but a folder, and in it all of them in one.
    folder = Path(paths.capath) / "ca-certificates.crt" if paths.capath else None
    for path in (paths.cafile, folder):
        if path is not None and Path(path).is_file():
            return Path(path).read_bytes()
    return None


def _grpc() -> Any:
    return importlib.import_module("grpc")


def _aio() -> Any:
    return importlib.import_module("grpc.aio")


def _rpc_error() -> Any:
    return _aio().AioRpcError

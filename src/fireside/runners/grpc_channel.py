"""Warm gRPC connections to the addresses of one runner: requests and answers as bytes. Knows no service and no router.

One HTTP/2 channel for each address carries all of its calls. grpcio costs start time and memory, so that it is loaded
with the first call, and only in a server that has such a runner.
"""

from __future__ import annotations

import asyncio
import importlib
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fireside.core.errors import DeadlineExceededError
from fireside.runners.grpc_errors import CallStatus, cannot_connect, error_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fireside.runners.base import BackendOptions


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


class Channels:
    """The connections. They are made when first used, and again when they were lost."""

    def __init__(self, options: BackendOptions) -> None:
        """Connects to nothing yet."""
        self._options = options
        self._arguments = _arguments(options)
        self._channels: dict[str, Any] = {}
        self._stubs: dict[tuple[str, str], Any] = {}
        self._metadata = (("authorization", f"Bearer {options.secret}"),) if options.secret else ()

    async def unary(self, address: str, call: Call) -> bytes:
        """Calls and returns the answer. Raises what `grpc_errors` makes of a failure."""
        channel = await self._connected(address)
        stub = self._stub(address, call, channel.unary_unary)
        try:
            return await stub(call.payload, timeout=call.timeout, metadata=self._metadata)
        except _rpc_error() as error:
            raise self._error(error, address, begun=False) from error

    async def stream(self, address: str, call: Call) -> AsyncGenerator[bytes]:
        """Calls and yields the answers. Closing it cancels the call at the peer.

        Raises what `grpc_errors` makes of a failure.
        """
        channel = await self._connected(address)
        begun = False
        rpc: Any = None
        try:
            if call.duplex:
                rpc = self._stub(address, call, channel.stream_stream)(timeout=call.timeout, metadata=self._metadata)
                await rpc.write(call.payload)
                await rpc.done_writing()
            else:
                stub = self._stub(address, call, channel.unary_stream)
                rpc = stub(call.payload, timeout=call.timeout, metadata=self._metadata)
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
        channels, self._channels = self._channels, {}
        self._stubs.clear()
        await asyncio.gather(*(channel.close() for channel in channels.values()))

    def _error(self, error: Any, address: str, *, begun: bool) -> Exception:
        trailers: dict[str, str | bytes] = dict(error.trailing_metadata() or ())
        details = trailers.get("grpc-status-details-bin", b"")
        packed = details if isinstance(details, bytes) else b""
        status = CallStatus(error.code().name, error.details() or "", packed)
        return error_of(status, self._options.name, address, begun=begun)

    async def _connected(self, address: str) -> Any:
        """The channel, once it stands. Raises UnavailableError (RUNNER_UNAVAILABLE, RUNNER_CONNECT_TIMEOUT)."""
        channel = self._channels.get(address)
        if channel is None:
            channel = self._channels[address] = _open(address, self._arguments)
        states = _grpc().ChannelConnectivity
        state = channel.get_state(try_to_connect=True)
        if state is states.READY:
            return channel
        try:
            async with asyncio.timeout(self._options.connect_timeout):
                while state is not states.READY:
                    if state in {states.TRANSIENT_FAILURE, states.SHUTDOWN}:
                        raise cannot_connect(self._options.name, address)
                    await channel.wait_for_state_change(state)
                    state = channel.get_state(try_to_connect=True)
        except TimeoutError as error:
            raise cannot_connect(self._options.name, address, self._options.connect_timeout) from error
        return channel

    def _stub(self, address: str, call: Call, make: Any) -> Any:
        key = address, call.method
        stub = self._stubs.get(key)
        if stub is None:
            stub = self._stubs[key] = make(call.method)
        return stub


def _arguments(options: BackendOptions) -> tuple[tuple[str, int], ...]:
    """The options as grpcio has them."""
    size = min(options.max_message_length, 2**31 - 1)
    limits = (
        ("grpc.max_receive_message_length", size),
        ("grpc.max_send_message_length", size),
        # How long grpcio itself tries to connect, in spite of the name: a little longer than we wait.
        ("grpc.min_reconnect_backoff_ms", int(options.connect_timeout * 1000) + 1000),
    )
    if not options.keepalive_time:
        return (*limits, *_OPTIONS)
    every, within = int(options.keepalive_time * 1000), int(options.keepalive_timeout * 1000)
    return (*limits, ("grpc.keepalive_time_ms", every), ("grpc.keepalive_timeout_ms", within), *_OPTIONS)


def _open(address: str, arguments: tuple[tuple[str, int], ...]) -> Any:
    scheme, separator, authority = address.rpartition("://")
    target = authority.rstrip("/")
    if separator and scheme == "grpcs":
        credentials = _grpc().ssl_channel_credentials(_system_authorities())
        return _aio().secure_channel(target, credentials, options=arguments)
    return _aio().insecure_channel(target, options=arguments)


def _system_authorities() -> bytes | None:
    """The certificates that this machine trusts (SSL_CERT_FILE, or the system's); None leaves it to grpcio's own."""
    path = ssl.get_default_verify_paths().cafile
    return Path(path).read_bytes() if path else None


def _grpc() -> Any:
    return importlib.import_module("grpc")


def _aio() -> Any:
    return importlib.import_module("grpc.aio")


def _rpc_error() -> Any:
    return _aio().AioRpcError

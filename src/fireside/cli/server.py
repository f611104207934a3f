"""Runs an open app under h2corn until it is told to stop. Not the command: serve.py reads settings and talks to a person."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from h2corn import Config as ServerConfig
from h2corn import RequestPolicy, Server

from fireside.app import open_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fireside.cli.listen import Listening
    from fireside.config import Config
    from fireside.edge.tls import TlsFiles

logger = logging.getLogger(__name__)

# What ending the streams, storing what is left and closing takes at most; running answers get the rest of the time.
_CLOSING_SECONDS = 5.0
# Messages are limited far below this by the edge, which says so properly; this is for whoever sends without end.
_MAX_BODY = 16 * 1024 * 1024
_MAX_ENVELOPE = 64 * 1024
# A reader that takes nothing for so long is cut off; it resumes when it comes back.
_STALL_SECONDS = 60.0
# So is an upload over which nothing came for so long.
_IDLE_SECONDS = 60.0


class Served(Protocol):
    """What is put on a server: a Fireside, or a model worker."""

    @property
    def asgi(self) -> Any:
        """The ASGI application, open already."""
        ...

    async def drain(self, grace: float) -> None:
        """Takes no new work and lets what runs end for `grace` seconds."""
        ...

    async def aclose(self) -> None:
        """Closes it."""
        ...


def server_config(config: Config, listening: Listening, tls: TlsFiles | None) -> ServerConfig:
    """h2corn's own settings. The app is open already, so there is no lifespan."""
    # The client sends on this stream whenever it likes, so neither its size nor its pauses say anything.
    converse = RequestPolicy(
        path="/fireside.v1.ChatService/Converse",
        max_request_body_size=0,
        timeout_request_body_idle=0,
        h2_timeout_response_stall=_STALL_SECONDS,
    )
    # Whole files come here. Who sends nothing for a while comes back and goes on.
    files = (
        RequestPolicy(
            path=path,
            max_request_body_size=0,
            timeout_request_body_idle=_IDLE_SECONDS,
            h2_timeout_response_stall=_STALL_SECONDS,
        )
        for path in ("/files/*", "/google.bytestream.ByteStream/Write", "/fireside.v1.UploadService/AppendUpload")
    )
    return ServerConfig(
        bind=tuple(f"fd://{sock.fileno()}" for sock in listening.sockets),
        certfile=tls.certificate if tls else None,
        keyfile=tls.key if tls else None,
        grpc=True,
        runtime_threads=1,
        lifespan="off",
        access_log=False,
        log_format="json" if config.log_format == "json" else "text",
        max_concurrent_streams=config.grpc_max_concurrent_streams,
        max_request_body_size=max(_MAX_BODY, config.grpc_max_message_length + _MAX_ENVELOPE),
        request_policies=(converse, *files),
        timeout_keep_alive=config.keep_alive,
        timeout_graceful_shutdown=config.shutdown_grace,
        h2_timeout_response_stall=_STALL_SECONDS,
    )


async def run(
    config: Config,
    listening: Listening,
    tls: TlsFiles | None,
    ready: Callable[[], None],
    opening: Callable[[Config], Awaitable[Served]] = open_app,
) -> None:
    """Opens the app, serves until SIGTERM or SIGINT, and stops within `config.shutdown_grace` seconds.

    `ready` is called once calls are answered. A second signal ends the process at once. Raises what `opening` raises.
    """
    stop = _stop_on_signals(config.shutdown_grace)
    app = await opening(config)
    _tune_interpreter()
    try:
        if not stop.is_set():
            await _serve(app, server_config(config, listening, tls), listening, _Moments(ready, stop))
    finally:
        await app.aclose()


def _tune_interpreter() -> None:
    """Sets what an event loop with thousands of streams needs of CPython.

    Tokens make next to no reference cycles, but each open stream is hundreds of objects that the collector would walk
    again and again: with its defaults 1,000 streams spent a tenth of their CPU there, in pauses of up to 100 ms. The
    thread that commits waits for the interpreter lock at most a millisecond, not five.
    """
    gc.set_threshold(100_000, 20, 100)
    sys.setswitchinterval(0.001)


@dataclass(frozen=True, slots=True)
class _Moments:
    """When the server is ready, and when it has to stop."""

    ready: Callable[[], None]
    stop: asyncio.Event


async def _serve(app: Served, server_config: ServerConfig, listening: Listening, moments: _Moments) -> None:
    _silence_banner()
    server = Server(app.asgi, server_config)
    serving = asyncio.create_task(server.serve(), name="server")
    await server.wait_started()
    stopping = asyncio.create_task(moments.stop.wait(), name="stop")
    try:
        moments.ready()
        await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        # New connections are refused from here on; calls that are open go on until the drain ends them.
        server.shutdown()
        listening.refuse()
        await app.drain(max(0.0, server_config.timeout_graceful_shutdown - _CLOSING_SECONDS))
        await serving


def _stop_on_signals(grace: float) -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT, which starts the clock; the second one ends the process at once."""
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)
        logger.info("Stopping on %s", number.name)
        stop.set()
        # A thread, because what hangs may be the event loop itself.
        clock = threading.Timer(grace, _give_up, (grace,))
        clock.daemon = True
        clock.start()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    return stop


def _give_up(grace: float) -> None:
    """Nothing that was acknowledged is lost: the store commits before it answers."""
    logger.error("Stopping took longer than %g s and was cut off", grace)
    os._exit(1)


def _silence_banner() -> None:
    """Removes h2corn's start-up lines, which it has no setting for: the command prints its own one line."""

    def silent(_config: ServerConfig, _tls: object) -> None:
        pass

    vars(importlib.import_module("h2corn._lib"))["emit_banner"] = silent

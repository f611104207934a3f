"""A whole server in the test's own loop: the app as app.py opens it, on h2corn, on a port of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from h2corn import Config as ServerConfig
from h2corn import RequestPolicy, Server

from fireside.app import App, open_app
from fireside.config import load

# Idle streams live: nothing is expected of a client that only listens.
_CONVERSE = RequestPolicy(
    path="/fireside.v1.ChatService/Converse",
    max_request_body_size=0,
    timeout_request_body_idle=0.0,
    h2_timeout_response_stall=0.0,
)
_UPLOADS = tuple(
    RequestPolicy(path=path, max_request_body_size=0, timeout_request_body_idle=60.0, h2_timeout_response_stall=60.0)
    for path in ("/files/*", "/google.bytestream.ByteStream/Write")
)
# Without the models of this machine, which take their time and are not what a test is about unless it says so.
_SMALL = {"local_model": "false", "embedding_model": "off", "single_user": "true"}


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers at `url`."""

    app: App
    url: str

    @property
    def address(self) -> str:
        """Host and port."""
        return self.url.partition("://")[2]

    async def idle(self, within: float = 1.0) -> None:
        """Returns when no stream is open; fails when that takes longer than `within` seconds."""
        async with asyncio.timeout(within):
            await self.app.asgi.streams.reached(0)

    async def open_streams(self, count: int) -> None:
        """Returns when `count` streams are open."""
        await self.app.asgi.streams.reached(count)


@asynccontextmanager
async def serve(folder: Path, toml: str = "", **settings: str) -> AsyncIterator[Served]:
    """Opens a server on a database in `folder`, with settings of its own and a settings file of this content."""
    file = folder / "fireside.toml"
    file.write_text(toml)
    app = await open_app(load({**_SMALL, "data_dir": str(folder), **settings}, file=file))
    config = ServerConfig(
        bind=("127.0.0.1:0",), grpc=True, access_log=False, lifespan="off", max_concurrent_streams=4096,
        request_policies=(_CONVERSE, *_UPLOADS), timeout_graceful_shutdown=0.5,
    )  # fmt: skip
    server = Server(app.asgi, config)
    serving = asyncio.create_task(server.serve())
    try:
        await server.wait_started()
        yield Served(app, f"http://127.0.0.1:{server.addresses[0].rpartition(':')[2]}")
    finally:
        server.shutdown()
        await serving
        await app.aclose()

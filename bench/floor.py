"""The floor: a bare ASGI application on the same server that sends as many messages at the same pace, and does nothing else.

Usage: python -m bench.floor TOKENS PACE_MS. Prints its port. No Protobuf, no store, no log: what HTTP alone costs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from h2corn import Config, Server

_MESSAGE = b"\0\0\0\0\x12" + b"\x0a\x10\x08\x05\x1a\x0c\x12\x0afireplace "
_END = b"\x02\0\0\0\x02{}"
_HEADERS = [(b"content-type", b"application/connect+proto")]


class Floor:
    """The application."""

    def __init__(self, tokens: int, pace: float) -> None:
        self._tokens = tokens
        self._pace = pace

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Answers every request with the stream."""
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for index in range(self._tokens):
            wait = begin + index * self._pace - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            await send({"type": "http.response.body", "body": _MESSAGE, "more_body": True})
        await send({"type": "http.response.body", "body": _END, "more_body": False})


async def _main(tokens: int, pace: float) -> None:
    config = Config(
        bind=("127.0.0.1:0",), access_log=False, lifespan="off", runtime_threads=1, max_concurrent_streams=4096
    )
    server: Any = Server(Floor(tokens, pace), config)  # type: ignore[arg-type]
    serving = asyncio.ensure_future(server.serve())
    await server.wait_started()
    print(server.addresses[0].rsplit(":", 1)[1], flush=True)
    await serving


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1]), float(sys.argv[2]) / 1000))

"""The floor of `fireside bench upload`: an h2corn server that reads each body and hashes it, and does nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from typing import Any

from h2corn import Config, Server

_BATCH = 1024 * 1024


async def sink(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the SHA-256 of the body, in hex."""
    if scope["type"] != "http":
        return
    running = hashlib.sha256()
    waiting: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        body = message.get("body", b"")
        more = message.get("more_body", False)
        waiting.append(body)
        size += len(body)
        if size >= _BATCH or not more:
            await asyncio.to_thread(running.update, b"".join(waiting))
            waiting, size = [], 0
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"64")]})
    await send({"type": "http.response.body", "body": running.hexdigest().encode()})


async def serve() -> None:
    """Serves until it is killed; prints the port."""
    config = Config(
        bind=("127.0.0.1:0",), grpc=True, runtime_threads=1, lifespan="off", access_log=False, max_request_body_size=0
    )
    server = Server(sink, config)
    serving = asyncio.create_task(server.serve())
    await server.wait_started()
    print(f"port {server.addresses[0].rpartition(':')[2]}", flush=True)
    await serving


def main() -> None:
    """Runs it as a program of its own, on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve())
    else:
        uvloop.run(serve())


if __name__ == "__main__":
    sys.exit(main())

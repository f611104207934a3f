"""What the doors that are not RPCs read of a request: who calls, and whether they are still there. Not a framework."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from connectrpc.request import Headers

from fireside.edge.access import SCHEME_HEADER

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from fireside.edge.plain import Receive, Scope


class ClientGoneError(Exception):
    """The client has hung up before it had sent its request, or while it was answered: there is nobody to tell."""


def headers_of(scope: Scope) -> Headers:
    """The headers as `Access.admit` wants them."""
    scheme = (SCHEME_HEADER, scope.get("scheme", "http"))
    given = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    return Headers([*(item for item in given if item[0] != SCHEME_HEADER), scheme])


def client_of(scope: Scope) -> str:
    """The address and port that the request came from; empty when that is not known."""
    client = scope.get("client")
    return f"{client[0]}:{client[1]}" if client else ""


async def attended(receive: Receive, work: Coroutine[None, None, None]) -> None:
    """Runs `work` for a request that was read, and cancels it when the client goes away."""
    task = asyncio.current_task()
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        if task is not None:
            task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        await work
    except asyncio.CancelledError:
        if not gone or task is None:
            raise
        task.uncancel()
    finally:
        watcher.cancel()

"""The streams that are open, so that a shutdown can end them with a status that makes clients come back. Counts only."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from connectrpc.interceptor import MetadataInterceptor
from connectrpc.method import StreamType

from fireside.core.errors import UnavailableError

if TYPE_CHECKING:
    from connectrpc.request import RequestContext


class OpenStreams(MetadataInterceptor[None]):
    """An interceptor that knows the tasks of open streaming calls."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ended: set[asyncio.Task[Any]] = set()
        self._closing = False
        self._none = asyncio.Event()
        self._none.set()

    @property
    def count(self) -> int:
        """How many streams are open."""
        return len(self._tasks)

    async def idle(self) -> None:
        """Returns when no stream is open."""
        await self._none.wait()

    async def on_start(self, ctx: RequestContext[Any, Any]) -> None:
        """Notes a stream, or refuses it while the server shuts down."""
        if ctx.method.stream_type is StreamType.UNARY:
            return
        if self._closing:
            raise _shutting_down()
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            self._none.clear()

    async def on_end(self, _token: None, _ctx: RequestContext[Any, Any], error: Exception | None, /) -> None:
        """Forgets the stream. Raises UnavailableError in place of the cancellation that `end_all` caused."""
        task = asyncio.current_task()
        if task is None:
            return
        self._tasks.discard(task)
        if not self._tasks:
            self._none.set()
        if task in self._ended and error is not None:
            raise _shutting_down() from error

    async def end_all(self, grace: float) -> None:
        """Refuses new streams; ends those that are still open after `grace` seconds. Returns when all have ended."""
        self._closing = True
        try:
            async with asyncio.timeout(grace):
                await self.idle()
        except TimeoutError:
            self._ended |= self._tasks
            for task in list(self._tasks):
                task.cancel()
            await self.idle()

    def absorbs(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether the cancellation that reached the outermost application came from `end_all`, and is done with."""
        if task is None or task not in self._ended:
            return False
        self._ended.discard(task)
        task.uncancel()
        return True


def _shutting_down() -> UnavailableError:
    return UnavailableError("SHUTTING_DOWN", "The server is shutting down: come back in a moment and go on from there.")

"""The streams that are open, so that a shutdown can end them with a status that makes clients come back; and what calls
leave behind when they fail or their client has gone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.interceptor import MetadataInterceptor
from connectrpc.method import StreamType

from fireside.core.errors import UnavailableError

if TYPE_CHECKING:
    from connectrpc.request import RequestContext

    from fireside.edge.plain import Application, Message, Receive, Scope, Send


class ClientGoneError(ConnectError):
    """The client has hung up while it was being answered: no defect of ours, and there is nobody to tell."""

    def __init__(self) -> None:
        super().__init__(Code.CANCELED, "the client has gone")


class Outgoing:
    """A `send` that tells the one error of its own, a client that has gone, from the errors of handlers."""

    __slots__ = ("_send", "gone")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.gone = False

    async def __call__(self, message: Message) -> None:
        """Raises ClientGoneError where ASGI has OSError."""
        try:
            await self._send(message)
        except OSError as error:
            self.gone = True
            raise ClientGoneError from error


def untie(error: BaseException | None) -> None:
    """Has an error that was answered lead nowhere any more.

    Variables and futures, ours and those of libraries, keep errors. A traceback holds the functions that the error came
    through, and with them the variables: a circle, and all that the call has in it, until it is collected.
    """
    while error is not None:
        before = error.__cause__ or error.__context__
        error.__cause__ = error.__context__ = error.__traceback__ = None
        error = before


class LooseEnds(MetadataInterceptor[None]):
    """Has a call that failed leave nothing for the garbage collector. It must be the first interceptor, which ends last."""

    async def on_start(self, ctx: RequestContext[Any, Any]) -> None:
        """Nothing to do before a call."""

    async def on_end(self, _token: None, _ctx: RequestContext[Any, Any], error: Exception | None, /) -> None:
        """By now the error has been logged if it had to be, and only its status is wanted."""
        if error is not None:
            untie(error)


class OpenStreams(MetadataInterceptor[None]):
    """An interceptor that knows the tasks of open streaming calls."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ended: set[asyncio.Task[Any]] = set()
        self._closing = False
        self._waiters: set[tuple[int, asyncio.Future[None]]] = set()

    @property
    def count(self) -> int:
        """How many streams are open."""
        return len(self._tasks)

    async def reached(self, count: int) -> None:
        """Returns when `count` streams are open, such as none."""
        while len(self._tasks) != count:
            waiter = count, asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter[1]
            finally:
                self._waiters.discard(waiter)

    def _tell(self) -> None:
        for count, waiter in self._waiters:
            if count == len(self._tasks) and not waiter.done():
                waiter.set_result(None)

    async def on_start(self, ctx: RequestContext[Any, Any]) -> None:
        """Notes a stream, or refuses it while the server shuts down."""
        if ctx.method.stream_type is not StreamType.UNARY:
            self.enter(asyncio.current_task())

    def enter(self, task: asyncio.Task[Any] | None) -> None:
        """Notes a stream that `task` serves. Raises UnavailableError while the server shuts down."""
        if self._closing:
            raise _shutting_down()
        if task is not None:
            self._tasks.add(task)
            self._tell()

    def leave(self, task: asyncio.Task[Any] | None) -> None:
        """Forgets the stream of `task`."""
        if task is not None:
            self._tasks.discard(task)
            self._tell()

    async def on_end(self, _token: None, _ctx: RequestContext[Any, Any], error: Exception | None, /) -> None:
        """Forgets the stream. Raises UnavailableError in place of the cancellation that `end_all` caused."""
        task = asyncio.current_task()
        if task is None:
            return
        self.leave(task)
        if task in self._ended and error is not None:
            raise _shutting_down() from error

    async def end_all(self, grace: float) -> None:
        """Refuses new streams; ends those that are still open after `grace` seconds. Returns when all have ended."""
        self._closing = True
        try:
            async with asyncio.timeout(grace):
                await self.reached(0)
        except TimeoutError:
            self._ended |= self._tasks
            for task in list(self._tasks):
                task.cancel()
            await self.reached(0)

    async def serve(self, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        """Has `app` serve a call; neither a client that has gone nor `end_all` is an error then."""
        outgoing = Outgoing(send)
        try:
            await app(scope, receive, outgoing)
        except asyncio.CancelledError:
            if not self.absorbs(asyncio.current_task()):
                raise
        except Exception as error:
            if not outgoing.gone:  # otherwise nobody is left to be told
                raise
            untie(error)

    def absorbs(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether the cancellation that reached the outermost application came from `end_all`, and is done with."""
        if task is None or task not in self._ended:
            return False
        self._ended.discard(task)
        task.uncancel()
        return True


def _shutting_down() -> UnavailableError:
    return UnavailableError("SHUTTING_DOWN", "The server is shutting down: come back in a moment and go on from there.")

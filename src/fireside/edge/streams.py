"""The streams that are open, so that a shutdown can end them with a status that makes clients come back; and what calls
leave behind when they fail or their client has gone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.interceptor import MetadataInterceptor
from connectrpc.method import StreamType

from fireside.core.errors import FiresideError, UnavailableError
from fireside.edge.access import present

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectrpc.request import RequestContext

    from fireside.core.principal import Principal
    from fireside.edge.access import Incoming, Present
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


class OpenStream(NamedTuple):
    """A stream."""

    present: Present
    resumable: bool
    """Whether its client can come back and go on from where it was."""

    @property
    def call(self) -> Incoming:
        """The call, made by whom it is now."""
        return self.present.incoming


class OpenStreams(MetadataInterceptor[None]):
    """An interceptor that knows the tasks of open streaming calls, and who made them. It comes after edge/access.py's."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], OpenStream] = {}
        # A task that ended by itself at that moment is kept by nobody else.
        self._ended: WeakKeyDictionary[asyncio.Task[Any], FiresideError] = WeakKeyDictionary()
        self._closing = False
        self._waiters: set[tuple[int, asyncio.Future[None]]] = set()
        self.on_enter: Callable[[Incoming], None] | None = None
        """Called with each stream that opens."""

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
            self.enter(asyncio.current_task(), resumable=True)

    def enter(self, task: asyncio.Task[Any] | None, *, resumable: bool = False) -> None:
        """Notes a stream that `task` serves. Raises UnavailableError while the server shuts down."""
        if self._closing:
            raise _shutting_down()
        if task is not None:
            self._tasks[task] = stream = OpenStream(present(), resumable)
            self._tell()
            if self.on_enter is not None:
                self.on_enter(stream.call)

    def leave(self, task: asyncio.Task[Any] | None) -> None:
        """Forgets the stream of `task`."""
        if task is not None:
            self._tasks.pop(task, None)
            self._tell()

    def open_now(self) -> list[tuple[asyncio.Task[Any], OpenStream]]:
        """The streams that are open, and the task that serves each."""
        return list(self._tasks.items())

    def proved(self, task: asyncio.Task[Any], principal: Principal) -> None:
        """Who made the call has proved it again, and may do what `principal` may."""
        stream = self._tasks.get(task)
        if stream is not None:
            stream.present.incoming = stream.call._replace(principal=principal)

    def end(self, task: asyncio.Task[Any], error: FiresideError) -> None:
        """Ends the stream of `task` with an error; nothing if it has ended by itself."""
        if task in self._tasks:
            self._ended[task] = error
            task.cancel()

    async def on_end(self, _token: None, _ctx: RequestContext[Any, Any], error: Exception | None, /) -> None:
        """Forgets the stream. Raises what it was to end with in place of the cancellation that `end` caused."""
        task = asyncio.current_task()
        if task is None:
            return
        self.leave(task)
        told = self._ended.get(task)
        if told is not None and error is not None:
            raise told from error

    async def end_all(self, grace: float) -> None:
        """Refuses new streams; ends those that are still open after `grace` seconds. Returns when all have ended."""
        self._closing = True
        try:
            async with asyncio.timeout(grace):
                await self.reached(0)
        except TimeoutError:
            for task in list(self._tasks):
                self.end(task, _shutting_down())
            await self.reached(0)

    async def serve(self, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        """Has `app` serve a call; neither a client that has gone nor `end` is an error then."""
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
        """Whether the cancellation that reached the outermost application came from `end`, and is done with."""
        if task is None or task not in self._ended:
            return False
        del self._ended[task]
        task.uncancel()
        return True


def _shutting_down() -> UnavailableError:
    return UnavailableError("SHUTTING_DOWN", "The server is shutting down: come back in a moment and go on from there.")

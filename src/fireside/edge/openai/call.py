"""One HTTP call of an OpenAI client: its body, who asks, and what goes back. Not what the calls do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.edge.openai.errors import Refused, too_large
from fireside.edge.oversize import announces_more_than, cut_short
from fireside.edge.plain import send_reply
from fireside.edge.request import ClientGoneError, attended

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from fireside.core.principal import Principal
    from fireside.edge.plain import Receive, Reply, Scope, Send

# On plain HTTP/1.1 a server sees that a client has gone only when it writes for the second time since.
_HEARTBEAT_HTTP1 = 0.5
_HEARTBEAT_HTTP2 = 15.0
# For so long an answer that has nothing to say yet keeps its status, so that a failure can have its own.
_QUIET_HTTP1 = 0.9
_QUIET_HTTP2 = 14.0


class RefusedError(Exception):
    """Ends a call with an error that is in OpenAI's shape already."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.refused = refused


@dataclass(slots=True)
class Call:
    """A request that was read. `opened` says that the answer has begun, and its status with it."""

    principal: Principal
    body: bytes
    receive: Receive
    send: Send
    http1: bool
    opened: bool = False

    @property
    def heartbeat(self) -> float:
        """After how many seconds of nothing something is written."""
        return _HEARTBEAT_HTTP1 if self.http1 else _HEARTBEAT_HTTP2

    @property
    def quiet(self) -> float:
        """For how many seconds nothing is written before there is something to say."""
        return _QUIET_HTTP1 if self.http1 else _QUIET_HTTP2

    def take_body(self) -> bytes:
        """The body, once: a long one need not stay in memory while it is answered."""
        body, self.body = self.body, b""
        return body

    async def reply(self, reply: Reply) -> None:
        """Sends a whole answer."""
        self.opened = True
        await send_reply(self.send, reply)

    async def write(self, data: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        """Sends a piece of an answer; `headers` go before the first one, with status 200."""
        if not self.opened:
            self.opened = True
            await self.send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Sends the last piece."""
        await self.send({"type": "http.response.body", "body": data, "more_body": False})

    async def waited_for(self, task: asyncio.Task[None] | None) -> bool:
        """Whether the task is done; returns False when it is time to write something in the meantime."""
        if task is None:
            return True
        return bool((await asyncio.wait((task,), timeout=self.heartbeat))[0])

    async def attended(self, work: Coroutine[None, None, None]) -> None:
        """Runs `work`, and cancels it when the client goes away."""
        await attended(self.receive, work)


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises RefusedError when it has more than `limit` bytes, and ClientGoneError."""
    if announces_more_than(limit, scope):
        receive = await cut_short(receive, limit)
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        piece: bytes = message.get("body", b"")
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise RefusedError(too_large(limit))
        if not message.get("more_body", False):
            return b"".join(pieces)

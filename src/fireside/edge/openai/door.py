"""The paths below /v1/ as one ASGI application. Routing, and errors in OpenAI's shape; the calls are in files of their own."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from fireside.edge.openai.call import Call, RefusedError, read_body
from fireside.edge.openai.chat import ChatCompletions
from fireside.edge.openai.embeddings import Embeddings
from fireside.edge.openai.errors import no_such_call, refused, wrong_method
from fireside.edge.openai.models import Models
from fireside.edge.plain import send_reply
from fireside.edge.request import ClientGoneError, client_of, headers_of
from fireside.edge.streams import untie
from fireside.gen.v1 import permission_pb2

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fireside.chat.admission import Admission
    from fireside.chat.engine import Engine
    from fireside.core.principal import Principal
    from fireside.edge.access import Access
    from fireside.edge.plain import Receive, Reply, Scope, Send
    from fireside.edge.streams import OpenStreams

logger = logging.getLogger(__name__)

PREFIX = "/v1/"
_MODELS = "/v1/models"


class OpenAIDoor:
    """The application."""

    def __init__(
        self,
        engine: Engine,
        admission: Admission,
        access: Access,
        streams: OpenStreams,
        read_max_bytes: int,
    ) -> None:
        """Raises UnknownRuleError."""
        self._access = access
        self._streams = streams
        self._limit = read_max_bytes
        self._models = Models(admission)
        self._posts: dict[str, Callable[[Call], Awaitable[None]]] = {
            "/v1/chat/completions": ChatCompletions(engine).serve,
            "/v1/embeddings": Embeddings(admission).serve,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request."""
        task = asyncio.current_task()
        try:
            principal = await self._access.admit(headers_of(scope), client_of(scope), _permission(scope))
            post = self._posts.get(scope["path"])
            if post is None or scope["method"] != "POST":
                await send_reply(send, await self._get(principal, scope), head=scope["method"] == "HEAD")
                return
            http1 = scope.get("http_version", "1.1").startswith("1")
            call = Call(principal, await read_body(scope, receive, self._limit), receive, send, http1)
            self._streams.enter(task)
            try:
                await self._answered(call, post)
            finally:
                self._streams.leave(task)
        except ClientGoneError:
            pass
        except asyncio.CancelledError:
            if not self._streams.absorbs(task):
                raise
        except Exception as error:  # noqa: BLE001 - what is not meant for clients becomes an incident id
            await send_reply(send, _reply_of(error))
            untie(error)

    async def _answered(self, call: Call, post: Callable[[Call], Awaitable[None]]) -> None:
        try:
            await post(call)
        except Exception as error:
            if not call.opened:
                raise
            # The status is out and the answer cannot be finished: a connection that breaks says so.
            logger.info("An answer was cut off: %s", _reply_of(error).body.decode())
            untie(error)

    async def _get(self, principal: Principal, scope: Scope) -> Reply:
        path, method = scope["path"].rstrip("/"), scope["method"]
        of_models = path == _MODELS or path.startswith(_MODELS + "/")
        if not of_models and path not in self._posts:
            return no_such_call(method, path).reply()
        if not of_models or method not in ("GET", "HEAD"):
            return wrong_method(method, "GET" if of_models else "POST").reply()
        return await (
            self._models.list(principal) if path == _MODELS else self._models.get(principal, path[len(_MODELS) + 1 :])
        )


def _permission(scope: Scope) -> int:
    if scope["path"].startswith(_MODELS):
        return permission_pb2.PERMISSION_READ_MODELS
    return permission_pb2.PERMISSION_CHAT


def _reply_of(error: Exception) -> Reply:
    return (error.refused if isinstance(error, RefusedError) else refused(error)).reply()

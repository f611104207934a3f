"""What a model worker serves: fireside.worker.v1 over one runner, with health and reflection. Not the server's own door.

It is the same stack as the server's (connectrpc handlers in plain ASGI), with a token in place of accounts.
"""

from __future__ import annotations

import hmac
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fireside import __version__
from fireside.core.errors import UnauthenticatedError
from fireside.edge.codec import BinaryCodec, JsonCodec
from fireside.edge.errors import ErrorMapping
from fireside.edge.health import (
    FILE as HEALTH_FILE,
)
from fireside.edge.health import (
    HealthApplication,
    HealthCheckRequest,
    HealthHandlers,
    HealthListRequest,
    Readiness,
)
from fireside.edge.plain import Reply, send_reply
from fireside.edge.reflection import reflection_applications
from fireside.edge.rpc.streams import answers
from fireside.edge.streams import LooseEnds, OpenStreams
from fireside.edge.validate import Validator
from fireside.edge.worker_answer import EMPTY, Answer
from fireside.gen.v1 import model_pb2
from fireside.gen.worker.v1 import worker_service_pb2 as pb
from fireside.gen.worker.v1.worker_service_connect import WorkerServiceASGIApplication
from fireside.runners.worker.wire import request_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from connectrpc.codec import Codec
    from connectrpc.interceptor import MetadataInterceptor
    from connectrpc.request import Headers, RequestContext
    from connectrpc.server import ConnectASGIApplication

    from fireside.edge.plain import Receive, Scope, Send
    from fireside.runners.base import Runner

_SERVICE = pb.DESCRIPTOR.services_by_name["WorkerService"]
_OF_BROWSERS = frozenset((b"origin", b"sec-fetch-site"))
# gzip would hold tokens back, and vectors hardly get smaller; by removing what a client takes, its answers stay as they are.
_ENCODINGS = frozenset((b"grpc-accept-encoding", b"connect-accept-encoding"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """Settings of a worker's edge."""

    token: str = field(default="", repr=False)
    """What callers must send as `authorization: Bearer <token>`; empty lets everyone in."""

    read_max_bytes: int = 4 * 1024 * 1024
    """The largest request message; a larger one is RESOURCE_EXHAUSTED."""

    coalesce: bool = True
    """Whether deltas that are ready together travel in one message; off only to measure what it brings."""


class WorkerHandlers:
    """The handlers of WorkerService."""

    def __init__(self, runner: Runner, options: WorkerOptions, admit: Callable[[str, str], None] | None = None) -> None:
        """`admit(model, account)` raises what stands against a request before it is taken on, such as a full queue."""
        self._runner = runner
        self._options = options
        self._admit = admit

    async def info(
        self, _request: pb.InfoRequest, ctx: RequestContext[pb.InfoRequest, pb.InfoResponse]
    ) -> pb.InfoResponse:
        """The models by their own names."""
        self._check(ctx.request_headers)
        info = await self._runner.info()
        prefix = f"{self._runner.name}/"
        models: list[model_pb2.Model] = []
        for found in info.models:
            model = model_pb2.Model()
            model.CopyFrom(found)
            model.id = found.id.removeprefix(prefix)
            model.runner = ""
            models.append(model)
        unlisted = info.unlisted.pattern if info.unlisted else ""
        return pb.InfoResponse(models=models, hint=info.hint, version=f"fireside {__version__}", unlisted=unlisted)

    def generate(
        self, request: pb.GenerateRequest, ctx: RequestContext[pb.GenerateRequest, pb.GenerateResponse]
    ) -> AsyncIterator[pb.GenerateResponse]:
        """The answer of the runner. connectrpc keeps the deadline: it cancels this when that has come."""
        self._check(ctx.request_headers)
        if self._admit is not None:
            self._admit(request.model, request.account)
        left = ctx.timeout_ms
        deadline = None if left is None else time.monotonic() + left / 1000
        deltas = self._runner.generate(request_of(request, deadline))
        return answers(ctx, pb.GenerateResponse, _messages(Answer(deltas, coalesce=self._options.coalesce)))

    async def embed(
        self, request: pb.EmbedRequest, ctx: RequestContext[pb.EmbedRequest, pb.EmbedResponse]
    ) -> pb.EmbedResponse:
        """The vectors of the runner."""
        self._check(ctx.request_headers)
        found = await self._runner.embed(request.model, list(request.texts))
        vectors = [pb.Embedding(values=vector) for vector in found.vectors]
        return pb.EmbedResponse(embeddings=vectors, prompt_tokens=found.prompt_tokens)

    def _check(self, headers: Headers) -> None:
        token = self._options.token
        if token:
            given = headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                raise UnauthenticatedError("TOKEN_WRONG", "The worker's token is wrong or missing.")


async def _messages(answer: Answer) -> AsyncGenerator[bytes]:
    """First an empty message, so that the caller knows that its request was taken; then what there is, as it comes."""
    yield EMPTY
    async with aclosing(answer):
        while payload := await answer.take():
            yield payload


class WorkerEdge:
    """The application of a worker, and what is open in it."""

    def __init__(self, runner: Runner, options: WorkerOptions, admit: Callable[[str, str], None] | None = None) -> None:
        """`admit` as WorkerHandlers has it."""
        self.streams = OpenStreams()
        self.readiness = Readiness()
        interceptors: list[MetadataInterceptor[Any]] = [LooseEnds(), ErrorMapping(), self.streams]
        inputs = [method.input_type for method in _SERVICE.methods]
        validator = Validator([*inputs, HealthCheckRequest.DESCRIPTOR, HealthListRequest.DESCRIPTOR])  # pyright: ignore[reportArgumentType] - the stubs have two types of descriptor
        codecs: list[Codec[Any, Any]] = [BinaryCodec(validator), JsonCodec(validator)]
        handlers = WorkerHandlers(runner, options, admit)
        applications: list[ConnectASGIApplication[Any]] = [
            WorkerServiceASGIApplication(
                handlers, interceptors=interceptors, codecs=codecs, read_max_bytes=options.read_max_bytes
            ),
            HealthApplication(HealthHandlers(self.readiness, [_SERVICE.full_name]), interceptors, codecs),
            *reflection_applications([pb.DESCRIPTOR], [HEALTH_FILE], interceptors),
        ]
        self._routes = {app.path: app for app in applications}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request."""
        if scope["type"] != "http":
            return
        if any(name in _OF_BROWSERS for name, _ in scope["headers"]):
            # Also a page whose name was rebound to this address: it could use a model that has no token.
            await send_reply(send, Reply(403, b"A worker is not for web pages.\n"))
            return
        path: str = scope["path"]
        app = self._routes.get(path.rpartition("/")[0])
        if app is None:
            await send_reply(send, Reply(404, b"This is a model worker of Fireside. It speaks gRPC.\n"))
            return
        headers = [item for item in scope["headers"] if item[0] not in _ENCODINGS]
        native: Any = app  # connectrpc's type of a scope is a TypedDict, ours is a plain mapping
        await self.streams.serve(native, {"root_path": "", **scope, "headers": headers}, receive, send)

    async def drain(self, grace: float) -> None:
        """Takes no new streams and lets open ones end for `grace` seconds; the rest end with UNAVAILABLE."""
        self.readiness.end()
        await self.streams.end_all(grace)

"""The outermost ASGI application: routes a request by its path to a service, reflection, health or the web app.

Plain ASGI without any server's own API, so that it runs on every server.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fireside.edge.access import SCHEME_HEADER, Access
from fireside.edge.applications import SERVICES, Route, Services, applications, request_validator
from fireside.edge.cors import answer_headers, is_preflight, preflight, without_cookies
from fireside.edge.errors import ErrorMapping
from fireside.edge.evictions import Evictions
from fireside.edge.files import PREFIX as FILES_PREFIX
from fireside.edge.files import FilesDoor
from fireside.edge.files import for_programs as files_for_programs
from fireside.edge.guard import Guard
from fireside.edge.headed import NO_SNIFFING, NOT_STORED, STRICT_TRANSPORT, Headed
from fireside.edge.oidc import PREFIX as PROVIDERS_PREFIX
from fireside.edge.oidc import ProviderDoor
from fireside.edge.openai.door import PREFIX as OPENAI_PREFIX
from fireside.edge.openai.door import OpenAIDoor
from fireside.edge.oversize import announces_more_than, cut_short
from fireside.edge.plain import Reply, send_reply
from fireside.edge.proxies import Proxies
from fireside.edge.rpc.arriving import PATH as APPEND_PATH
from fireside.edge.rpc.arriving import arriving
from fireside.edge.rpc.streams import HTTP_VERSION_HEADER
from fireside.edge.streams import LooseEnds, OpenStreams
from fireside.edge.web import WebApp, default_folder

if TYPE_CHECKING:
    from pathlib import Path

    from connectrpc.interceptor import MetadataInterceptor

    from fireside.edge.plain import Receive, Scope, Send

__all__ = ["Edge", "EdgeOptions", "Services", "build_asgi", "request_validator"]

# By removing what a client says that it takes, streams stay uncompressed: gzip would hold tokens back and cost more
# than it saves. Requests may still be compressed.
_STREAM_PATHS = frozenset(
    f"/{service.full_name}/{method.name}"
    for service in SERVICES
    for method in service.methods
    if method.server_streaming
)
# Each message is limited; all of them together may be as long as a file.
_STREAMED_UP = frozenset(
    f"/{service.full_name}/{method.name}"
    for service in SERVICES
    for method in service.methods
    if method.client_streaming
)
_STREAM_ENCODING_HEADERS = frozenset((b"grpc-accept-encoding", b"connect-accept-encoding"))
_NO_TRAILERS = Reply(
    200, b"", "application/grpc",
    ((b"grpc-status", b"12"), (b"grpc-message", b"this HTTP server sends no trailers: use Connect or gRPC-Web")),
)  # fmt: skip
# What a protocol may put around a message.
_FRAME_BYTES = 1024
_VERSION_HEADER, _SCHEME_HEADER = HTTP_VERSION_HEADER.encode(), SCHEME_HEADER.encode()


@dataclass(frozen=True, slots=True)
class EdgeOptions:
    """Settings of the edge."""

    allowed_hosts: tuple[str, ...] = ()
    """Host names that the server answers to, besides `localhost` and IP addresses; "*" for all."""

    cors_origins: tuple[str, ...] = ()
    """Origins of other sites whose pages may call, without cookies, what is for programs."""

    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies in front, whose word on who calls is taken."""

    strict_transport: bool = False
    """Whether browsers that came over TLS shall never come without."""

    web_folder: Path = field(default_factory=default_folder)
    """Where the built web app is."""

    read_max_bytes: int = 4 * 1024 * 1024
    """The largest request message with contents, to the chat; a larger one is RESOURCE_EXHAUSTED. Other services take
    at most 2 MiB, however large this is: nobody can fill the memory with a list's page token."""

    openai_max_bytes: int = 12 * 1024 * 1024
    """The largest body below /v1/, where a whole history comes with each request; a larger one is 413."""

    stream_grace: float = 2.0
    """Seconds that open streams get at a shutdown, after the answers have ended, before they are cut off."""


class Edge:
    """The application, and what is open in it."""

    def __init__(self, services: Services, options: EdgeOptions) -> None:
        """Raises UnknownRuleError and UndeclaredPermissionError when the proto declares what the edge cannot keep."""
        self.services = services
        self.streams = OpenStreams()
        self._options = options
        self._guard = Guard(options.allowed_hosts, options.cors_origins)
        self._proxies = Proxies(options.trusted_proxies)
        self._web = WebApp(options.web_folder)
        access = Access(services.authenticator, SERVICES)
        identity = services.identity
        self._providers = ProviderDoor(identity.provider_sign_in, identity.sign_in, access)
        self._evictions = Evictions(self.streams, services.authenticator)
        services.identity.changes.listen(self._evictions.heard)
        self._openai = OpenAIDoor(services.engine, services.admission, access, self.streams, options.openai_max_bytes)
        self._files = FilesDoor(services.files, access, self.streams)
        interceptors: list[MetadataInterceptor[Any]] = [LooseEnds(), ErrorMapping(), access, self.streams]
        self._routes = {
            route.application.path: route for route in applications(services, options.read_max_bytes, interceptors)
        }

    def open(self) -> None:
        """Begins to end the streams of those who were signed out."""
        self._evictions.open()

    async def aclose(self) -> None:
        """Ends what `open` began."""
        await self._evictions.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection's worth of ASGI: a request, or the server's start and end."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        else:  # no WebSocket: the server answers 403
            await send({"type": "websocket.close", "code": 1000})

    async def end_streams(self) -> None:
        """Refuses new streams and ends those that are open, after their grace."""
        await self.streams.end_all(self._options.stream_grace)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        route = self._routes.get(path.rpartition("/")[0])
        of_files = path.startswith(FILES_PREFIX)
        for_programs = route is not None or path.startswith(OPENAI_PREFIX) or (of_files and files_for_programs(scope))
        verdict = self._guard.judge(scope["method"], scope["headers"], for_programs=for_programs)
        scope = self._proxies.seen(scope)
        native = _is_native_grpc(scope)
        if not native:  # no browser reads its answers
            send = Headed(send, self._added(scope, verdict.page, private=for_programs or of_files))
        if verdict.refusal:
            await send_reply(send, Reply(403, f"{verdict.refusal}\n".encode()), head=scope["method"] == "HEAD")
            return
        if verdict.page:
            if is_preflight(scope):
                await send_reply(send, preflight(scope, verdict.page))
                return
            scope = without_cookies(scope)
        if route is not None:
            await self._rpc(route, scope, receive, send)
        elif of_files:
            await self._files(scope, receive, send)
        elif for_programs:
            await self._openai(scope, receive, send)
        else:
            await self._not_rpc(scope, send)

    async def _rpc(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_native_grpc(scope) and "http.response.trailers" not in scope.get("extensions", {}):
            await send_reply(send, _NO_TRAILERS)
            return
        largest = route.read_max_bytes + _FRAME_BYTES
        piece = arriving(scope, receive, largest) if scope["path"] == APPEND_PATH else None
        if piece is not None:
            receive = piece
        elif scope["path"] not in _STREAMED_UP and announces_more_than(largest, scope):
            receive = await cut_short(receive, largest)
        # connectrpc wants a root_path, which ASGI leaves optional.
        await self.streams.serve(
            route.application, {"root_path": "", **scope, "headers": _headers_for(scope)}, receive, send
        )

    def _added(self, scope: Scope, page: bytes, *, private: bool) -> list[tuple[bytes, bytes]]:
        """What every answer is to say besides its own headers."""
        added: list[tuple[bytes, bytes]] = [NO_SNIFFING, NOT_STORED] if private else [NO_SNIFFING]
        if page:
            added += answer_headers(page)
        if self._options.strict_transport and scope.get("scheme") == "https":
            added.append(STRICT_TRANSPORT)
        return added

    async def _not_rpc(self, scope: Scope, send: Send) -> None:
        content_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        if content_type.startswith((b"application/grpc", b"application/connect", b"application/proto")):
            # Clients of all three protocols take this for UNIMPLEMENTED.
            await send_reply(send, Reply(404, b"There is no such service here.\n"))
        elif scope["path"].startswith(PROVIDERS_PREFIX):
            await self._providers(scope, send)
        else:
            await self._web(scope, send)


def build_asgi(services: Services, options: EdgeOptions) -> Edge:
    """The whole server as one ASGI application."""
    return Edge(services, options)


def _is_native_grpc(scope: Scope) -> bool:
    content_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return content_type == b"application/grpc" or content_type.startswith(b"application/grpc+")


def _headers_for(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers as the handlers may trust them."""
    stream = scope["path"] in _STREAM_PATHS
    headers = [
        item
        for item in scope["headers"]
        # What is not ASCII is no gRPC metadata, and connectrpc would fail over it.
        if item[0] not in (_VERSION_HEADER, _SCHEME_HEADER)
        and item[1].isascii()
        and not (stream and item[0] in _STREAM_ENCODING_HEADERS)
    ]
    headers.append((_VERSION_HEADER, scope.get("http_version", "1.1").encode()))
    headers.append((_SCHEME_HEADER, scope.get("scheme", "http").encode()))
    return headers


async def _lifespan(receive: Receive, send: Send) -> None:
    """Nothing to do here: app.py opens everything before the server starts and closes it after."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return

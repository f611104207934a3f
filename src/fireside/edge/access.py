"""Who calls, and whether they may make this call at all: the one place that reads the permissions that protos declare.

An interceptor runs it before each handler; the doors that are not RPCs call `Access.admit` themselves. What a caller may
do with one resource is the capability's to decide.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from connectrpc.interceptor import MetadataInterceptor

from fireside.core.errors import UnauthenticatedError
from fireside.core.principal import ANONYMOUS, Origin, Principal
from fireside.edge.cookies import session_of
from fireside.gen.v1 import permission_pb2
from fireside.identity import policy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectrpc.request import Headers, RequestContext
    from google.protobuf.descriptor import ServiceDescriptor

_BEARER = "bearer "
_DEVICE_CHARACTERS = 300


class Authenticator(Protocol):
    """Turns what a call brought into who makes it."""

    async def authenticate(self, bearer: str, cookie: str, origin: Origin) -> Principal:
        """The caller; ANONYMOUS when there is neither. Raises UnauthenticatedError for one that is wrong or ended."""
        ...


class Incoming(NamedTuple):
    """A call, as its handler may want to know of it."""

    principal: Principal
    origin: Origin
    token: str
    """The session's token that came in a cookie; empty for none."""

    bearer: str = ""
    """The API key that came with it; empty for none."""

    permission: int = permission_pb2.PERMISSION_PUBLIC
    """What the call needs."""


class Present:
    """A call as it is now: what its caller may do can change while a stream is open, in all tasks that serve it."""

    __slots__ = ("incoming",)

    def __init__(self, incoming: Incoming) -> None:
        self.incoming = incoming


_CALL: ContextVar[Present] = ContextVar("call")
_NOBODY = Present(Incoming(ANONYMOUS, Origin(), ""))


def caller() -> Principal:
    """Who makes the call that this task serves. A stream asks for each thing that it is told to do."""
    return _CALL.get(_NOBODY).incoming.principal


def incoming() -> Incoming:
    """The call that this task serves."""
    return _CALL.get(_NOBODY).incoming


def present() -> Present:
    """The same, for whoever is to learn of changes."""
    return _CALL.get(_NOBODY)


class UndeclaredPermissionError(Exception):
    """A call in a proto declares no permission: a defect, found at start."""


def declared(services: Iterable[ServiceDescriptor]) -> dict[str, int]:
    """The permission of each method by its path, `/package.Service/Method`. Raises UndeclaredPermissionError."""
    found: dict[str, int] = {}
    for service in services:
        for method in service.methods:
            # The stubs have two types of descriptor.
            extension: Any = permission_pb2.permission
            permission = int(method.GetOptions().Extensions[extension])
            if permission == permission_pb2.PERMISSION_UNSPECIFIED:
                raise UndeclaredPermissionError(method.full_name)
            found[f"/{service.full_name}/{method.name}"] = permission
    return found


class Access(MetadataInterceptor[None]):
    """Lets a call through to its handler, or not."""

    def __init__(self, authenticator: Authenticator, services: Iterable[ServiceDescriptor]) -> None:
        """Raises UndeclaredPermissionError."""
        self._authenticator = authenticator
        self._declared = declared(services)

    async def on_start(self, ctx: RequestContext[Any, Any]) -> None:
        """Finds out who calls. Raises UnauthenticatedError and PermissionDeniedError."""
        method = ctx.method
        # Health and reflection are not ours to declare, and tell nothing private.
        permission = self._declared.get(f"/{method.service_name}/{method.name}", permission_pb2.PERMISSION_PUBLIC)
        await self.admit(ctx.request_headers, ctx.client_address or "", permission)

    async def on_end(self, _token: None, _ctx: RequestContext[Any, Any], _error: Exception | None, /) -> None:
        """Nothing to do after a call."""

    async def admit(self, headers: Headers, client: str, permission: int) -> Principal:
        """The caller, who may. What is public goes on as nobody if the session or key that came with it has ended."""
        origin = Origin(
            address=_host_of(client),
            device=(headers.get("user-agent") or "")[:_DEVICE_CHARACTERS],
            secure=headers.get(SCHEME_HEADER) == "https",
            host=headers.get("host") or "",
        )
        bearer = _bearer(headers)
        cookie = session_of(headers.get("cookie") or "", secure=origin.secure)
        principal = ANONYMOUS
        try:
            principal = await self._authenticator.authenticate(bearer, cookie, origin)
        except UnauthenticatedError:
            if permission != permission_pb2.PERMISSION_PUBLIC:
                raise
        policy.require(principal, permission)
        _CALL.set(Present(Incoming(principal, origin, cookie, bearer, permission)))
        return principal


SCHEME_HEADER = "x-fireside-scheme"
"""Set by the outermost application from the connection itself; what a client sends under this name is dropped."""


def _bearer(headers: Headers) -> str:
    value = headers.get("authorization") or ""
    return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else ""


def _host_of(client: str) -> str:
    return client.rpartition(":")[0].strip("[]") if ":" in client else client

"""grpc.health.v1: Check, List and Watch. Not generated: a top-level `grpc` package would shadow grpcio, and the
descriptors live in a pool of their own so that they cannot clash with those of grpcio-health-checking.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, cast

from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.server import ConnectASGIApplication, Endpoint
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from fireside.core.errors import NotFoundError
from fireside.edge.rpc.streams import field_bytes, heartbeat_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from connectrpc.codec import Codec
    from connectrpc.interceptor import MetadataInterceptor
    from connectrpc.request import RequestContext
    from google.protobuf.message import Message

SERVICE = "grpc.health.v1.Health"
_SERVING, _NOT_SERVING, _SERVICE_UNKNOWN = 1, 2, 3


class _Request(Protocol):
    service: str


def _file() -> FileDescriptorProto:
    """https://github.com/grpc/grpc/blob/master/src/proto/grpc/health/v1/health.proto"""
    file = FileDescriptorProto(name="grpc/health/v1/health.proto", package="grpc.health.v1", syntax="proto3")
    one, many = FieldDescriptorProto.LABEL_OPTIONAL, FieldDescriptorProto.LABEL_REPEATED
    text, enum, nested = (
        FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_ENUM, FieldDescriptorProto.TYPE_MESSAGE,
    )  # fmt: skip
    response = ".grpc.health.v1.HealthCheckResponse"
    file.message_type.add(name="HealthCheckRequest").field.add(name="service", number=1, label=one, type=text)
    check = file.message_type.add(name="HealthCheckResponse")
    status = f"{response}.ServingStatus"
    check.field.add(name="status", number=1, label=one, type=enum, type_name=status)
    values = check.enum_type.add(name="ServingStatus")
    for number, name in enumerate(("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")):
        values.value.add(name=name, number=number)
    file.message_type.add(name="HealthListRequest")
    listing = file.message_type.add(name="HealthListResponse")
    entry = listing.nested_type.add(name="StatusesEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=one, type=text)
    entry.field.add(name="value", number=2, label=one, type=nested, type_name=response)
    entry_name = ".grpc.health.v1.HealthListResponse.StatusesEntry"
    listing.field.add(name="statuses", number=1, label=many, type=nested, type_name=entry_name)
    service = file.service.add(name="Health")
    ask = ".grpc.health.v1.HealthCheckRequest"
    service.method.add(name="Check", input_type=ask, output_type=response)
    service.method.add(
        name="List", input_type=".grpc.health.v1.HealthListRequest", output_type=".grpc.health.v1.HealthListResponse"
    )
    service.method.add(name="Watch", input_type=ask, output_type=response, server_streaming=True)
    return file


FILE = _file()
_POOL = DescriptorPool()
_POOL.Add(FILE)


def _message(name: str) -> type[Message]:
    return GetMessageClass(_POOL.FindMessageTypeByName(f"grpc.health.v1.{name}"))


HealthCheckRequest = _message("HealthCheckRequest")
HealthCheckResponse = _message("HealthCheckResponse")
HealthListRequest = _message("HealthListRequest")
HealthListResponse = _message("HealthListResponse")


class Readiness:
    """Whether the server takes calls. Starts out ready; a drain makes it not ready, for good."""

    def __init__(self) -> None:
        self._ready = True
        self._watchers: set[asyncio.Event] = set()

    @property
    def ready(self) -> bool:
        """Whether the server takes calls."""
        return self._ready

    def end(self) -> None:
        """Not ready any more."""
        self._ready = False
        for watcher in self._watchers:
            watcher.set()

    async def wait(self, seconds: float) -> None:
        """Returns when readiness has ended or `seconds` have passed."""
        if not self._ready:
            await asyncio.sleep(seconds)
            return
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        try:
            async with asyncio.timeout(seconds):
                await watcher.wait()
        except TimeoutError:
            pass
        finally:
            self._watchers.discard(watcher)


class HealthHandlers:
    """The handlers of grpc.health.v1.Health. All services share one status, as they share one process."""

    def __init__(self, readiness: Readiness, services: Sequence[str]) -> None:
        """`services` are the full names that can be asked for, besides "" for the server."""
        self._readiness = readiness
        self._services = ("", *services)

    def _status(self, service: str) -> int:
        if service not in self._services:
            return _SERVICE_UNKNOWN
        return _SERVING if self._readiness.ready else _NOT_SERVING

    async def check(self, request: Message, _ctx: RequestContext[Any, Any]) -> Message:
        """NOT_FOUND for a service that is not here."""
        service = cast("_Request", request).service
        status = self._status(service)
        if status == _SERVICE_UNKNOWN:
            raise NotFoundError("SERVICE_UNKNOWN", "There is no such service here.", service=service)
        return HealthCheckResponse.FromString(_response(status))

    async def list(self, _request: Message, _ctx: RequestContext[Any, Any]) -> Message:
        """The status of every service."""
        entries = [
            field_bytes(1, field_bytes(1, name.encode()) + field_bytes(2, _response(self._status(name))))
            for name in self._services
        ]
        return HealthListResponse.FromString(b"".join(entries))

    async def watch(self, request: Message, ctx: RequestContext[Any, Any]) -> AsyncGenerator[Message]:
        """The status now and whenever it changes; repeated as a heartbeat."""
        while True:
            yield HealthCheckResponse.FromString(_response(self._status(cast("_Request", request).service)))
            await self._readiness.wait(heartbeat_of(ctx))


def _response(status: int) -> bytes:
    return bytes((0x08, status))


class HealthApplication(ConnectASGIApplication[HealthHandlers]):
    """The ASGI application of the service."""

    def __init__(
        self,
        handlers: HealthHandlers,
        interceptors: Sequence[MetadataInterceptor[Any]],
        codecs: Sequence[Codec[Any, Any]],
    ) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - connectrpc leaves its parameters open
            service=handlers, endpoints=_endpoints, interceptors=interceptors, read_max_bytes=64 * 1024, codecs=codecs
        )

    @property
    def path(self) -> str:
        """Where it is mounted."""
        return f"/{SERVICE}"


def _endpoints(handlers: HealthHandlers) -> Any:
    def info(name: str, types: tuple[type[Message], type[Message]], stream: StreamType) -> MethodInfo[Message, Message]:
        return MethodInfo(
            name=name,
            service_name=SERVICE,
            input=types[0],
            output=types[1],
            idempotency_level=IdempotencyLevel.UNKNOWN,
            stream_type=stream,
        )

    one, listing = (HealthCheckRequest, HealthCheckResponse), (HealthListRequest, HealthListResponse)
    check = Endpoint.unary(info("Check", one, StreamType.UNARY), handlers.check)
    all_of_them = Endpoint.unary(info("List", listing, StreamType.UNARY), handlers.list)
    watch = Endpoint.server_stream(info("Watch", one, StreamType.SERVER_STREAM), handlers.watch)
    return {f"/{SERVICE}/Check": check, f"/{SERVICE}/List": all_of_them, f"/{SERVICE}/Watch": watch}

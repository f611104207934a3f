"""The same calls through each client: grpcio, and connectrpc in each of its protocols. Errors come out as one type."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
import grpc.aio
from connectrpc.client import ConnectClient
from connectrpc.compat import google_protobuf_binary_codec, google_protobuf_json_codec
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.protocol import ProtocolType
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status
from pyqwest import Client, HTTPTransport, HTTPVersion

from fireside.gen.google.bytestream import bytestream_pb2
from fireside.gen.v1 import (
    account_service_pb2,
    audit_service_pb2,
    auth_service_pb2,
    chat_service_pb2,
    collection_service_pb2,
    conversation_service_pb2,
    file_service_pb2,
    group_service_pb2,
    knowledge_service_pb2,
    model_service_pb2,
    people_service_pb2,
    policy_service_pb2,
    runner_service_pb2,
    share_service_pb2,
    upload_service_pb2,
)

_FILES = (
    account_service_pb2,
    audit_service_pb2,
    auth_service_pb2,
    bytestream_pb2,
    chat_service_pb2,
    collection_service_pb2,
    conversation_service_pb2,
    file_service_pb2,
    group_service_pb2,
    knowledge_service_pb2,
    model_service_pb2,
    people_service_pb2,
    policy_service_pb2,
    runner_service_pb2,
    share_service_pb2,
    upload_service_pb2,
)
METHODS: dict[str, MethodDescriptor] = {
    method.name: method
    for file in _FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


@dataclass
class CallError(Exception):
    """The status that a call ended with. `code` is like `NOT_FOUND`; `details` by full type name."""

    code: str
    message: str
    details: dict[str, bytes] = field(default_factory=dict)


class Caller(Protocol):
    """A client. `duplex` says whether it can send on an open stream."""

    duplex: bool

    async def unary(self, method: str, request: Message, timeout: float | None = None) -> Any: ...

    def stream(
        self, method: str, request: Message | AsyncIterator[Message], timeout: float | None = None
    ) -> AsyncIterator[Any]: ...


class GrpcioCaller:
    """Native gRPC through grpcio, with stubs made from descriptors."""

    duplex = True

    def __init__(self, channel: grpc.aio.Channel, headers: Mapping[str, str]) -> None:
        self._channel = channel
        self._metadata = tuple(headers.items())

    async def unary(self, method: str, request: Message, timeout: float | None = None) -> Any:
        try:
            return await self._channel.unary_unary(**_stub(method))(request, timeout=timeout, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise _from_grpcio(error) from None

    async def stream(
        self, method: str, request: Message | AsyncIterator[Message], timeout: float | None = None
    ) -> AsyncIterator[Any]:
        described = METHODS[method]
        if not described.server_streaming:
            call = self._channel.stream_unary(**_stub(method))(request, timeout=timeout, metadata=self._metadata)
        else:
            make = self._channel.stream_stream if described.client_streaming else self._channel.unary_stream
            call = make(**_stub(method))(request, timeout=timeout, metadata=self._metadata)
        try:
            if not described.server_streaming:
                yield await call
                return
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise _from_grpcio(error) from None
        finally:
            call.cancel()


def _stub(name: str) -> dict[str, Any]:
    method = METHODS[name]
    return {
        "method": f"/{method.containing_service.full_name}/{name}",
        "request_serializer": GetMessageClass(method.input_type).SerializeToString,
        "response_deserializer": GetMessageClass(method.output_type).FromString,
    }


def _from_grpcio(error: grpc.aio.AioRpcError) -> CallError:
    metadata: dict[str, Any] = dict(error.trailing_metadata() or ())
    status = Status.FromString(metadata.get("grpc-status-details-bin", b""))
    details = {item.type_url.rpartition("/")[2]: item.value for item in status.details}
    return CallError(error.code().name, error.details() or "", details)


class ConnectCaller:
    """connectrpc's own client, in one of its protocols, over HTTP/1.1 or 2."""

    def __init__(self, client: ConnectClient, duplex: bool, headers: Mapping[str, str]) -> None:
        self._client = client
        self._headers = dict(headers)
        self.duplex = duplex

    async def unary(self, method: str, request: Message, timeout: float | None = None) -> Any:
        try:
            return await self._client.execute_unary(
                request=request, method=_info(method), timeout_ms=_milliseconds(timeout), headers=self._headers
            )
        except ConnectError as error:
            raise _from_connect(error) from None

    async def stream(
        self, method: str, request: Message | AsyncIterator[Message], timeout: float | None = None
    ) -> AsyncIterator[Any]:
        client: Any = self._client
        if not METHODS[method].server_streaming:
            try:
                yield await client.execute_client_stream(
                    request=request, method=_info(method), timeout_ms=_milliseconds(timeout), headers=self._headers
                )
            except ConnectError as error:
                raise _from_connect(error) from None
            return
        execute = client.execute_bidi_stream if METHODS[method].client_streaming else client.execute_server_stream
        answers = execute(
            request=request, method=_info(method), timeout_ms=_milliseconds(timeout), headers=self._headers
        )
        try:
            async for answer in answers:
                yield answer
        except ConnectError as error:
            raise _from_connect(error) from None
        finally:
            await answers.aclose()


def _milliseconds(timeout: float | None) -> int | None:
    return None if timeout is None else int(timeout * 1000)


def _info(name: str) -> MethodInfo[Any, Any]:
    method = METHODS[name]
    streams = {
        (False, False): StreamType.UNARY,
        (False, True): StreamType.SERVER_STREAM,
        (True, False): StreamType.CLIENT_STREAM,
        (True, True): StreamType.BIDI_STREAM,
    }
    return MethodInfo(
        name=name,
        service_name=method.containing_service.full_name,
        input=GetMessageClass(method.input_type),
        output=GetMessageClass(method.output_type),
        idempotency_level=IdempotencyLevel.UNKNOWN,
        stream_type=streams[method.client_streaming, method.server_streaming],
    )


def _from_connect(error: ConnectError) -> CallError:
    return CallError(
        error.code.name, error.message, {detail.type_name: detail.message_bytes for detail in error.details}
    )


_CONNECT = {
    "connect-h1": (ProtocolType.CONNECT, HTTPVersion.HTTP1, False),
    "connect-h2": (ProtocolType.CONNECT, HTTPVersion.HTTP2, False),
    "connect-json-h1": (ProtocolType.CONNECT, HTTPVersion.HTTP1, True),
    "connect-json-h2": (ProtocolType.CONNECT, HTTPVersion.HTTP2, True),
    "grpc-web-h1": (ProtocolType.GRPC_WEB, HTTPVersion.HTTP1, False),
    "grpc-web-h2": (ProtocolType.GRPC_WEB, HTTPVersion.HTTP2, False),
    "grpc-h2": (ProtocolType.GRPC, HTTPVersion.HTTP2, False),
}
CALLERS = ("grpcio", *_CONNECT)


@asynccontextmanager
async def caller(kind: str, url: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[Caller]:
    """A client of one of CALLERS, with a connection of its own. Every call sends the headers."""
    headers = headers or {}
    if kind == "grpcio":
        options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(url.partition("://")[2], options=options) as channel:
            yield GrpcioCaller(channel, headers)
        return
    protocol, version, as_json = _CONNECT[kind]
    async with HTTPTransport(http_version=version) as transport:
        client = ConnectClient(
            url,
            codec=google_protobuf_json_codec() if as_json else google_protobuf_binary_codec(),
            protocol=protocol,
            accept_compression=(),
            send_compression=None,
            http_client=Client(transport),
        )
        yield ConnectCaller(client, version is HTTPVersion.HTTP2, headers)

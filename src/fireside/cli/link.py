"""A client's link to a server: native gRPC, over h2c or TLS. Not what is said over it: see talk.py.

The generated Connect client speaks the gRPC protocol over pyqwest, with HTTP/2 from the first byte also in the clear.
Nothing is compressed, because that would hold tokens back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

from connectrpc.code import Code
from connectrpc.interceptor import MetadataInterceptor
from connectrpc.protocol import ProtocolType
from pyqwest import Client, HTTPTransport, HTTPVersion, Proxy

from fireside.cli.credentials import key_for
from fireside.cli.failure import CommandError, UnreachableError
from fireside.gen.google.bytestream.bytestream_connect import ByteStreamClient
from fireside.gen.v1.account_service_connect import AccountServiceClient
from fireside.gen.v1.audit_service_connect import AuditServiceClient
from fireside.gen.v1.auth_service_connect import AuthServiceClient
from fireside.gen.v1.chat_service_connect import ChatServiceClient
from fireside.gen.v1.collection_service_connect import CollectionServiceClient
from fireside.gen.v1.conversation_service_connect import ConversationServiceClient
from fireside.gen.v1.file_service_connect import FileServiceClient
from fireside.gen.v1.group_service_connect import GroupServiceClient
from fireside.gen.v1.knowledge_service_connect import KnowledgeServiceClient
from fireside.gen.v1.model_service_connect import ModelServiceClient
from fireside.gen.v1.people_service_connect import PeopleServiceClient
from fireside.gen.v1.policy_service_connect import PolicyServiceClient
from fireside.gen.v1.runner_service_connect import RunnerServiceClient
from fireside.gen.v1.upload_service_connect import UploadServiceClient

if TYPE_CHECKING:
    from connectrpc.errors import ConnectError
    from connectrpc.request import RequestContext

    from fireside.config import ClientConfig

_CONNECT_SECONDS = 10.0
# Asking again cannot change these answers.
_FINAL = {
    Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.ALREADY_EXISTS, Code.PERMISSION_DENIED, Code.UNAUTHENTICATED,
    Code.FAILED_PRECONDITION, Code.RESOURCE_EXHAUSTED, Code.ABORTED, Code.OUT_OF_RANGE, Code.UNIMPLEMENTED,
}  # fmt: skip


class _Common(TypedDict):
    """What every client is made with."""

    protocol: ProtocolType
    accept_compression: tuple[()]
    send_compression: None
    http_client: Client
    interceptors: tuple[MetadataInterceptor[None], ...]


class _Bearer(MetadataInterceptor[None]):
    """Sends an API key with each call; an empty one is not sent."""

    def __init__(self, key: str) -> None:
        self._key = key

    async def on_start(self, ctx: RequestContext[Any, Any]) -> None:
        """Adds the key."""
        if self._key:
            ctx.request_headers["authorization"] = f"Bearer {self._key}"

    async def on_end(self, _token: None, _ctx: RequestContext[Any, Any], _error: Exception | None, /) -> None:
        """Nothing to do after a call."""


@dataclass(frozen=True, slots=True)
class Link:
    """Clients of the services of one server, over one connection."""

    url: str
    auth: AuthServiceClient
    account: AccountServiceClient
    chat: ChatServiceClient
    conversations: ConversationServiceClient
    models: ModelServiceClient
    runners: RunnerServiceClient
    people: PeopleServiceClient
    groups: GroupServiceClient
    policy: PolicyServiceClient
    audit: AuditServiceClient
    collections: CollectionServiceClient
    knowledge: KnowledgeServiceClient
    files: FileServiceClient
    uploads: UploadServiceClient
    byte_stream: ByteStreamClient
    transport: HTTPTransport

    async def aclose(self) -> None:
        """Closes the connection."""
        await self.transport.aclose()


def open_link(config: ClientConfig, *, key: str | None = None) -> Link:
    """Makes the clients, which send `key`, or the one that is set or kept for the server. The connection is made with the first call. Raises CommandError for a bad certificate file."""
    authorities = _authorities(config)
    transport = HTTPTransport(
        http_version=HTTPVersion.HTTP2,
        tls_include_system_certs=True,
        tls_ca_cert=authorities or None,
        proxy=_no_proxy(config.url),
        connect_timeout=_CONNECT_SECONDS,
        enable_otel=False,
    )
    common = _Common(
        protocol=ProtocolType.GRPC,
        accept_compression=(),
        send_compression=None,
        http_client=Client(transport),
        interceptors=(_Bearer(key_for(config) if key is None else key),),
    )
    return Link(
        config.url,
        AuthServiceClient(config.url, **common),
        AccountServiceClient(config.url, **common),
        ChatServiceClient(config.url, **common),
        ConversationServiceClient(config.url, **common),
        ModelServiceClient(config.url, **common),
        RunnerServiceClient(config.url, **common),
        PeopleServiceClient(config.url, **common),
        GroupServiceClient(config.url, **common),
        PolicyServiceClient(config.url, **common),
        AuditServiceClient(config.url, **common),
        CollectionServiceClient(config.url, **common),
        KnowledgeServiceClient(config.url, **common),
        FileServiceClient(config.url, **common),
        UploadServiceClient(config.url, **common),
        ByteStreamClient(config.url, **common),
        transport,
    )


def _no_proxy(url: str) -> Proxy | None:
    """For a server on this machine: a proxy that is not used, in place of those that the environment names."""
    host = urlsplit(url).hostname or ""
    return Proxy("http://localhost", no_proxy=host) if host in {"localhost", "127.0.0.1", "::1"} else None


def _authorities(config: ClientConfig) -> bytes:
    """The certificates to trust besides the system's: those that were named, or those that this machine made."""
    path = config.tls_ca or config.data_dir / "tls" / "ca.pem"
    try:
        return path.read_bytes()
    except OSError as error:
        if config.tls_ca is None:
            return b""
        raise CommandError(f"The certificate authority {path} cannot be read: {error.strerror}.") from error


def is_final(error: ConnectError) -> bool:
    """Whether the server has decided, so that trying again is of no use."""
    return error.code in _FINAL


def obey(error: ConnectError) -> None:
    """Raises CancelledError if our own task was cancelled: connectrpc turns every cancellation into an error of its own."""
    task = asyncio.current_task()
    if error.code is Code.CANCELED and task is not None and task.cancelling():
        raise asyncio.CancelledError from error


def refused(error: ConnectError, url: str) -> CommandError:
    """The error as a sentence for a person, with its exit code. CancelledError: see `obey`."""
    obey(error)
    if error.code is Code.UNAUTHENTICATED:
        return CommandError(f"{error.message} `fireside login` signs this command in.")
    if is_final(error):
        return CommandError(error.message)
    return UnreachableError(_why_unreachable(error, url))


def _why_unreachable(error: ConnectError, url: str) -> str:
    parts, reason = urlsplit(url), error.message
    if not reason.startswith("Request failed") and error.code is Code.UNAVAILABLE and not error.__cause__:
        return reason  # The server's own words.
    if "invalid peer certificate" in reason:
        return (
            f"The certificate of {url} is not trusted ({reason.rpartition(': ')[2]}). "
            "Name the authority that signed it with --tls-ca; `fireside serve --tls auto` prints where its own is."
        )
    if "dns error" in reason:
        return f"There is no host called {parts.hostname}. Check --url."
    if "channel closed" in reason or error.code is Code.DEADLINE_EXCEEDED:
        other = "https" if parts.scheme == "http" else "http"
        return f"The server at {url} does not answer in this protocol. Perhaps it is {other}://{parts.netloc}."
    return f"There is no server at {url}. Start one with `fireside serve`, or name another with --url."

"""Every service of the port as an ASGI application of its own, and what all of them share. Not routing: that is asgi.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from fireside.edge.codec import BinaryCodec, JsonCodec
from fireside.edge.health import FILE as HEALTH_FILE
from fireside.edge.health import (
    HealthApplication,
    HealthCheckRequest,
    HealthHandlers,
    HealthListRequest,
    Readiness,
)
from fireside.edge.reflection import reflection_applications
from fireside.edge.rpc.account import AccountHandlers
from fireside.edge.rpc.audit import AuditHandlers
from fireside.edge.rpc.auth import AuthHandlers
from fireside.edge.rpc.bytestream import READ_MAX_BYTES as BYTE_STREAM_MAX_BYTES
from fireside.edge.rpc.bytestream import ByteStreamHandlers
from fireside.edge.rpc.chat import ChatHandlers
from fireside.edge.rpc.collections import CollectionHandlers
from fireside.edge.rpc.conversations import ConversationHandlers
from fireside.edge.rpc.files import FileHandlers
from fireside.edge.rpc.groups import GroupHandlers
from fireside.edge.rpc.knowledge import KnowledgeHandlers
from fireside.edge.rpc.models import ModelHandlers
from fireside.edge.rpc.people import PeopleHandlers
from fireside.edge.rpc.policy import PolicyHandlers
from fireside.edge.rpc.runners import RunnerHandlers
from fireside.edge.rpc.shares import ShareHandlers
from fireside.edge.rpc.uploads import READ_MAX_BYTES as UPLOAD_MAX_BYTES
from fireside.edge.rpc.uploads import UploadHandlers
from fireside.edge.validate import Validator
from fireside.gen.google.bytestream import bytestream_pb2
from fireside.gen.google.bytestream.bytestream_connect import ByteStreamASGIApplication
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
from fireside.gen.v1.account_service_connect import AccountServiceASGIApplication
from fireside.gen.v1.audit_service_connect import AuditServiceASGIApplication
from fireside.gen.v1.auth_service_connect import AuthServiceASGIApplication
from fireside.gen.v1.chat_service_connect import ChatServiceASGIApplication
from fireside.gen.v1.collection_service_connect import CollectionServiceASGIApplication
from fireside.gen.v1.conversation_service_connect import ConversationServiceASGIApplication
from fireside.gen.v1.file_service_connect import FileServiceASGIApplication
from fireside.gen.v1.group_service_connect import GroupServiceASGIApplication
from fireside.gen.v1.knowledge_service_connect import KnowledgeServiceASGIApplication
from fireside.gen.v1.model_service_connect import ModelServiceASGIApplication
from fireside.gen.v1.people_service_connect import PeopleServiceASGIApplication
from fireside.gen.v1.policy_service_connect import PolicyServiceASGIApplication
from fireside.gen.v1.runner_service_connect import RunnerServiceASGIApplication
from fireside.gen.v1.share_service_connect import ShareServiceASGIApplication
from fireside.gen.v1.upload_service_connect import UploadServiceASGIApplication

if TYPE_CHECKING:
    from connectrpc.codec import Codec
    from connectrpc.interceptor import MetadataInterceptor
    from connectrpc.server import ConnectASGIApplication
    from google.protobuf.descriptor import ServiceDescriptor

    from fireside.chat.admission import Admission
    from fireside.chat.conversations import Conversations
    from fireside.chat.engine import Engine
    from fireside.chat.feed import Feed
    from fireside.chat.opening import Shares
    from fireside.edge.access import Authenticator
    from fireside.files.opening import Files
    from fireside.identity.opening import Identity
    from fireside.knowledge.opening import Knowledge
    from fireside.runners.registry import Registry

SERVICE_FILES = (
    account_service_pb2.DESCRIPTOR,
    audit_service_pb2.DESCRIPTOR,
    auth_service_pb2.DESCRIPTOR,
    bytestream_pb2.DESCRIPTOR,
    chat_service_pb2.DESCRIPTOR,
    collection_service_pb2.DESCRIPTOR,
    conversation_service_pb2.DESCRIPTOR,
    file_service_pb2.DESCRIPTOR,
    group_service_pb2.DESCRIPTOR,
    knowledge_service_pb2.DESCRIPTOR,
    model_service_pb2.DESCRIPTOR,
    people_service_pb2.DESCRIPTOR,
    policy_service_pb2.DESCRIPTOR,
    runner_service_pb2.DESCRIPTOR,
    share_service_pb2.DESCRIPTOR,
    upload_service_pb2.DESCRIPTOR,
)
SERVICES: tuple[ServiceDescriptor, ...] = tuple(
    service for file in SERVICE_FILES for service in file.services_by_name.values()
)
_SMALL, _MIDDLE, _LARGE = 64 * 1024, 1024 * 1024, 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Services:
    """What the edge calls."""

    engine: Engine
    conversations: Conversations
    feed: Feed
    shares: Shares
    admission: Admission
    registry: Registry
    identity: Identity
    files: Files
    knowledge: Knowledge
    authenticator: Authenticator
    readiness: Readiness


class Route(NamedTuple):
    """A service as it is served."""

    application: ConnectASGIApplication[Any]
    read_max_bytes: int
    """The largest request message."""


class _Shared(NamedTuple):
    interceptors: list[MetadataInterceptor[Any]]
    codecs: list[Codec[Any, Any]]

    def of(self, application: type[Any], handlers: object, read_max_bytes: int) -> Route:
        """The application of one service. A message that is larger is RESOURCE_EXHAUSTED."""
        made: ConnectASGIApplication[Any] = application(
            handlers, interceptors=self.interceptors, codecs=self.codecs, read_max_bytes=read_max_bytes
        )
        return Route(made, read_max_bytes)


def request_validator() -> Validator:
    """The rules of every request of every service here."""
    inputs = [method.input_type for service in SERVICES for method in service.methods]
    types = [*inputs, HealthCheckRequest.DESCRIPTOR, HealthListRequest.DESCRIPTOR]
    return Validator(types)  # pyright: ignore[reportArgumentType] - the stubs have two types of descriptor


def applications(services: Services, read_max_bytes: int, interceptors: list[MetadataInterceptor[Any]]) -> list[Route]:
    """All of them. `read_max_bytes` is for what has contents."""
    validator = request_validator()
    unchecked = frozenset((chat_service_pb2.ConverseRequest,))
    shared = _Shared(interceptors, [BinaryCodec(validator, unchecked), JsonCodec(validator, unchecked)])
    health = HealthHandlers(services.readiness, [service.full_name for service in SERVICES])
    return [
        shared.of(ChatServiceASGIApplication, ChatHandlers(services.engine, services.feed, validator), read_max_bytes),
        shared.of(
            ConversationServiceASGIApplication,
            ConversationHandlers(services.conversations, services.engine),
            min(read_max_bytes, _LARGE),
        ),
        shared.of(ModelServiceASGIApplication, ModelHandlers(services.admission), _SMALL),
        shared.of(RunnerServiceASGIApplication, RunnerHandlers(services.registry), _MIDDLE),
        shared.of(ShareServiceASGIApplication, ShareHandlers(*services.shares), _SMALL),
        shared.of(UploadServiceASGIApplication, UploadHandlers(services.files.uploads), UPLOAD_MAX_BYTES),
        shared.of(ByteStreamASGIApplication, ByteStreamHandlers(services.files), BYTE_STREAM_MAX_BYTES),
        shared.of(FileServiceASGIApplication, FileHandlers(services.files.downloads), _SMALL),
        shared.of(CollectionServiceASGIApplication, CollectionHandlers(services.knowledge.collections), _SMALL),
        shared.of(
            KnowledgeServiceASGIApplication,
            KnowledgeHandlers(services.knowledge.documents, services.knowledge.search),
            _SMALL,
        ),
        *_of_accounts(services.identity, shared),
        Route(HealthApplication(health, shared.interceptors, shared.codecs), _SMALL),
        *(
            Route(application, _SMALL)
            for application in reflection_applications(SERVICE_FILES, [HEALTH_FILE], shared.interceptors)
        ),
    ]


def _of_accounts(identity: Identity, shared: _Shared) -> list[Route]:
    return [
        shared.of(AuthServiceASGIApplication, AuthHandlers(identity), _SMALL),
        shared.of(AccountServiceASGIApplication, AccountHandlers(identity), _SMALL),
        shared.of(PeopleServiceASGIApplication, PeopleHandlers(identity.people, identity.invitations), _MIDDLE),
        shared.of(GroupServiceASGIApplication, GroupHandlers(identity.groups), _MIDDLE),
        shared.of(PolicyServiceASGIApplication, PolicyHandlers(identity.policies, identity.limits), _SMALL),
        shared.of(AuditServiceASGIApplication, AuditHandlers(identity.audit_log), _SMALL),
    ]

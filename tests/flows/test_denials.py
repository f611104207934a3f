"""Who may not: every RPC and REST route, called by nobody, by those whose role does not allow it, and by strangers.

The cases are made from the protos. An RPC that is added is among them by itself; one that declares no permission stops
the server's start.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from fireside.edge.access import UndeclaredPermissionError, declared
from fireside.gen.google.bytestream.bytestream_pb2 import QueryWriteStatusRequest, ReadRequest, WriteRequest
from fireside.gen.v1 import permission_pb2
from fireside.gen.v1.account_service_pb2 import CreateApiKeyRequest
from fireside.gen.v1.chat_service_pb2 import ConverseRequest, StartGenerationRequest
from fireside.gen.v1.collection_service_pb2 import CreateCollectionRequest
from fireside.gen.v1.share_pb2 import SHARE_ROLE_VIEWER
from fireside.gen.v1.share_service_pb2 import CreateShareRequest
from fireside.gen.v1.upload_service_pb2 import CreateUploadRequest
from fireside.identity import policy
from tests.accounts import ADMIN, GUEST, MEMBER, AccountsServer, Person, accounts_server
from tests.callers import METHODS, Caller, CallError, caller
from tests.http_calls import http
from tests.knowledge_calls import bring
from tests.rig import send

ROLES = {"guest": GUEST, "member": MEMBER, "admin": ADMIN}


def permission_of(method: MethodDescriptor) -> int:
    """What a method declares."""
    extension: Any = permission_pb2.permission
    return int(method.GetOptions().Extensions[extension])


def request_of(method: MethodDescriptor, ids: dict[str, str] | None = None) -> Message:
    """A request that passes validation where a rule wants an id; `ids` names some."""
    request = GetMessageClass(method.input_type)()
    for field in method.input_type.fields:
        if field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
            setattr(request, field.name, (ids or {}).get(field.name) or _text_for(field))
    return request


def _text_for(field: FieldDescriptor) -> str:
    if field.name.endswith("_id"):
        return str(uuid.uuid4())
    return {"email": "x@example.org", "page_token": "", "etag": ""}.get(field.name, "text of a field")


async def code_of(client: Caller, method: MethodDescriptor, request: Message) -> str:
    """The status code that a call ends with; a stream that says something has ended with OK."""
    try:
        async with asyncio.timeout(10):
            if method.client_streaming:
                # Says nothing: what grpcio was to send when it was refused becomes an error of its own (INTERNAL).
                async for _ in client.stream(method.name, _silence()):
                    return "OK"
            elif method.server_streaming:
                async for _ in client.stream(method.name, request):
                    return "OK"
            else:
                await client.unary(method.name, request)
    except CallError as error:
        return error.code
    return "OK"


async def _silence() -> AsyncIterator[Message]:
    await asyncio.Event().wait()
    yield GetMessageClass(METHODS["Converse"].input_type)()


async def _once(request: Message) -> AsyncIterator[Message]:
    yield request


CLOSED = [name for name, method in METHODS.items() if permission_of(method) != permission_pb2.PERMISSION_PUBLIC]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path) as server:
        yield server


def test_every_call_declares_a_permission() -> None:
    assert all(permission_of(method) for method in METHODS.values())


def test_a_call_without_a_permission_is_a_defect() -> None:
    from google.protobuf import descriptor_pb2, descriptor_pool

    file = descriptor_pb2.FileDescriptorProto(name="naked.proto", package="naked", syntax="proto3")
    file.message_type.add(name="Empty")
    file.service.add(name="Naked").method.add(name="Call", input_type=".naked.Empty", output_type=".naked.Empty")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    with pytest.raises(UndeclaredPermissionError):
        declared([pool.FindServiceByName("naked.Naked")])


@pytest.mark.parametrize("kind", ["grpcio", "connect-h1", "grpc-web-h1"])
async def test_nobody_gets_in_without_signing_in(server: AccountsServer, kind: str) -> None:
    await server.person("Ada", ADMIN)
    async with caller(kind, server.url) as client:
        methods = [METHODS[name] for name in CLOSED if client.duplex or not METHODS[name].client_streaming]
        codes = {method.name: await code_of(client, method, request_of(method)) for method in methods}
    assert codes == dict.fromkeys(codes, "UNAUTHENTICATED")
    assert len(codes) > 60


@pytest.mark.parametrize("wrong", [{"authorization": "Bearer fsk_" + "x" * 43}, {"cookie": "fireside=fss_" + "x" * 43}])
async def test_a_wrong_key_or_session_opens_nothing(server: AccountsServer, wrong: dict[str, str]) -> None:
    await server.person("Ada", ADMIN)
    async with caller("connect-h2", server.url, wrong) as client:
        codes = {name: await code_of(client, METHODS[name], request_of(METHODS[name])) for name in CLOSED}
    assert codes == dict.fromkeys(codes, "UNAUTHENTICATED")


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_that_may_not_is_refused(server: AccountsServer, role: str) -> None:
    person = await server.person("Ann", ROLES[role])
    allowed = policy.permissions_of(ROLES[role])
    closed = [METHODS[name] for name in CLOSED if permission_of(METHODS[name]) not in allowed]
    async with person.caller("connect-h2") as client:
        codes = {method.name: await code_of(client, method, request_of(method)) for method in closed}
    assert codes == dict.fromkeys(codes, "PERMISSION_DENIED")
    assert bool(codes) == (role != "admin")


async def test_a_key_never_opens_what_keys_may_not(server: AccountsServer) -> None:
    admin = await server.person("Ada", ADMIN)
    async with admin.caller() as client:
        everything = (await client.unary("CreateApiKey", CreateApiKeyRequest(name="all"))).secret
        wish = CreateApiKeyRequest(name="models", scopes=[permission_pb2.PERMISSION_READ_MODELS])
        models = (await client.unary("CreateApiKey", wish)).secret
    for secret, scopes in ((everything, ()), (models, (permission_pb2.PERMISSION_READ_MODELS,))):
        allowed = policy.narrowed_to_key(policy.ADMIN, scopes)
        closed = [METHODS[name] for name in CLOSED if permission_of(METHODS[name]) not in allowed]
        async with caller("connect-h2", server.url, {"authorization": f"Bearer {secret}"}) as client:
            codes = {method.name: await code_of(client, method, request_of(method)) for method in closed}
        assert codes
        assert codes == dict.fromkeys(codes, "PERMISSION_DENIED")


@dataclass
class Belongings:
    """Ids of what somebody has, by the name of the field that would name it in a request."""

    ids: dict[str, str]


async def belongings(person: Person) -> Belongings:
    """Makes one of each thing that an id of a request can name."""
    async with person.caller() as client:
        spec = send("tokens=2", "a secret of mine")
        await client.unary("StartGeneration", StartGenerationRequest(spec=spec))
        key = (await client.unary("CreateApiKey", CreateApiKeyRequest(name="mine"))).api_key
        sessions = await client.unary("ListSessions", GetMessageClass(METHODS["ListSessions"].input_type)())
        link = CreateShareRequest(conversation_id=spec.conversation_id, link=True, role=SHARE_ROLE_VIEWER)
        share = (await client.unary("CreateShare", link)).share
        wanted = CreateCollectionRequest(collection_id=str(uuid.uuid4()), name="Secrets")
        await client.unary("CreateCollection", wanted)
        document = await bring(client, b"a secret of mine", collection_id=wanted.collection_id)
        upload = CreateUploadRequest(upload_id=str(uuid.uuid4()), name="on its way.txt", size=5)
        await client.unary("CreateUpload", upload)
    return Belongings(
        {
            "conversation_id": spec.conversation_id,
            "generation_id": spec.generation_id,
            "message_id": spec.send.message_id,
            "session_id": sessions.sessions[0].id,
            "api_key_id": key.id,
            "share_id": share.id,
            "collection_id": wanted.collection_id,
            "document_id": document.id,
            "file_id": document.file_id,
            "upload_id": upload.upload_id,
        }
    )


# What these do with an id that they are given: they make something of that id.
MAKES = {"CreateConversation", "CreateCollection"}
OWN = frozenset(
    (
        "conversation_id", "generation_id", "message_id", "session_id", "api_key_id", "share_id", "passkey_id",
        "collection_id", "document_id", "file_id", "upload_id",
    )
)  # fmt: skip


def names_something(descriptor: Descriptor) -> set[str]:
    """The fields of a request that name what somebody has."""
    return {field.name for field in descriptor.fields if field.name in OWN}


async def test_a_stranger_finds_nothing_by_guessing_ids(server: AccountsServer) -> None:
    owner, stranger = await server.person("Ann"), await server.person("Bob", MEMBER)
    ids = (await belongings(owner)).ids
    named = [method for name, method in METHODS.items() if names_something(method.input_type) and name not in MAKES]
    async with stranger.caller("connect-h2") as client:
        codes = {}
        for method in named:
            # A stranger's own id for what is to be made; the owner's for what is to be found.
            request = request_of(method, ids)
            if method.name in ("EditMessage", "RegenerateMessage"):
                request.generation_id = str(uuid.uuid4())  # pyright: ignore[reportAttributeAccessIssue]
            if method.name == "CreateUpload":
                request.upload_id = str(uuid.uuid4())  # pyright: ignore[reportAttributeAccessIssue]
            if method.name == "EditMessage":
                request.parts.add().text.text = "mine now"  # pyright: ignore[reportAttributeAccessIssue]
            if method.name == "CreateShare":
                request.link = True  # pyright: ignore[reportAttributeAccessIssue]
            if method.name == "ShareCollection":
                request.role = SHARE_ROLE_VIEWER  # pyright: ignore[reportAttributeAccessIssue]
            codes[method.name] = await code_of(client, method, request)
    assert codes == dict.fromkeys(codes, "NOT_FOUND")
    assert len(codes) > 12


async def test_a_stranger_cannot_send_regenerate_or_continue_in_a_conversation(server: AccountsServer) -> None:
    owner, stranger = await server.person("Ann"), await server.person("Bob", MEMBER)
    ids = (await belongings(owner)).ids
    sending = send("tokens=1", conversation=ids["conversation_id"], parent=ids["message_id"])
    regenerating = send("tokens=1")
    regenerating.regenerate.message_id = ids["message_id"]
    regenerating.conversation_id = ids["conversation_id"]
    starting = send("tokens=1", conversation=ids["conversation_id"])
    async with stranger.caller("grpcio") as client:
        for spec, wanted in (
            (sending, {"NOT_FOUND"}), (regenerating, {"NOT_FOUND"}), (starting, {"NOT_FOUND", "ALREADY_EXISTS"}),
        ):  # fmt: skip
            for method in ("StartGeneration", "Generate"):
                request = GetMessageClass(METHODS[method].input_type)(spec=spec)
                assert await code_of(client, METHODS[method], request) in wanted
        for command in ("watch", "stop"):
            order = ConverseRequest(command_id="1")
            getattr(order, command).generation_id = ids["generation_id"]
            async for answer in client.stream("Converse", _once(order)):
                if answer.HasField("failed"):
                    assert answer.failed.code == 5  # NOT_FOUND
                    break
            else:
                pytest.fail(f"{command} did not fail")


ROUTES = [
    ("GET", "/v1/models"), ("GET", "/v1/models/scripted/x"), ("POST", "/v1/chat/completions"), ("POST", "/v1/embeddings"),
    ("GET", "/v1/nothing"), ("GET", f"/files/{uuid.UUID(int=1)}"), ("POST", "/files/"), ("PATCH", f"/files/{uuid.UUID(int=1)}"),
    ("DELETE", f"/files/{uuid.UUID(int=1)}"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_nobody_gets_through_the_rest_routes(server: AccountsServer, method: str, path: str) -> None:
    await server.person("Ada", ADMIN)
    for headers in ({}, {"authorization": "Bearer sk-anything"}):
        status = await http_status(server.url, method, path, headers)
        assert status == 401


async def http_status(url: str, method: str, path: str, headers: dict[str, str]) -> int:
    """The status of a request with an empty JSON body."""
    host, _, port = url.partition("://")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", "content-length: 2", "connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write(("\r\n".join([*lines, "content-type: application/json", "", ""]) + "{}").encode())
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1])


async def test_a_stranger_neither_sees_nor_goes_on_with_an_upload(server: AccountsServer) -> None:
    owner, stranger = await server.person("Ann"), await server.person("Bob", MEMBER)
    begun = CreateUploadRequest(upload_id=str(uuid.uuid4()), name="a.txt", size=5)
    async with owner.caller() as client:
        await client.unary("CreateUpload", begun)
    name = f"uploads/{begun.upload_id}"
    async with stranger.caller("grpcio") as client:
        writing = _once(WriteRequest(resource_name=name, data=b"12345", finish_write=True))
        asked = (
            client.stream("Write", writing),
            client.stream("Read", ReadRequest(resource_name=f"files/{begun.upload_id}")),
            _unary(client, QueryWriteStatusRequest(resource_name=name)),
        )
        for answers in asked:
            with pytest.raises(CallError) as caught:
                async for _ in answers:
                    pass
            assert caught.value.code == "NOT_FOUND"
    tus = {
        **stranger.headers,
        "tus-resumable": "1.0.0",
        "upload-offset": "0",
        "content-type": "application/offset+octet-stream",
    }
    for method in ("HEAD", "PATCH", "DELETE", "GET"):
        assert (await http(server.url, method, f"/files/{begun.upload_id}", tus)).status == 404, method
    async with owner.caller() as client:
        request = GetMessageClass(METHODS["GetUpload"].input_type)(upload_id=begun.upload_id)
        assert (await client.unary("GetUpload", request)).upload.offset == 0


async def _unary(client: Caller, request: Any) -> AsyncIterator[Any]:
    yield await client.unary("QueryWriteStatus", request)

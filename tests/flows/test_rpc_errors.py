"""What goes wrong comes back as a status with google.rpc details, the same through each protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo

from fireside.edge.asgi import request_validator
from fireside.gen.v1 import chat_service_pb2 as chat
from fireside.gen.v1 import conversation_service_pb2 as conversations
from fireside.gen.v1 import generation_pb2, model_service_pb2
from tests.callers import METHODS, Caller, CallError, caller
from tests.rig import new_uuid, send, text_part
from tests.served import Served, serve

KINDS = ("grpcio", "connect-h1", "connect-json-h2", "grpc-web-h1")
MEBIBYTE = 1024 * 1024


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


@pytest.fixture(params=KINDS)
async def client(request: pytest.FixtureRequest, served: Served) -> AsyncIterator[Caller]:
    async with caller(request.param, served.url) as opened:
        yield opened


@pytest.fixture
async def grpcio(served: Served) -> AsyncIterator[Caller]:
    async with caller("grpcio", served.url) as opened:
        yield opened


async def failure(client: Caller, method: str, request: Message, timeout: float | None = None) -> CallError:
    """The error that a call ends with."""
    streaming = METHODS[method].server_streaming
    call = _read(client, method, request, timeout) if streaming else client.unary(method, request, timeout)
    with pytest.raises(CallError) as caught:
        await call
    return caught.value


async def _read(client: Caller, method: str, request: Message, timeout: float | None) -> None:
    async with aclosing(client.stream(method, request, timeout)) as answers:
        async for _ in answers:
            pass


def reason(error: CallError) -> str:
    info = ErrorInfo.FromString(error.details["google.rpc.ErrorInfo"])
    assert info.domain == "fireside"
    return info.reason


def wrong_values(field: FieldDescriptor) -> list[Any]:
    """Values that some rule may refuse."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        long = 2000 if field.name != "text" else 1_572_865
        return [b"x" * 1_572_865] if field.type == FieldDescriptor.TYPE_BYTES else ["", "not a uuid", "x" * long]
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return [-1.0, 0.0, 3.0, float("nan")]
    if field.cpp_type in (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64):
        return [0, 2_000_000]
    return [-1, 2_000_000] if field.cpp_type != FieldDescriptor.CPPTYPE_BOOL else []


def filled(descriptor: Descriptor) -> Message:
    """A request of this type in which every identifier is one."""
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if field.name.endswith("_id") and field.name != "request_id":
            setattr(message, field.name, new_uuid())
        elif field.name == "spec" and field.message_type.name == "RunnerSpec":
            spec: Any = getattr(message, field.name)
            spec.name, spec.kind = "shed", 3
            spec.addresses.append("http://127.0.0.1:9")
        elif field.name == "spec":
            getattr(message, field.name).CopyFrom(send("echo"))
        elif field.name == "parts":
            getattr(message, field.name).append(text_part("x"))
        elif field.name == "title":
            setattr(message, field.name, "title")
    return message


def spoiled(descriptor: Descriptor) -> list[tuple[str, Message]]:
    """Requests with one wrong field each, at any depth, and the path of that field."""
    found: list[tuple[str, Message]] = []

    def visit(path: tuple[str, ...], at: Descriptor) -> None:
        for field in at.fields:
            here = (*path, field.name)
            if field.message_type is not None:
                if not field.message_type.full_name.startswith("google.") and len(here) < 6:
                    visit(here, field.message_type)
                continue
            for value in wrong_values(field):
                message = filled(descriptor)
                holder: Any = message
                for name in path:
                    holder = getattr(holder, name)
                    if not isinstance(holder, Message):
                        holder = holder[0] if len(holder) else holder.add()
                if field.is_repeated:
                    getattr(holder, field.name).append(value)
                else:
                    setattr(holder, field.name, value)
                found.append((".".join(here), message))

    visit((), descriptor)
    return found


# Converse tells it in its own answers, and ByteStream is another's protocol, whose proto has no rules.
WITHOUT_RULES = {"Converse", "Read", "Write", "QueryWriteStatus"}


@pytest.mark.parametrize(
    "method", sorted(name for name in METHODS.keys() - WITHOUT_RULES if METHODS[name].input_type.fields)
)
async def test_bad_input_of_every_field_is_told_by_its_path(grpcio: Caller, method: str) -> None:
    validator = request_validator()
    refused = 0
    for path, message in spoiled(METHODS[method].input_type):
        if not (expected := [found.field for found in validator.violations(message)]):
            continue
        error = await failure(grpcio, method, message)
        assert error.code == "INVALID_ARGUMENT", path
        told = BadRequest.FromString(error.details["google.rpc.BadRequest"])
        assert [item.field for item in told.field_violations] == expected
        assert reason(error) == "INVALID_REQUEST"
        refused += 1
    assert refused, "no field of this request has a rule"


async def test_a_wrong_field_is_told_in_every_protocol(client: Caller) -> None:
    for method, request in (
        ("GetConversation", conversations.GetConversationRequest(conversation_id="x")),
        ("WatchGeneration", chat.WatchGenerationRequest(generation_id="x")),
    ):
        error = await failure(client, method, request)
        assert (error.code, reason(error)) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
        assert BadRequest.FromString(error.details["google.rpc.BadRequest"]).field_violations[0].field.endswith("_id")


async def test_what_is_not_there_is_not_found(client: Caller) -> None:
    unknown = new_uuid()
    asked = {
        "CONVERSATION_NOT_FOUND": [
            ("GetConversation", conversations.GetConversationRequest(conversation_id=unknown)),
            ("ListMessages", conversations.ListMessagesRequest(conversation_id=unknown)),
            ("DeleteConversation", conversations.DeleteConversationRequest(conversation_id=unknown)),
            ("UndeleteConversation", conversations.UndeleteConversationRequest(conversation_id=unknown)),
            ("RenameConversation", conversations.RenameConversationRequest(conversation_id=unknown, title="t")),
        ],
        "GENERATION_NOT_FOUND": [
            ("WatchGeneration", chat.WatchGenerationRequest(generation_id=unknown)),
            ("GetGeneration", chat.GetGenerationRequest(generation_id=unknown)),
            ("StopGeneration", chat.StopGenerationRequest(generation_id=unknown)),
        ],
        "MESSAGE_NOT_FOUND": [
            ("SelectBranch", conversations.SelectBranchRequest(message_id=unknown)),
            (
                "RegenerateMessage",
                conversations.RegenerateMessageRequest(message_id=unknown, generation_id=new_uuid()),
            ),
        ],
        "MODEL_NOT_FOUND": [
            ("GetModel", model_service_pb2.GetModelRequest(model_id="nobody/nothing")),
            ("Generate", chat.GenerateRequest(spec=_with_model("nobody/nothing"))),
            ("StartGeneration", chat.StartGenerationRequest(spec=_with_model("nobody/nothing"))),
        ],
    }
    for expected, calls in asked.items():
        for method, request in calls:
            error = await failure(client, method, request)
            assert (method, error.code, reason(error)) == (method, "NOT_FOUND", expected)


def _with_model(model: str) -> generation_pb2.GenerationSpec:
    spec = send("echo")
    spec.model = model
    return spec


async def test_places_that_cannot_be_gone_on_from_are_out_of_range(client: Caller) -> None:
    spec = send("echo")
    await client.unary("StartGeneration", chat.StartGenerationRequest(spec=spec))
    other = conversations.ListMessagesRequest(conversation_id=spec.conversation_id, page_token="bm90IGl0")
    for method, request in (
        ("WatchGeneration", chat.WatchGenerationRequest(generation_id=spec.generation_id, after_seq=10_000_000)),
        ("WatchEvents", chat.WatchEventsRequest(after_cursor="99999999")),
        ("WatchEvents", chat.WatchEventsRequest(after_cursor="not a cursor")),
        ("WatchEvents", chat.WatchEventsRequest(after_cursor="-1", follow_generations=True)),
        ("ListConversations", conversations.ListConversationsRequest(page_token="not a token")),
        ("ListMessages", other),
        ("ListModels", model_service_pb2.ListModelsRequest(page_token="nobody/nothing")),
    ):
        error = await failure(client, method, request)
        assert (method, error.code) == (method, "OUT_OF_RANGE")
        assert reason(error)


async def test_a_full_queue_says_when_to_come_back(client: Caller) -> None:
    for method, request in (
        ("StartGeneration", chat.StartGenerationRequest(spec=send("queue=full"))),
        ("Generate", chat.GenerateRequest(spec=send("queue=full"))),
    ):
        error = await failure(client, method, request)
        assert (error.code, reason(error)) == ("RESOURCE_EXHAUSTED", "QUEUE_FULL")
        assert RetryInfo.FromString(error.details["google.rpc.RetryInfo"]).retry_delay.ToMilliseconds() > 0


async def test_a_stale_etag_is_aborted_and_a_repeated_request_is_answered_again(client: Caller) -> None:
    conversation_id, request_id = new_uuid(), new_uuid()
    create = conversations.CreateConversationRequest(conversation_id=conversation_id, request_id=request_id)
    first = await client.unary("CreateConversation", create)
    assert await client.unary("CreateConversation", create) == first
    taken = conversations.CreateConversationRequest(conversation_id=conversation_id)
    assert (await failure(client, "CreateConversation", taken)).code == "ALREADY_EXISTS"
    create.title = "another"
    assert (await failure(client, "CreateConversation", create)).code == "ALREADY_EXISTS"
    named = {"conversation_id": conversation_id, "etag": first.conversation.etag}
    await client.unary("RenameConversation", conversations.RenameConversationRequest(**named, title="new"))
    for method, request in (
        ("RenameConversation", conversations.RenameConversationRequest(**named, title="newer")),
        ("DeleteConversation", conversations.DeleteConversationRequest(**named)),
    ):
        error = await failure(client, method, request)
        assert (error.code, bool(reason(error))) == ("ABORTED", True)


async def test_a_generations_id_is_for_one_spec(client: Caller) -> None:
    spec = send("echo")
    request = chat.StartGenerationRequest(spec=spec)
    first = await client.unary("StartGeneration", request)
    assert (await client.unary("StartGeneration", request)).generation.id == first.generation.id
    spec.send.parts[0].text.text = "something else"
    error = await failure(client, "StartGeneration", chat.StartGenerationRequest(spec=spec))
    assert (error.code, reason(error)) == ("ALREADY_EXISTS", "GENERATION_EXISTS")


async def test_a_message_may_have_4_mib_and_no_more(client: Caller) -> None:
    spec = send("tokens=1", "x" * (MEBIBYTE + MEBIBYTE // 4))
    await client.unary("StartGeneration", chat.StartGenerationRequest(spec=spec))
    spec = send("tokens=1")
    spec.send.parts.extend(text_part("x" * MEBIBYTE) for _ in range(5))
    for method, request in (
        ("StartGeneration", chat.StartGenerationRequest(spec=spec)),
        ("Generate", chat.GenerateRequest(spec=spec)),
    ):
        error = await failure(client, method, request)
        assert (error.code, bool(reason(error))) == ("RESOURCE_EXHAUSTED", True)


async def test_a_deadline_ends_a_call_that_hangs(client: Caller, served: Served) -> None:
    request = chat.GenerateRequest(spec=send("hang=start"))
    error = await failure(client, "Generate", request, timeout=0.3)
    assert error.code == "DEADLINE_EXCEEDED"
    await served.idle()


async def test_a_defect_is_told_as_an_incident_only(
    grpcio: Caller, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("secret")

    engine: Any = served.app._engine
    engine.get = broken
    request = chat.GetGenerationRequest(generation_id=new_uuid())
    error = await failure(grpcio, "GetGeneration", request)
    info = ErrorInfo.FromString(error.details["google.rpc.ErrorInfo"])
    assert (error.code, info.reason) == ("INTERNAL", "INTERNAL")
    assert "secret" not in error.message
    assert info.metadata["incident"] in caplog.text

"""What the edge does to bytes: fields, codecs, and errors with google.rpc details."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo

from fireside.chat.wire import varint
from fireside.core import errors
from fireside.edge.asgi import request_validator
from fireside.edge.codec import BinaryCodec, JsonCodec
from fireside.edge.errors import ErrorMapping, connect_error, status_of
from fireside.edge.rpc.streams import Late, elements, field_bytes, generation_events
from fireside.gen.v1 import chat_service_pb2 as pb
from fireside.gen.v1.generation_pb2 import Delta, Event

VALIDATOR = request_validator()
BINARY: BinaryCodec[Message] = BinaryCodec(VALIDATOR)
JSON: JsonCodec[Message] = JsonCodec(VALIDATOR)


def detail(error: ConnectError, kind: type[Message]) -> Message:
    name = kind.DESCRIPTOR.full_name
    return kind.FromString(next(d.message_bytes for d in error.details if d.type_name == name))


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**21, 2**35])
def test_a_varint_is_protobufs(value: int) -> None:
    assert pb.WatchGenerationRequest.FromString(b"\x10" + varint(value)).after_seq == value


@pytest.mark.parametrize("sizes", [[0], [1, 2], [127, 128], [20_000, 3], []])
def test_frames_of_a_log_become_generation_events(sizes: list[int]) -> None:
    events = [Event(seq=n + 1, delta=Delta(text="x" * size)) for n, size in enumerate(sizes)]
    payload = pb.GenerateResponse(events=events).SerializeToString()
    found = pb.GenerationEvents.FromString(generation_events("id", payload))
    assert found == pb.GenerationEvents(generation_id="id", events=events)


def test_frames_of_another_field_are_refused() -> None:
    with pytest.raises(ValueError, match="field 1"):
        elements(field_bytes(2, b""))


def test_bytes_go_out_as_they_are() -> None:
    assert BINARY.encode(b"\x0a\x00") == b"\x0a\x00"


def test_json_has_camel_case_names_on_one_line() -> None:
    assert JSON.encode(pb.WatchGenerationRequest(generation_id="é", after_seq=3)) == (
        '{"generationId": "é", "afterSeq": "3"}'.encode()
    )


@pytest.mark.parametrize("codec", [BINARY, JSON])
def test_a_wrong_request_is_told_field_by_field(codec: BinaryCodec[Message] | JsonCodec[Message]) -> None:
    request = pb.WatchGenerationRequest(generation_id="x", after_seq=-1)
    with pytest.raises(ConnectError) as caught:
        codec.decode(codec.encode(request), pb.WatchGenerationRequest)
    assert caught.value.code is Code.INVALID_ARGUMENT
    violations = detail(caught.value, BadRequest)
    assert violations == BadRequest(
        field_violations=[
            BadRequest.FieldViolation(field="generation_id", description="must be a valid UUID"),
            BadRequest.FieldViolation(field="after_seq", description="must be greater than or equal to 0"),
        ]
    )


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        (BINARY, b"\xff\xff"),
        (JSON, b"{"),
        (JSON, b"\xff"),
        (JSON, b'{"afterSeq": "x"}'),
        (JSON, b"[" * 5000),
        (JSON, b""),
    ],
)
def test_what_cannot_be_parsed_is_malformed(codec: BinaryCodec[Message] | JsonCodec[Message], data: bytes) -> None:
    with pytest.raises(ConnectError) as caught:
        codec.decode(data, pb.WatchGenerationRequest)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert detail(caught.value, ErrorInfo) == ErrorInfo(reason="MALFORMED_REQUEST", domain="fireside")


def test_unknown_names_in_json_are_ignored() -> None:
    found = JSON.decode(b'{"new": 1, "modelId": "m"}', type(VALIDATOR_REQUEST))
    assert found == VALIDATOR_REQUEST


VALIDATOR_REQUEST = pb.WatchEventsRequest(follow_generations=False)


def test_a_type_that_its_handler_checks_passes_unchecked() -> None:
    codec: BinaryCodec[pb.ConverseRequest] = BinaryCodec(VALIDATOR, frozenset((pb.ConverseRequest,)))
    assert codec.decode(b"", pb.ConverseRequest) == pb.ConverseRequest()


@pytest.mark.parametrize(
    ("error", "code", "number"),
    [
        (errors.InvalidArgumentError("R", "m"), Code.INVALID_ARGUMENT, 3),
        (errors.UnauthenticatedError("R", "m"), Code.UNAUTHENTICATED, 16),
        (errors.PermissionDeniedError("R", "m"), Code.PERMISSION_DENIED, 7),
        (errors.NotFoundError("R", "m"), Code.NOT_FOUND, 5),
        (errors.AlreadyExistsError("R", "m"), Code.ALREADY_EXISTS, 6),
        (errors.FailedPreconditionError("R", "m"), Code.FAILED_PRECONDITION, 9),
        (errors.AbortedError("R", "m"), Code.ABORTED, 10),
        (errors.OutOfRangeError("R", "m"), Code.OUT_OF_RANGE, 11),
        (errors.ResourceExhaustedError("R", "m"), Code.RESOURCE_EXHAUSTED, 8),
        (errors.UnavailableError("R", "m"), Code.UNAVAILABLE, 14),
        (errors.DeadlineExceededError("R", "m"), Code.DEADLINE_EXCEEDED, 4),
    ],
)
def test_each_error_has_its_code(error: errors.FiresideError, code: Code, number: int) -> None:
    mapped = connect_error(error)
    assert (mapped.code, mapped.message) == (code, "m")
    assert status_of(error).number == number
    assert detail(mapped, ErrorInfo) == ErrorInfo(reason="R", domain="fireside")


def test_metadata_and_the_time_to_retry_are_told() -> None:
    mapped = connect_error(errors.ResourceExhaustedError("QUEUE_FULL", "m", retry_after=2.5, runner="local"))
    assert detail(mapped, ErrorInfo).metadata == {"runner": "local"}
    assert detail(mapped, RetryInfo).retry_delay.ToMilliseconds() == 2500


def test_every_error_of_core_has_a_code() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, errors.FiresideError)
        and kind is not errors.FiresideError
        and not kind.__name__.startswith("_")
    ]
    assert all(connect_error(kind("R", "m")).code is not Code.INTERNAL for kind in kinds)


async def test_a_defect_is_logged_and_told_as_an_incident_only(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(ConnectError) as caught:
        await ErrorMapping().on_end(None, None, ZeroDivisionError("secret"))  # pyright: ignore[reportArgumentType]
    assert caught.value.code is Code.INTERNAL
    incident = detail(caught.value, ErrorInfo).metadata["incident"]
    assert incident in caught.value.message
    assert "secret" not in caught.value.message
    assert incident in caplog.text
    assert "secret" in caplog.text


async def test_a_late_stream_begins_when_it_is_read_and_closes_what_it_began() -> None:
    steps: list[str] = []

    async def inner() -> AsyncGenerator[bytes]:
        try:
            yield b"1"
            yield b"2"
        finally:
            steps.append("closed")

    async def begin() -> AsyncGenerator[bytes]:
        steps.append("begun")
        return inner()

    late = Late(begin)
    assert steps == []
    assert await anext(late) == b"1"
    await late.aclose()
    assert steps == ["begun", "closed"]
    await Late(begin).aclose()
    assert steps == ["begun", "closed"]

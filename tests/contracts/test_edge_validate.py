"""The compiled validation agrees with the protovalidate library on every request, fields and texts included."""

from __future__ import annotations

import math
import re
import sys
import uuid
import warnings
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from fireside.edge.asgi import request_validator
from fireside.gen import buf as our_buf
from fireside.gen.buf import validate as our_buf_validate
from fireside.gen.buf.validate import validate_pb2
from fireside.gen.v1 import (
    chat_service_pb2,
    conversation_service_pb2,
    model_service_pb2,
    runner_pb2,
    runner_service_pb2,
    upload_service_pb2,
)
from fireside.gen.v1.message_pb2 import ImagePart, Part, TextPart

# protovalidate imports the rules by their upstream name; a second copy would clash in the descriptor pool.
sys.modules.setdefault("buf", our_buf)
sys.modules.setdefault("buf.validate", our_buf_validate)
sys.modules.setdefault("buf.validate.validate_pb2", validate_pb2)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its CEL library warns about its own code
    import protovalidate

REQUESTS = [
    method.input_type
    for file in (chat_service_pb2, conversation_service_pb2, model_service_pb2, runner_service_pb2, upload_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
OURS = request_validator()
DURATION = Duration.DESCRIPTOR.full_name
THEIRS = protovalidate.Validator()
ID = str(uuid.UUID(int=7))

LENGTHS = (1, 2, 3, 64, 65, 128, 129, 200, 201, 255, 256, 257, 512, 513)
TEXTS = [
    "", ID, ID.upper(), ID + "\n", "\n" + ID, ID.replace("-", ""), ID[:-1] + "g", ID + "0", "image/png",
    "a", "a-b", "-a", "a-", "A.b:c", "a/b", "a/", "/a", "a/b/c", "a/b\n", "5m", "-1", "5m\n", "5 m", "é", "a" * 40, "a" * 41,
    *("é" * length for length in LENGTHS), *("😀" * length for length in LENGTHS),
]  # fmt: skip
FLOATS = [0.0, -0.0, -0.1, 0.5, 1.0, 1.0000001, 2.0, 2.0000001, -1.0, math.nan, math.inf, -math.inf]
# That library knows microseconds only.
NANOS = [0, 1_000, -1_000, 999_999_000]
SECONDS = [0, 1, -1, 86_399, 86_400, 86_401, 604_800, 604_801]
COUNTS = [0, 1, 2, 199, 200, 201, 499, 500, 501, 1_000_000, 1_000_001]


def described(message: Message) -> list[tuple[str, str]]:
    return sorted((found.field, without_seconds(found.description)) for found in OURS.violations(message))


def without_seconds(text: str) -> str:
    """The text without durations: that library prints every one as 0s."""
    return re.sub(r"\b[0-9.]+s\b", "?", text)


def expected(message: Message) -> list[tuple[str, str]]:
    found = []
    for violation in THEIRS.collect_violations(message):
        path = ""
        for element in violation.proto.field.elements:
            name = element.field_name + (f"[{element.index}]" if element.WhichOneof("subscript") == "index" else "")
            path = f"{path}.{name}" if path else name
        found.append((path, without_seconds(violation.proto.message)))
    return sorted(found)


def values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_MESSAGE and field.message_type.full_name == DURATION:
        return st.builds(Duration, seconds=st.sampled_from(SECONDS), nanos=st.sampled_from(NANOS))
    if kind == FieldDescriptor.CPPTYPE_MESSAGE:
        return messages(field.message_type, depth + 1)
    if kind == FieldDescriptor.CPPTYPE_STRING:
        if field.type == FieldDescriptor.TYPE_BYTES:
            return st.binary(max_size=8)
        return st.sampled_from(TEXTS) | st.text(st.characters(codec="utf-8"), max_size=5) | st.just(ID)
    if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return st.sampled_from(FLOATS) | st.floats(width=32)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if kind in (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64):
        return st.sampled_from(COUNTS) | st.integers(0, 2**32 - 1)
    return st.sampled_from([*COUNTS, -1]) | st.integers(-(2**31), 2**31 - 1)


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, depth: int = 0) -> Message:
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        wanted = draw(st.booleans()) if depth < 4 else False
        if not wanted or descriptor.full_name.startswith("google.protobuf."):
            continue
        if field.is_repeated:
            items = draw(st.lists(values(field, depth), max_size=9 if field.name == "stop" else 3))
            if field.message_type is None:
                getattr(message, field.name).extend(items)
            else:
                for item in items:
                    getattr(message, field.name).add().CopyFrom(item)
        elif field.message_type is not None:
            getattr(message, field.name).CopyFrom(draw(values(field, depth)))
        else:
            setattr(message, field.name, draw(values(field, depth)))
    return message


@pytest.mark.parametrize("descriptor", REQUESTS, ids=lambda descriptor: descriptor.name)
@pytest.mark.filterwarnings("ignore::Warning")
def test_any_request_gets_the_same_violations(descriptor: Descriptor) -> None:
    @seed(20261122)
    @settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(messages(descriptor))
    def agree(message: Message) -> None:
        assert described(message) == expected(message)

    agree()


def generate(**sampling: Any) -> chat_service_pb2.GenerateRequest:
    request = chat_service_pb2.GenerateRequest()
    request.spec.generation_id = request.spec.conversation_id = ID
    request.spec.send.message_id = ID
    request.spec.send.parts.add().text.text = "hello"
    for name, value in sampling.items():
        if isinstance(value, list):
            getattr(request.spec.sampling, name).extend(value)
        else:
            setattr(request.spec.sampling, name, value)
    return request


def with_parts(*parts: Part) -> chat_service_pb2.GenerateRequest:
    request = generate()
    del request.spec.send.parts[:]
    request.spec.send.parts.extend(parts)
    return request


def with_runner(**spec: Any) -> runner_service_pb2.CreateRunnerRequest:
    return runner_service_pb2.CreateRunnerRequest(spec=runner_pb2.RunnerSpec(**spec))


def with_hash(sha256: bytes) -> upload_service_pb2.CreateUploadRequest:
    return upload_service_pb2.CreateUploadRequest(upload_id=ID, name="a.txt", sha256=sha256)


def with_alias(alias: str, *targets: str) -> runner_service_pb2.SetModelAliasRequest:
    return runner_service_pb2.SetModelAliasRequest(alias=runner_pb2.ModelAlias(alias=alias, targets=targets))


LIMIT = 1_572_864
HAND_MADE = {
    "a good one": generate(),
    "no spec": chat_service_pb2.GenerateRequest(),
    "an empty spec": chat_service_pb2.GenerateRequest(spec={}),
    "no parts": with_parts(),
    "64 parts": with_parts(*[Part(text=TextPart(text="x"))] * 64),
    "65 parts": with_parts(*[Part(text=TextPart(text="x"))] * 65),
    "an empty part": with_parts(Part(text=TextPart(text="x")), Part()),
    "as many bytes as fit": with_parts(Part(text=TextPart(text="é" * (LIMIT // 2)))),
    "a byte too many": with_parts(Part(text=TextPart(text="é" * (LIMIT // 2) + "x"))),
    "a picture that fits": with_parts(Part(image=ImagePart(media_type="image/png", data=b"x" * LIMIT))),
    "a picture a byte too large": with_parts(Part(image=ImagePart(media_type="image/png", data=b"x" * (LIMIT + 1)))),
    "eight stops": generate(stop=["a"] * 8),
    "nine stops, one of them empty and one long": generate(stop=["a"] * 7 + ["", "b" * 257]),
    "zero of everything": generate(temperature=0.0, top_p=0.0, max_tokens=0, seed=0),
    "the most of everything": generate(temperature=2.0, top_p=1.0, max_tokens=1_000_000),
    "too much of everything": generate(temperature=2.1, top_p=1.1, max_tokens=1_000_001),
    "not numbers": generate(temperature=math.nan, top_p=math.nan),
    "257 places": chat_service_pb2.WatchEventsRequest(
        resume=[chat_service_pb2.WatchGenerationRequest(generation_id=ID)] * 257
    ),
    "a wrong place": chat_service_pb2.WatchEventsRequest(
        resume=[
            chat_service_pb2.WatchGenerationRequest(generation_id=ID),
            chat_service_pb2.WatchGenerationRequest(generation_id="x", after_seq=-1),
        ]
    ),
    "a runner": with_runner(name="shed", kind=2, addresses=["http://shed:8000/v1"]),
    "a runner without anything": with_runner(),
    "no runner": runner_service_pb2.CreateRunnerRequest(secret="s" * 8193),
    "a runner of no kind": with_runner(name="shed", kind=99, addresses=["", "a" * 2049], models=["", "m" * 201]),
    "a runner with limits": with_runner(name="a", kind=6, addresses=["x"] * 65, limits={"concurrency": 100_001}),
    "no hash": with_hash(b""),
    "a hash": with_hash(b"x" * 32),
    "a hash that is too short": with_hash(b"x" * 31),
    "a hash that is too long": with_hash(b"x" * 33),
    "an alias": with_alias("fast", "a/b", "c/d"),
    "an alias with a slash, and no targets": with_alias("a/b"),
    "an alias with odd targets": with_alias("a.", "a/", "/a", "a", "a/b\n", "a/\n", "\n/b", "a/" + "x" * 300),
}


@pytest.mark.parametrize("name", HAND_MADE)
@pytest.mark.filterwarnings("ignore::Warning")
def test_hand_made_requests_get_the_same_violations(name: str) -> None:
    assert described(HAND_MADE[name]) == expected(HAND_MADE[name])


def test_paths_are_in_protovalidates_notation() -> None:
    message = generate(stop=["a", ""], top_p=0.0)
    assert [found.field for found in OURS.violations(message)] == ["spec.sampling.top_p", "spec.sampling.stop[1]"]


@pytest.mark.parametrize(
    ("seconds", "nanos", "fine"),
    [(0, 0, False), (0, 1, True), (0, -1, False), (86_400, 0, True), (86_400, 1, False), (-1, 0, False)],
)
def test_durations_are_compared_to_the_nanosecond(seconds: int, nanos: int, fine: bool) -> None:
    request = with_runner(name="a", kind=2, addresses=["x"])
    request.spec.timeouts.connect.CopyFrom(Duration(seconds=seconds, nanos=nanos))
    texts = [] if fine else ["must be greater than 0s and less than or equal to 86400s"]
    assert [found.description for found in OURS.violations(request)] == texts

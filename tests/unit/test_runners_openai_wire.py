"""The OpenAI protocol: prompts out, events in, however the bytes are cut."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.errors import FiresideError, InvalidArgumentError, UnavailableError
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.runners.base import (
    Activity,
    Delta,
    Finish,
    Finished,
    GenerateRequest,
    Progress,
    Reasoning,
    Text,
    WholePart,
)
from fireside.runners.openai_wire import EventReader, chat_messages, clean, refusal

Part = message_pb2.Part


def events(*chunks: object) -> bytes:
    lines = [chunk if isinstance(chunk, str) else json.dumps(chunk, ensure_ascii=False) for chunk in chunks]
    return "".join(f"data: {line}\n\n" for line in lines).encode()


def delta(finish: str | None = None, **fields: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}], "object": "chat.completion.chunk"}


USAGE = {
    "choices": [],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 5}},
}
ANSWER = events(
    {**delta(role="assistant", content=None), "prompt_progress": {"total": 7, "processed": 0}},
    {**delta(content=None), "prompt_progress": {"total": 7, "processed": 7}},
    delta(reasoning_content="hm"),
    delta(reasoning_content="m"),
    delta(content="你好"),
    delta(content=", \n\n"),
    delta(content="👩‍👩‍👧‍👦"),
    delta(finish="stop"),
    USAGE,
    "[DONE]",
)
WANTED = [
    Progress(Activity.PREFILLING),
    Reasoning("hmm"),
    Text("你好, \n\n👩‍👩‍👧‍👦"),
    Finished(Finish.COMPLETE, prompt_tokens=7, completion_tokens=3, cached_tokens=5),
]


def test_events_of_one_read_become_one_delta_of_each_kind() -> None:
    reader = EventReader()
    assert reader.feed(ANSWER) == WANTED
    assert (reader.ended, reader.events) == (True, 10)


@given(st.sets(st.integers(0, len(ANSWER))))
def test_any_cut_of_the_bytes_gives_the_same_answer(cuts: set[int]) -> None:
    reader = EventReader()
    edges = [0, *sorted(cuts), len(ANSWER)]
    deltas: list[Delta] = []
    for start, end in pairwise(edges):
        deltas += reader.feed(ANSWER[start:end])
    assert "".join(d.text for d in deltas if isinstance(d, Text)) == "你好, \n\n👩‍👩‍👧‍👦"
    assert "".join(d.text for d in deltas if isinstance(d, Reasoning)) == "hmm"
    assert deltas[-1] == WANTED[-1]
    assert reader.ended


@pytest.mark.parametrize(
    ("said", "finish"), [("length", Finish.LENGTH), ("stop", Finish.COMPLETE), ("tool_calls", Finish.TOOL_CALLS)]
)
def test_finish_reasons(said: str, finish: Finish) -> None:
    assert EventReader().feed(events(delta(finish=said), "[DONE]")) == [Finished(finish)]


def test_tool_calls_are_put_together() -> None:
    deltas = EventReader().feed(
        events(
            delta(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "look", "arguments": '{"q":'}}]),
            delta(tool_calls=[{"index": 1, "id": "c2", "function": {"name": "up", "arguments": "{}"}}]),
            delta(tool_calls=[{"index": 0, "function": {"arguments": '"x"}'}}]),
            delta(finish="tool_calls"),
            "[DONE]",
        )
    )
    assert deltas == [
        WholePart(Part(tool_call=message_pb2.ToolCallPart(id="c1", name="look", arguments='{"q":"x"}'))),
        WholePart(Part(tool_call=message_pb2.ToolCallPart(id="c2", name="up", arguments="{}"))),
        Finished(Finish.TOOL_CALLS),
    ]


@pytest.mark.parametrize(
    "data",
    [
        events({"error": {"message": "boom", "type": "server_error"}}),
        events("{not json"),
        events(delta(content="x"), "[DONE]"),
    ],
)
def test_what_is_no_answer_is_an_error(data: bytes) -> None:
    with pytest.raises(UnavailableError) as caught:
        EventReader().feed(data)
    assert caught.value.reason == "RUNNER_FAILED"


def test_comments_and_unknown_fields_are_ignored() -> None:
    reader = EventReader()
    assert reader.feed(b": ping\n\nevent: x\nid: 3\n\n") == []
    assert reader.events == 0
    assert reader.feed(events({**delta(content="a", new=[1]), "more": {}})) == [Text("a")]


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (
            400,
            {"type": "exceed_context_size_error", "n_prompt_tokens": 9, "n_ctx": 8},
            InvalidArgumentError,
            "PROMPT_TOO_LONG",
        ),
        (400, {"message": "no", "type": "invalid_request_error"}, InvalidArgumentError, "RUNNER_REFUSED"),
        (503, {"message": "Loading model"}, UnavailableError, "RUNNER_FAILED"),
    ],
)
def test_refusals(status: int, body: dict[str, object], kind: type[FiresideError], reason: str) -> None:
    error = refusal(status, json.dumps({"error": body}).encode())
    assert (type(error), error.reason) == (kind, reason)


def test_a_refusal_that_is_not_json_is_quoted() -> None:
    assert "<html>" in refusal(502, b"<html>").message


def test_other_parts_become_notes_and_empty_messages_go() -> None:
    request = GenerateRequest(
        model="m",
        messages=(
            message_pb2.Message(
                role=message_pb2.ROLE_SYSTEM, parts=[Part(text=message_pb2.TextPart(text="Be\0 kind."))]
            ),
            message_pb2.Message(
                role=message_pb2.ROLE_USER,
                parts=[
                    Part(image=message_pb2.ImagePart(media_type="image/png")),
                    Part(file=message_pb2.FilePart(name="a.pdf")),
                    Part(text=message_pb2.TextPart(text="What is it?")),
                ],
            ),
            message_pb2.Message(
                role=message_pb2.ROLE_ASSISTANT,
                parts=[
                    Part(reasoning=message_pb2.ReasoningPart(text="secret")),
                    Part(tool_call=message_pb2.ToolCallPart(name="look", arguments="{}")),
                ],
            ),
            message_pb2.Message(role=message_pb2.ROLE_TOOL, parts=[Part(tool_result=message_pb2.ToolResultPart())]),
            message_pb2.Message(role=message_pb2.ROLE_ASSISTANT),
        ),
        sampling=generation_pb2.SamplingOptions(),
    )
    assert [(message.role, message.content) for message in chat_messages(request)] == [
        ("system", "Be kind."),
        ("user", "[image]\n\n[file: a.pdf]\n\nWhat is it?"),
        ("assistant", "[called the tool look with {}]"),
        ("tool", "[result: null]"),
    ]


def test_nul_and_lone_surrogates_are_dropped() -> None:
    assert clean("a\0b\ud83dc 👍🏽") == "abc 👍🏽"

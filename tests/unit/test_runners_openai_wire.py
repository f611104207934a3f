"""The OpenAI protocol: prompts out, events in, however the bytes are cut."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.errors import (
    FiresideError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.runners.base import (
    Activity,
    Delta,
    Embeddings,
    Finish,
    Finished,
    GenerateRequest,
    Progress,
    Reasoning,
    Text,
    WholePart,
)
from fireside.runners.llama import request as llama_request
from fireside.runners.openai.wire import EventReader, embeddings, refusal, refusal_of
from fireside.runners.prompt import clean
from fireside.runners.refusals import retry_after

Part = message_pb2.Part
LONG = "PROMPT_TOO_LONG"


def told(data: bytes) -> list[Delta]:
    """What a reader makes of a whole stream."""
    reader = EventReader("m")
    return [*reader.feed(data), *reader.finish()]


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
    assert list(reader.feed(ANSWER)) == WANTED
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
    assert list(EventReader().feed(events(delta(finish=said), "[DONE]"))) == [Finished(finish)]


def test_tool_calls_are_put_together() -> None:
    deltas = told(
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
        events("[DONE]"),
        events(delta(finish="error")),
    ],
)
def test_what_is_no_answer_is_an_error(data: bytes) -> None:
    with pytest.raises(UnavailableError) as caught:
        told(data)
    assert caught.value.reason == "RUNNER_FAILED"


def test_comments_and_unknown_fields_are_ignored() -> None:
    reader = EventReader()
    assert list(reader.feed(b": ping\n\nevent: x\nid: 3\n\n")) == []
    assert reader.events == 0
    assert list(reader.feed(events({**delta(content="a", new=[1]), "more": {}}))) == [Text("a")]


def test_text_before_an_error_is_kept() -> None:
    deltas: list[Delta] = []
    with pytest.raises(UnavailableError):
        deltas.extend(EventReader().feed(events(delta(content="so far"), {"error": {"message": "boom"}})))
    reader = EventReader()
    told_before = iter(reader.feed(events(delta(content="so far"), {"error": "boom"})))
    assert next(told_before) == Text("so far")
    with pytest.raises(UnavailableError):
        next(told_before)


def test_an_end_without_done_is_an_end_when_a_reason_was_given() -> None:
    assert told(events(delta(content="a"), delta(finish="stop"), USAGE)) == [
        Text("a"),
        Finished(Finish.COMPLETE, 7, 3, 5),
    ]


def test_done_without_a_reason_is_an_end_when_something_was_said() -> None:
    assert told(events(delta(content="a"), "[DONE]")) == [Text("a"), Finished(Finish.COMPLETE)]


def test_a_last_line_without_its_end_counts() -> None:
    assert told(events(delta(content="a", finish="stop")).rstrip(b"\n"))[-1] == Finished(Finish.COMPLETE)


def test_an_end_in_mid_answer_is_a_death() -> None:
    with pytest.raises(UnavailableError) as caught:
        told(events(delta(content="a")))
    assert caught.value.reason == "RUNNER_DIED"


@pytest.mark.parametrize("data", [b"", b"<html>not an answer</html>", b"\x00\xff\n\n"])
def test_bytes_without_an_event_are_no_answer(data: bytes) -> None:
    with pytest.raises(UnavailableError) as caught:
        told(data)
    assert caught.value.reason == "RUNNER_FAILED"


def test_reasoning_under_either_name_and_not_twice() -> None:
    assert told(events(delta(reasoning="hm"), delta(reasoning="m", reasoning_content="m"), "[DONE]"))[0] == Reasoning(
        "hmm"
    )


@given(st.lists(st.integers(0, 40)))
def test_reasoning_in_tags_at_the_beginning_is_reasoning_however_it_is_cut(cuts: list[int]) -> None:
    whole = "\n<think>a < b </thinks></think>\n<think> 1 < 2"
    edges = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    deltas = told(events(*(delta(content=whole[start:end]) for start, end in pairwise(edges)), "[DONE]"))
    assert deltas == [Reasoning("a < b </thinks>"), Text("\n<think> 1 < 2"), Finished(Finish.COMPLETE)]


@pytest.mark.parametrize("text", ["<", " <thin", "<thing>", "a <think>b</think>", "</think>"])
def test_other_tags_are_text(text: str) -> None:
    assert told(events(*(delta(content=letter) for letter in text), "[DONE]"))[0] == Text(text)


def test_reasoning_that_never_ends_is_told() -> None:
    assert told(events(delta(content="<think>hm</th"), "[DONE]"))[0] == Reasoning("hm</th")


def test_half_a_character_does_not_spoil_the_answer() -> None:
    halves = [rb"a\ud83d", rb"\udc4d b", rb"\ud83d\udc4d"]
    said = b"".join(b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % half for half in halves)
    assert told(said + b"data: [DONE]\n\n")[0] == Text("a\ufffd\ufffd b👍")


def test_a_long_line_is_put_together_once_and_shows_life() -> None:
    whole = events(delta(content="x" * 200_000))
    reader = EventReader()
    deltas = [delta for start in range(0, len(whole), 1000) for delta in reader.feed(whole[start : start + 1000])]
    assert deltas[0] == Text("")
    assert deltas[-1] == Text("x" * 200_000)


def test_nulls_are_like_nothing() -> None:
    said = {"choices": [{"delta": {"content": None, "tool_calls": None}, "finish_reason": None}], "usage": None}
    last = {"choices": [{"delta": None, "finish_reason": "stop"}], "usage": {"prompt_tokens_details": None}}
    assert told(events(said, {"choices": None}, last, "[DONE]")) == [Finished(Finish.COMPLETE)]


def test_an_answer_in_one_piece_is_like_one_event() -> None:
    whole = {"choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}], **USAGE}
    whole["choices"] = [{"message": {"content": "Hi"}, "finish_reason": "stop"}]
    assert told(events(whole, "[DONE]")) == [Text("Hi"), Finished(Finish.COMPLETE, 7, 3, 5)]


def test_pictures_come_as_parts_and_links_as_text() -> None:
    data = "data:image/png;base64,aGk="
    deltas = told(events(delta(images=[{"image_url": {"url": data}}, {"image_url": {"url": "https://x/y"}}]), "[DONE]"))
    assert deltas[0] == WholePart(Part(image=message_pb2.ImagePart(media_type="image/png", data=b"hi")))
    assert deltas[1] == Text("\n\n![image](https://x/y)\n\n")


def test_tool_calls_without_index_or_id_stay_apart() -> None:
    calls = [{"function": {"name": "a", "arguments": "{}"}}, {"function": {"name": "b", "arguments": {"x": 1}}}]
    first, second, finished = told(events(delta(tool_calls=calls, finish="stop"), "[DONE]"))
    assert isinstance(first, WholePart)
    assert isinstance(second, WholePart)
    assert (first.part.tool_call.name, second.part.tool_call.arguments) == ("a", '{"x":1}')
    assert first.part.tool_call.id.startswith("call_")
    assert finished == Finished(Finish.TOOL_CALLS)


def test_tool_calls_with_one_index_and_two_ids_stay_apart() -> None:
    calls = [{"index": 0, "id": name, "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    deltas = told(events(delta(tool_calls=calls), "[DONE]"))
    assert [d.part.tool_call.id for d in deltas if isinstance(d, WholePart)] == ["a", "b"]


def test_a_piece_of_a_call_is_a_sign_of_life() -> None:
    piece = delta(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "look", "arguments": "{"}}])
    assert list(EventReader().feed(events(piece))) == [Text("")]


def test_vectors_are_in_the_order_of_their_index() -> None:
    body = {"data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1.5]}], "usage": {"prompt_tokens": 4}}
    assert embeddings(json.dumps(body).encode()) == Embeddings(((1.5,), (2.0,)), 4)


@pytest.mark.parametrize(
    ("status", "error", "kind", "reason"),
    [
        (400, {"type": "exceed_context_size_error", "n_prompt_tokens": 9, "n_ctx": 8}, InvalidArgumentError, LONG),
        (400, {"code": "context_length_exceeded", "message": "too long"}, InvalidArgumentError, LONG),
        (400, {"message": "This model's maximum context length is 8 tokens."}, InvalidArgumentError, LONG),
        (400, {"message": "The number of tokens exceeds the context size."}, InvalidArgumentError, LONG),
        (413, "Request Entity Too Large", InvalidArgumentError, LONG),
        (400, {"message": "no", "type": "invalid_request_error"}, InvalidArgumentError, "RUNNER_REFUSED"),
        (422, {"message": "temperature is too high"}, InvalidArgumentError, "RUNNER_REFUSED"),
        (401, {"message": "no such key"}, UnavailableError, "RUNNER_UNAUTHORIZED"),
        (403, "forbidden", UnavailableError, "RUNNER_UNAUTHORIZED"),
        (
            404,
            {"message": "The model `x` does not exist.", "code": "model_not_found"},
            NotFoundError,
            "MODEL_NOT_FOUND",
        ),
        (404, {"message": "The model `x` does not exist."}, NotFoundError, "MODEL_NOT_FOUND"),
        (400, {"message": "x is not a valid model ID", "code": 400}, NotFoundError, "MODEL_NOT_FOUND"),
        (404, "page not found", UnavailableError, "RUNNER_FAILED"),
        (307, "it points to https://elsewhere/", UnavailableError, "RUNNER_FAILED"),
        (429, {"message": "slow down"}, ResourceExhaustedError, "RUNNER_RATE_LIMITED"),
        (500, {"message": "CUDA error", "code": None}, UnavailableError, "RUNNER_FAILED"),
        (503, {"message": "Loading model"}, UnavailableError, "RUNNER_FAILED"),
    ],
)
def test_refusals(status: int, error: object, kind: type[FiresideError], reason: str) -> None:
    found = refusal(status, json.dumps({"error": error}).encode())
    assert (type(found), found.reason) == (kind, reason)


@pytest.mark.parametrize(
    "body",
    [
        {"object": "error", "message": "The model `x` does not exist.", "code": 404},
        {"detail": "Model x not found"},
        {"detail": [{"msg": "unknown model"}]},
    ],
)
def test_refusals_in_other_forms(body: dict[str, object]) -> None:
    assert refusal(404, json.dumps(body).encode()).reason == "MODEL_NOT_FOUND"


def test_a_refusal_that_is_not_json_is_quoted() -> None:
    assert "<html>" in refusal(502, b"<html>").message


def test_a_model_without_vectors_is_called_so() -> None:
    body = b'{"error":{"message":"This server does not support embeddings. Start it with `--embeddings`"}}'
    assert refusal_of(501, body, "m").embedding_error().reason == "NOT_AN_EMBEDDING_MODEL"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "999999"}, 3600.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_when_to_try_again(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


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
    assert [(message.role, message.content) for message in llama_request.chat_messages(request)] == [
        ("system", "Be kind."),
        ("user", "[image]\n\n[file: a.pdf]\n\nWhat is it?"),
        ("assistant", "[called the tool look with {}]"),
        ("tool", "[result: null]"),
    ]


def test_nul_and_lone_surrogates_are_dropped() -> None:
    assert clean("a\0b\ud83dc 👍🏽") == "abc 👍🏽"

"""The wire of /v1/: decoding never fails in a way of its own, chunks say what the log says, errors have one shape."""

from __future__ import annotations

import contextlib
import json
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.chat import wire
from fireside.chat.ask import Ask
from fireside.core import errors
from fireside.core.errors import InvalidArgumentError
from fireside.edge.openai.asking import Asking
from fireside.edge.openai.chunks import Chunks
from fireside.edge.openai.errors import Refused, failed, refused
from fireside.edge.openai.requests import chat_requests, decode, embeddings_requests
from fireside.gen.v1 import generation_pb2, message_pb2

ASKING = Asking()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "refusal", "audio"])},
    optional={"text": JSON, "image_url": JSON | st.sampled_from(["data:image/png;base64,AAAA", "data:,x"])},
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "king"])},
    optional={"content": TEXT | st.lists(PARTS, max_size=3) | JSON, "tool_call_id": TEXT, "tool_calls": JSON},
)
BODIES = st.fixed_dictionaries(
    {"model": TEXT, "messages": st.lists(MESSAGES, max_size=3)},
    optional={
        name: JSON | st.integers(-3, 3) | st.floats(-3, 3)
        for name in ("temperature", "top_p", "seed", "stop", "max_tokens", "tools", "stream", "n", "metadata")
    },
)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_request_or_refused_as_wrong(body: bytes) -> None:
    for decoder in (chat_requests, embeddings_requests):
        with contextlib.suppress(InvalidArgumentError):
            decode(decoder, body)


@given(BODIES)
def test_any_request_is_asked_or_refused_as_wrong(body: dict[str, Any]) -> None:
    try:
        ask = ASKING.ask(decode(chat_requests, json.dumps(body).encode()))
    except InvalidArgumentError:
        pass
    else:
        assert isinstance(ask, Ask)
        assert len(ask.history) == len(body["messages"])


def asked(**more: Any) -> Ask:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **more}
    return ASKING.ask(decode(chat_requests, json.dumps(body).encode()))


def test_roles_and_parts_of_a_history() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "lookup", "arguments": "{}"}}
    history = asked(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": "data:image/png;base64,AAAA"}]},
            {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "hot"}]},
        ]
    ).history  # fmt: skip
    assert [message.role for message in history] == [
        message_pb2.ROLE_SYSTEM, message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT, message_pb2.ROLE_TOOL,
    ]  # fmt: skip
    kinds = [[part.WhichOneof("kind") for part in message.parts] for message in history]
    assert kinds == [["text"], ["text", "image"], ["reasoning", "tool_call"], ["tool_result"]]
    assert history[1].parts[1].image.data == b"\0\0\0"
    assert history[3].parts[0].tool_result.result.string_value == "hot"


def test_tools_and_options() -> None:
    tool = {"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}}
    spec = asked(tools=[tool], max_tokens=5, max_completion_tokens=4, stop="END", tool_choice="auto").spec
    assert spec.tools[0].parameters == '{"type": "object"}'
    assert (spec.sampling.max_tokens, list(spec.sampling.stop)) == (4, ["END"])
    assert not spec.sampling.HasField("temperature")
    assert not asked(tools=[tool], tool_choice="none").spec.tools


def delta(kind: str, value: str) -> generation_pb2.Delta:
    if kind != "part":
        return generation_pb2.Delta(**{kind: value})
    call = message_pb2.ToolCallPart(id="c", name="n", arguments=value)
    return generation_pb2.Delta(part=message_pb2.Part(tool_call=call))


@given(
    st.lists(st.tuples(st.sampled_from(["text", "reasoning", "part"]), TEXT), max_size=12),
    st.lists(st.integers(1, 4), max_size=12),
    st.booleans(),
)
def test_chunks_say_what_the_log_says(deltas: list[tuple[str, str]], cuts: list[int], usage: bool) -> None:
    """However the log is cut into pieces."""
    events = [generation_pb2.Event(seq=1, started=generation_pb2.Started())]
    events += [generation_pb2.Event(seq=seq, delta=delta(*item)) for seq, item in enumerate(deltas, 2)]
    ended = generation_pb2.Ended(usage=message_pb2.Usage(prompt_tokens=1, completion_tokens=2, cached_tokens=1))
    events.append(generation_pb2.Event(seq=len(events) + 1, ended=ended))
    chunks = Chunks('an "id"', "model", include_usage=usage)
    out = b""
    while events:
        size = cuts.pop() if cuts else len(events)
        out += chunks.feed(b"".join(wire.frame(event) for event in events[:size]))
        events = events[size:]
    out += chunks.finish("stop")
    *lines, done, rest = out.split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    read = [json.loads(line.removeprefix(b"data: ")) for line in lines]
    assert all(chunk["id"] == 'an "id"' and ("usage" in chunk) == usage for chunk in read)
    said = [chunk["choices"][0]["delta"] for chunk in read if chunk["choices"]]
    assert said[0] == {"role": "assistant", "content": ""}
    for kind, name in (("text", "content"), ("reasoning", "reasoning_content")):
        assert "".join(item.get(name, "") for item in said) == "".join(v for k, v in deltas if k == kind)
    calls = [call for item in said for call in item.get("tool_calls", [])]
    assert [(call["index"], call["function"]["arguments"]) for call in calls] == list(
        enumerate(value for kind, value in deltas if kind == "part")
    )
    if usage:
        assert read[-1]["usage"]["prompt_tokens_details"] == {"cached_tokens": 1}


def test_the_last_chunk_names_a_model_that_stood_in() -> None:
    chunks = Chunks("id", "asked", include_usage=False)
    chunks.feed(wire.frame(generation_pb2.Event(seq=2, ended=generation_pb2.Ended(model="other"))))
    said = [json.loads(line.removeprefix(b"data: ")) for line in chunks.finish("stop").split(b"\n\n")[:-2]]
    assert [chunk["model"] for chunk in said] == ["asked", "other"]


def test_an_answer_that_is_replaced_before_it_was_read_is_sent_whole() -> None:
    message = message_pb2.Message(parts=[message_pb2.Part(text=message_pb2.TextPart(text="so far"))])
    reset = wire.frame(generation_pb2.Event(seq=9, reset=generation_pb2.Reset(message=message)))
    chunks = Chunks("id", "model", include_usage=False)
    assert b'"content":"so far"' in chunks.feed(reset)
    with pytest.raises(errors.UnavailableError):
        chunks.feed(reset)


@pytest.mark.parametrize(
    ("error", "status", "code", "param"),
    [
        (errors.UnauthenticatedError("SIGN_IN", "Who are you?"), 401, "sign_in", None),
        (errors.PermissionDeniedError("NO", "No."), 403, "no", None),
        (errors.NotFoundError("MODEL_NOT_FOUND", "None."), 404, "model_not_found", "model"),
        (errors.InvalidArgumentError("PROMPT_TOO_LONG", "Long."), 400, "context_length_exceeded", "messages"),
        (errors.ResourceExhaustedError("QUEUE_FULL", "Full.", retry_after=2.2), 429, "queue_full", None),
        (errors.UnavailableError("RUNNER_UNAVAILABLE", "Away."), 503, "runner_unavailable", None),
        (errors.UnavailableError("RUNNER_UNAUTHORIZED", "Its key is wrong."), 502, "runner_unauthorized", None),
        (errors.DeadlineExceededError("RUNNER_STALLED", "Silent."), 504, "runner_stalled", None),
    ],
)
def test_errors_have_a_status_and_one_shape(error: Exception, status: int, code: str, param: str | None) -> None:
    told = refused(error)
    assert (told.status, told.code, told.param) == (status, code, param)
    reply = told.reply()
    assert set(json.loads(reply.body)["error"]) == {"message", "type", "param", "code"}
    headers = dict(reply.headers)
    assert headers.get(b"retry-after") == {429: b"3", 503: b"1"}.get(status)
    assert (b"www-authenticate" in headers) == (status == HTTPStatus.UNAUTHORIZED)


def test_a_failure_in_a_log_has_the_status_of_the_error() -> None:
    def told(reason: str, *, retryable: bool) -> Refused:
        return failed(message_pb2.Failure(reason=reason, message="It failed.", retryable=retryable))

    assert told("QUEUE_TIMEOUT", retryable=True).status == HTTPStatus.TOO_MANY_REQUESTS
    assert told("RUNNER_DIED", retryable=True).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert told("SOMETHING", retryable=False).status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert told("RUNNER_DIED", retryable=True).event().startswith(b'data: {"error":')

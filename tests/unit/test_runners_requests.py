"""What backends are asked: a conversation in the form that each of them wants."""

from __future__ import annotations

import json

import pytest

from fireside.core.errors import InvalidArgumentError
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.runners.base import GenerateRequest
from fireside.runners.ollama import request as ollama_request
from fireside.runners.ollama.wire import LineReader
from fireside.runners.openai import request as openai_request
from fireside.runners.openai.models import describe, listed
from fireside.runners.refusals import Refusal

Part = message_pb2.Part
SYSTEM, USER = message_pb2.ROLE_SYSTEM, message_pb2.ROLE_USER
ASSISTANT, TOOL = message_pb2.ROLE_ASSISTANT, message_pb2.ROLE_TOOL


def text(text: str) -> message_pb2.Part:
    return Part(text=message_pb2.TextPart(text=text))


def call(call_id: str, arguments: str = '{"q":1}') -> message_pb2.Part:
    return Part(tool_call=message_pb2.ToolCallPart(id=call_id, name="look", arguments=arguments))


def result(call_id: str, **value: object) -> message_pb2.Part:
    part = Part(tool_result=message_pb2.ToolResultPart(tool_call_id=call_id))
    for kind, content in value.items():
        setattr(part.tool_result.result, kind, content)
    return part


def image(data: bytes = b"hi") -> message_pb2.Part:
    return Part(image=message_pb2.ImagePart(media_type="image/png", data=data))


def request(*messages: tuple[message_pb2.Role, list[message_pb2.Part]], **more: object) -> GenerateRequest:
    history = tuple(message_pb2.Message(role=role, parts=parts) for role, parts in messages)
    return GenerateRequest("m", history, generation_pb2.SamplingOptions(), **more)


TALK = request(
    (SYSTEM, [text("Be\0 kind.")]),
    (USER, [image(), text("What is it?"), image(b"")]),
    (ASSISTANT, [Part(reasoning=message_pb2.ReasoningPart(text="hm")), text("I look."), call("c1"), call("c2", "{no")]),
    (TOOL, [result("c1", string_value="a 猫"), result("c2", number_value=2)]),
    (ASSISTANT, [call("alone")]),
    (TOOL, [result("nobody", string_value="x")]),
    (USER, [text("And?")]),
    (ASSISTANT, []),
)


def openai(asked: GenerateRequest, without: set[str] | None = None) -> dict[str, object]:
    return json.loads(openai_request.chat_body(asked, without or set()))


def ollama(asked: GenerateRequest, keep_alive: str = "", *, think: bool = False) -> dict[str, object]:
    return json.loads(ollama_request.chat_body(asked, keep_alive, think=think))


def test_a_talk_in_openais_form() -> None:
    function = {"name": "look", "arguments": '{"q":1}'}
    assert openai(TALK)["messages"] == [
        {"role": "system", "content": "Be kind."},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                {"type": "text", "text": "What is it?"},
                {"type": "text", "text": "[image]"},
            ],
        },
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {"type": "function", "id": "c1", "function": function},
                {"type": "function", "id": "c2", "function": {"name": "look", "arguments": "{no"}},
            ],
        },
        {"role": "tool", "content": "a 猫", "tool_call_id": "c1"},
        {"role": "tool", "content": "2.0", "tool_call_id": "c2"},
        {"role": "assistant", "content": '[called the tool look with {"q":1}]'},
        {"role": "user", "content": '[result: "x"]'},
        {"role": "user", "content": "And?"},
    ]


def test_a_talk_in_ollamas_form() -> None:
    assert ollama(TALK)["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "What is it?\n\n[image]", "images": ["aGk="]},
        {
            "role": "assistant",
            "content": "I look.",
            # What the model wrote for c2 is no object; Ollama takes nothing else.
            "tool_calls": [
                {"id": "c1", "function": {"name": "look", "arguments": {"q": 1}}},
                {"id": "c2", "function": {"name": "look", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "a 猫", "tool_name": "look", "tool_call_id": "c1"},
        {"role": "tool", "content": "2.0", "tool_name": "look", "tool_call_id": "c2"},
        {"role": "assistant", "content": '[called the tool look with {"q":1}]'},
        {"role": "user", "content": '[result: "x"]'},
        {"role": "user", "content": "And?"},
    ]


def test_calls_and_results_within_one_message_become_several() -> None:
    asked = request((USER, [text("Go")]), (ASSISTANT, [call("c1"), result("c1", bool_value=True), text("Done.")]))
    roles = [(m["role"], m.get("content")) for m in openai(asked)["messages"]]
    assert roles == [("user", "Go"), ("assistant", None), ("tool", "true"), ("assistant", "Done.")]
    assert [m["role"] for m in ollama(asked)["messages"]] == ["user", "assistant", "tool", "assistant"]


def test_tools_are_described() -> None:
    tools = (
        generation_pb2.Tool(name="look", description="Looks.", parameters='{"type":"object","x":[1]}'),
        generation_pb2.Tool(name="wait"),
    )
    wanted = [
        {
            "type": "function",
            "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object", "x": [1]}},
        },
        {
            "type": "function",
            "function": {"name": "wait", "description": "", "parameters": {"type": "object", "properties": {}}},
        },
    ]
    asked = request((USER, [text("Hi")]), tools=tools)
    assert openai(asked)["tools"] == ollama(asked)["tools"] == wanted


@pytest.mark.parametrize("parameters", ["{no", "[]", "1"])
def test_a_schema_that_is_none_is_refused(parameters: str) -> None:
    asked = request((USER, [text("Hi")]), tools=(generation_pb2.Tool(name="look", parameters=parameters),))
    for body in (openai, ollama):
        with pytest.raises(InvalidArgumentError) as caught:
            body(asked)
        assert caught.value.reason == "INVALID_TOOL"


def test_ollamas_options() -> None:
    asked = request((USER, [text("Hi")]))
    assert ollama(asked) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "options": {},
        "stream": True,
    }
    asked.sampling.MergeFrom(
        generation_pb2.SamplingOptions(temperature=0, top_p=0.5, max_tokens=3, seed=-1, stop=["x"])
    )
    full = ollama(asked, "-1", think=True)
    assert full["options"] == {"num_predict": 3, "temperature": 0, "top_p": 0.5, "seed": 0x7FFF_FFFF, "stop": ["x"]}
    assert (full["keep_alive"], full["think"]) == (-1, True)


def test_ollamas_pictures_and_calls_are_parts() -> None:
    line = {
        "message": {
            "content": "",
            "images": ["iVBORw=="],
            "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": {"q": "猫"}}}],
        },
        "done": True,
    }
    called, picture, finished = LineReader().feed(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    assert json.loads(called.part.tool_call.arguments) == {"q": "猫"}
    assert (called.part.tool_call.id, picture.part.image.media_type) == ("c1", "image/png")
    assert finished.finish.value == "tool_calls"


def test_a_last_line_of_ollamas_without_its_end_counts() -> None:
    reader = LineReader()
    assert list(reader.feed(b'{"done":true,"eval_count":3}')) == []
    assert [delta.completion_tokens for delta in reader.finish()] == [3]


@pytest.mark.parametrize("value", ["null", "[]", '{"data":null}', '{"data":[{"id":1}]}'])
def test_a_list_of_models_that_is_none(value: str) -> None:
    if value == "[]":
        assert describe("lab", listed(value.encode()), ()) == ((), "")
        return
    with pytest.raises(Exception, match="could not be read"):
        listed(value.encode())


@pytest.mark.parametrize(
    ("message", "too_long"),
    [
        ("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.", True),
        ("Requested token count exceeds the model's maximum context length of 131072 tokens.", True),
        ("the request exceeds the available context size, try increasing it", True),
        ("The input (5000 tokens) is longer than the model's context length (4096 tokens).", True),
        ("prompt is too long: 210000 tokens > 200000 maximum", True),
        ("Trying to keep the first 5000 tokens when context the overflows. Context length exceeded", True),
        ("max_tokens is too large: 5000. This model supports at most 4096 completion tokens", False),
        ("Unsupported parameter: 'context'", False),
        ("Invalid value for 'content': expected a string", False),
    ],
)
def test_the_words_for_a_prompt_that_is_too_long(message: str, too_long: bool) -> None:
    assert (Refusal(400, message).error().reason == "PROMPT_TOO_LONG") is too_long

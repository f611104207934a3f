"""What is the OpenAI adapter's own: base URLs, lists of models, fields that servers refuse, answers in one piece."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from fireside.core.errors import FiresideError
from fireside.gen.v1 import generation_pb2, message_pb2, model_pb2
from fireside.runners.base import BackendOptions, Delta, Finish, Finished, GenerateRequest, Text, WholePart
from fireside.runners.openai.runner import OpenAIRunner
from tests.hostile_server import HostileServer, Step, hostile_server, response

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

CHAT = "/v1/chat/completions"
SSE = "text/event-stream"
ANSWER = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
OK: list[Step] = [response(kind=SSE, body=ANSWER)]
USER, ASSISTANT = message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT


def refused(message: str, status: str = "400 Bad Request") -> list[Step]:
    return [response(status, body=json.dumps({"error": {"message": message}}).encode())]


@asynccontextmanager
async def runner_of(server: HostileServer, path: str = "", **more: object) -> AsyncGenerator[OpenAIRunner]:
    runner = OpenAIRunner(BackendOptions(name="lab", addresses=(server.url + path,), **more))
    yield runner
    await runner.aclose()


@pytest.fixture
async def server() -> AsyncGenerator[HostileServer]:
    async with hostile_server() as server:
        yield server


def message(role: message_pb2.Role, text: str) -> message_pb2.Message:
    return message_pb2.Message(role=role, parts=[message_pb2.Part(text=message_pb2.TextPart(text=text))])


def ask(*messages: message_pb2.Message, model: str = "m", **sampling: object) -> GenerateRequest:
    return GenerateRequest(model, messages or (message(USER, "Hi"),), generation_pb2.SamplingOptions(**sampling))


async def collect(runner: OpenAIRunner, request: GenerateRequest) -> list[Delta]:
    async with asyncio.timeout(30), aclosing(runner.generate(request)) as deltas:
        return [delta async for delta in deltas]


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("", CHAT),
        ("/", CHAT),
        ("/v1", CHAT),
        ("/v1/", CHAT),
        ("/v1/chat/completions", CHAT),
        ("/api/v1", "/api/v1/chat/completions"),
        ("/v1beta/openai/", "/v1beta/openai/chat/completions"),
        ("/proxy", "/proxy/v1/chat/completions"),
    ],
)
async def test_base_urls_with_and_without_a_version(server: HostileServer, given: str, asked: str) -> None:
    server.reply(asked, OK)
    async with runner_of(server, given) as runner:
        assert Text("a") in await collect(runner, ask())


async def test_a_field_that_the_server_does_not_know_is_left_out_from_then_on(server: HostileServer) -> None:
    server.reply(CHAT, refused("Unrecognized request argument supplied: stream_options"), OK)
    async with runner_of(server) as runner:
        await collect(runner, ask())
        await collect(runner, ask())
    assert ["stream_options" in asked.json() for asked in server.asked] == [True, False, False]


async def test_any_other_refusal_is_not_tried_again(server: HostileServer) -> None:
    server.reply(CHAT, refused("temperature is too high"), OK)
    async with runner_of(server) as runner:
        with pytest.raises(FiresideError):
            await collect(runner, ask())
    assert len(server.asked) == 1


async def test_the_limit_goes_by_its_new_name_for_a_model_that_wants_it(server: HostileServer) -> None:
    server.reply(CHAT, refused("'max_tokens' is not supported. Use 'max_completion_tokens' instead."), OK)
    async with runner_of(server) as runner:
        await collect(runner, ask(max_tokens=9))
        await collect(runner, ask(max_tokens=9, model="other"))
    limits = [(asked.json().get("max_tokens"), asked.json().get("max_completion_tokens")) for asked in server.asked]
    assert limits == [(9, None), (None, 9), (9, None)]


async def test_an_answer_is_gone_on_from_also_where_the_server_must_be_told(server: HostileServer) -> None:
    server.reply(CHAT, refused("continue_final_message: extra fields not permitted", "422 Unprocessable Entity"), OK)
    async with runner_of(server) as runner:
        await collect(runner, ask(message(USER, "Count"), message(ASSISTANT, "1, 2")))
    first, second = (asked.json() for asked in server.asked)
    assert (first["continue_final_message"], first["add_generation_prompt"]) == (True, False)
    assert "continue_final_message" not in second
    assert second["messages"] == first["messages"]
    assert first["messages"] == [{"role": "user", "content": "Count"}, {"role": "assistant", "content": "1, 2"}]


async def test_what_is_unset_is_left_to_the_server(server: HostileServer) -> None:
    server.reply(CHAT, OK)
    async with runner_of(server) as runner:
        await collect(runner, ask())
        await collect(runner, ask(temperature=0, top_p=0.5, seed=-1, stop=["x"], max_tokens=3))
    plain, full = (asked.json() for asked in server.asked)
    assert set(plain) == {"model", "messages", "stream", "stream_options"}
    wanted = {"temperature": 0, "top_p": 0.5, "seed": -1, "stop": ["x"], "max_tokens": 3}
    assert {name: full[name] for name in wanted} == wanted


async def test_an_answer_in_one_piece(server: HostileServer) -> None:
    body = {
        "choices": [{"message": {"content": "line\nline", "tool_calls": None}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 3, "prompt_tokens_details": None},
    }
    server.reply(CHAT, [response(body=json.dumps(body, indent=2).encode())])
    async with runner_of(server) as runner:
        assert (await collect(runner, ask()))[1:] == [Text("line\nline"), Finished(Finish.LENGTH, 2, 3)]


async def test_an_error_with_status_200(server: HostileServer) -> None:
    server.reply(CHAT, [response(body=b'{"error":{"message":"quota is used up","code":429}}')])
    async with runner_of(server) as runner:
        with pytest.raises(FiresideError) as caught:
            await collect(runner, ask())
    assert caught.value.reason == "RUNNER_RATE_LIMITED"


async def test_pictures_go_in_and_out(server: HostileServer) -> None:
    picture = message_pb2.Part(image=message_pb2.ImagePart(media_type="image/png", data=b"hi"))
    said = {"choices": [{"delta": {"images": [{"image_url": {"url": "data:image/png;base64,aGk="}}]}}]}
    server.reply(CHAT, [response(kind=SSE, body=b"data: " + json.dumps(said).encode() + b"\n\ndata: [DONE]\n\n")])
    asked = message(USER, "What is it?")
    asked.parts.append(picture)
    async with runner_of(server) as runner:
        assert WholePart(picture) in await collect(runner, ask(asked))
    assert server.asked[0].json()["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            ],
        }
    ]


LISTED = {
    "data": [
        {"id": "vllm", "owned_by": "vllm", "max_model_len": 4096},
        {"id": "llama", "meta": {"n_ctx": 2048, "n_ctx_train": 8192}},
        {"id": "router/x", "name": "X", "context_length": 9, "architecture": {"input_modalities": ["text", "image"]}},
        {"id": "text-embedding-3-small"},
        {"id": "plain", "context_length": None, "architecture": "qwen2"},
    ]
}


async def test_what_servers_say_of_their_models(server: HostileServer) -> None:
    server.reply("/v1/models", [response(body=json.dumps(LISTED).encode())])
    async with runner_of(server) as runner:
        info = await runner.info()
    chat, embed = model_pb2.MODEL_TASK_CHAT, model_pb2.MODEL_TASK_EMBED
    assert [(m.id, m.display_name, m.context_length, m.vision, list(m.tasks)) for m in info.models] == [
        ("lab/vllm", "vllm", 4096, False, [chat]),
        ("lab/llama", "llama", 2048, False, [chat]),
        ("lab/router/x", "X", 9, True, [chat]),
        ("lab/text-embedding-3-small", "text-embedding-3-small", 0, False, [embed]),
        ("lab/plain", "plain", 0, False, [chat]),
    ]
    assert info.version == "vLLM"


async def test_named_models_limit_the_list_and_may_be_more(server: HostileServer) -> None:
    server.reply("/v1/models", [response(body=json.dumps(LISTED).encode())])
    async with runner_of(server, models=("hidden", "llama")) as runner:
        info = await runner.info()
    assert [(model.id, model.context_length) for model in info.models] == [("lab/hidden", 0), ("lab/llama", 2048)]


async def test_a_server_without_a_list_works_when_models_are_named(server: HostileServer) -> None:
    server.reply(CHAT, OK)
    async with runner_of(server, models=("m",)) as runner:
        info = await runner.info()
        assert (info.problem, [model.id for model in info.models]) == ("", ["lab/m"])
        assert Text("a") in await collect(runner, ask())
    async with runner_of(server) as runner:
        assert "address" in (await runner.info()).problem


async def test_a_list_without_an_envelope(server: HostileServer) -> None:
    server.reply("/v1/models", [response(body=b'[{"id":"m"}]')])
    async with runner_of(server) as runner:
        assert [model.id for model in (await runner.info()).models] == ["lab/m"]


async def test_llama_answers_to_any_name_and_is_asked_how_far_it_reads(server: HostileServer) -> None:
    entry = {"id": "/models/qwen3.gguf", "owned_by": "llamacpp", "meta": {"n_ctx": 2048}}
    server.reply("/v1/models", [response(body=json.dumps({"data": [entry]}).encode())])
    server.reply(CHAT, OK)
    async with runner_of(server) as runner:
        assert [model.display_name for model in (await runner.info()).models] == ["qwen3"]
    async with runner_of(server, models=("m",)) as runner:
        await collect(runner, ask())
        info = await runner.info()
        assert [(model.id, model.context_length) for model in info.models] == [("lab/m", 2048)]
        await collect(runner, ask())
    chats = [asked.json() for asked in server.asked if asked.path == CHAT]
    # Others refuse a field that they do not know.
    assert [chat.get("return_progress") for chat in chats] == [None, True]


async def test_what_openai_lists_besides_chat_models_is_hidden(server: HostileServer) -> None:
    names = ["gpt-5", "whisper-1", "gpt-4o-mini-tts", "omni-moderation-latest"]
    entries = [{"id": name, "owned_by": "system"} for name in names] + [{"id": "tts-lover", "owned_by": "me"}]
    server.reply("/v1/models", [response(body=json.dumps({"data": entries}).encode())])
    async with runner_of(server) as runner:
        info = await runner.info()
    assert [model.hidden for model in info.models] == [False, True, True, True, False]


async def test_many_texts_are_sent_in_several_requests(server: HostileServer) -> None:
    def vectors(count: int) -> list[Step]:
        data = [{"index": index, "embedding": [index]} for index in range(count)]
        return [response(body=json.dumps({"data": data, "usage": {"prompt_tokens": count}}).encode())]

    server.reply("/v1/embeddings", vectors(128), vectors(2))
    async with runner_of(server) as runner:
        found = await runner.embed("m", ["a"] * 130)
        assert (len(found.vectors), found.prompt_tokens) == (130, 130)
        assert (await runner.embed("m", [])).vectors == ()

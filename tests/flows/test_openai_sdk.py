"""The official OpenAI client against a real server: what its users do with any server of that kind."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from fireside.core.principal import LOCAL
from fireside.gen.v1 import chat_service_pb2, conversation_service_pb2, message_pb2
from tests.callers import caller
from tests.rig import text_of
from tests.served import Served, serve

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "lookup",
            "description": "Looks something up.",
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
        },
    }
]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


@pytest.fixture
async def client(served: Served) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{served.url}/v1", api_key="sk-any", max_retries=0) as opened:
        yield opened


def user(content: Any = "hello there") -> list[Any]:
    return [{"role": "user", "content": content}]


async def test_a_whole_answer(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="scripted/echo", messages=user("one two three"))
    assert answer.choices[0].message.content == "one two three"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.object, answer.model) == ("chat.completion", "scripted/echo")
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 3
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id == answer.id


@pytest.mark.parametrize("include", [True, False])
async def test_a_stream(client: AsyncOpenAI, include: bool) -> None:
    stream = await client.chat.completions.create(
        model="scripted/reasoning=3,tokens=20,pace=2ms", messages=user(), stream=True,
        stream_options={"include_usage": include},
    )  # fmt: skip
    chunks = [chunk async for chunk in stream]
    said = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert said[0].role == "assistant"
    assert len("".join(delta.content or "" for delta in said).split()) == 20
    assert len("".join(getattr(delta, "reasoning_content", "") for delta in said).split()) == 3
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert {(chunk.id, chunk.object) for chunk in chunks} == {(chunks[0].id, "chat.completion.chunk")}
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    assert len(usages) == include
    if include:
        assert (usages[0].completion_tokens, chunks[-1].choices) == (23, [])


async def test_what_is_sent_all_at_once_comes_in_few_chunks(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="scripted/tokens=20000", messages=user(), stream=True)
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert len(text.split()) == 20_000
    assert len(chunks) < 5_000


async def test_the_limits_of_a_request_reach_the_model(client: AsyncOpenAI) -> None:
    for limit in ({"max_tokens": 4}, {"max_completion_tokens": 4, "max_tokens": 9}):
        answer = await client.chat.completions.create(
            model="scripted/tokens=9", messages=user(), temperature=0.5, top_p=0.9, seed=7, stop=["END"], **limit
        )
        assert answer.choices[0].finish_reason == "length"
        assert len((answer.choices[0].message.content or "").split()) == 4


async def test_a_tool_is_called_and_its_result_goes_back(client: AsyncOpenAI) -> None:
    first = await client.chat.completions.create(model="scripted/tool,tokens=2", messages=user("fire"), tools=TOOLS)
    assert first.choices[0].finish_reason == "tool_calls"
    call: Any = (first.choices[0].message.tool_calls or [])[0]
    assert (call.function.name, call.function.arguments) == ("lookup", '{"query": "fire"}')
    said: Any = first.choices[0].message.model_dump(exclude_none=True)
    history = [*user("fire"), said, {"role": "tool", "tool_call_id": call.id, "content": "hot"}]
    second = await client.chat.completions.create(model="scripted/tool,tokens=2", messages=history, tools=TOOLS)
    assert second.choices[0].finish_reason == "stop"


async def test_a_tool_is_called_in_a_stream(client: AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model="scripted/tool,tokens=2", messages=user("fire")) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_completion()
    call: Any = (final.choices[0].message.tool_calls or [])[0]
    assert call.function.arguments == '{"query": "fire"}'
    assert final.choices[0].finish_reason == "tool_calls"


async def test_content_in_pieces(client: AsyncOpenAI) -> None:
    picture = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
    content = [
        {"type": "text", "text": "what is "},
        {"type": "image_url", "image_url": {"url": picture, "detail": "low"}},
        {"type": "text", "text": "this"},
    ]
    history = [{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}, *user(content)]
    answer = await client.chat.completions.create(model="scripted/echo", messages=history)
    assert answer.choices[0].message.content == "what is this"


async def test_an_answer_is_begun_again_where_the_history_ends_with_the_model(client: AsyncOpenAI) -> None:
    history: list[Any] = [*user(), {"role": "assistant", "content": "bacer cecer "}]
    answer = await client.chat.completions.create(model="scripted/tokens=5", messages=history)
    assert len((answer.choices[0].message.content or "").split()) == 3


async def test_one_that_is_stored_is_a_conversation(served: Served, client: AsyncOpenAI) -> None:
    history = [{"role": "system", "content": "Be brief."}, *user("What is fire?")]
    answer = await client.chat.completions.create(
        model="scripted/tokens=5", messages=history, store=True, metadata={"title": "On fire"}
    )
    async with caller("connect-h2", served.url) as other:
        asked = chat_service_pb2.GetGenerationRequest(generation_id=answer.id)
        record = (await other.unary("GetGeneration", asked)).generation
        listing = conversation_service_pb2.ListMessagesRequest(conversation_id=record.conversation_id)
        branch = (await other.unary("ListMessages", listing)).messages
        one = conversation_service_pb2.GetConversationRequest(conversation_id=record.conversation_id)
        conversation = (await other.unary("GetConversation", one)).conversation
    assert [message.role for message in branch] == [
        message_pb2.ROLE_SYSTEM, message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT,
    ]  # fmt: skip
    assert text_of(branch[-1]) == answer.choices[0].message.content
    assert conversation.title == "On fire"


async def test_one_that_is_stored_is_streamed(served: Served, client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="scripted/tokens=30,pace=1ms", messages=user(), stream=True, store=True
    )
    chunks = [chunk async for chunk in stream]
    assert len("".join(chunk.choices[0].delta.content or "" for chunk in chunks).split()) == 30
    engine: Any = served.app._engine
    assert (await engine.get(LOCAL, chunks[0].id)).usage.completion_tokens == 30


@pytest.mark.parametrize(
    ("model", "error", "code"),
    [
        ("scripted/queue=full", openai.RateLimitError, "queue_full"),
        ("scripted/no script", openai.NotFoundError, "model_not_found"),
        ("nobody/none", openai.NotFoundError, "model_not_found"),
        ("scripted/fail=start", openai.InternalServerError, "runner_failed"),
        ("scripted/crash=start", openai.InternalServerError, "runner_defect"),
        ("scripted/hang=start,timeout=10ms", openai.InternalServerError, "runner_stalled"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_errors_before_the_first_token_have_a_status(
    client: AsyncOpenAI, model: str, error: type[openai.APIStatusError], code: str, stream: bool
) -> None:
    with pytest.raises(error) as raised:
        await client.chat.completions.create(model=model, messages=user(), stream=stream)
    assert raised.value.code == code
    assert raised.value.param == ("model" if code == "model_not_found" else None)
    if isinstance(raised.value, openai.RateLimitError):
        assert int(raised.value.response.headers["retry-after"]) >= 1


async def test_an_error_in_mid_stream_is_raised(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="scripted/tokens=9,fail=after:5", messages=user(), stream=True)
    text = ""

    async def read() -> None:
        nonlocal text
        async for chunk in stream:
            text += chunk.choices[0].delta.content or ""

    with pytest.raises(openai.APIError) as raised:
        await read()
    assert len(text.split()) == 5
    assert raised.value.code == "runner_failed"


async def test_a_late_error_of_a_whole_answer_has_a_status(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.InternalServerError):
        await client.chat.completions.create(model="scripted/tokens=9,fail=after:5", messages=user())


async def test_retries_come_through(client: AsyncOpenAI) -> None:
    """The client retries what it is told may pass, and gives up in the end."""
    with pytest.raises(openai.APIStatusError):
        await client.with_options(max_retries=1).chat.completions.create(
            model="scripted/hang=start,timeout=1ms", messages=user()
        )


async def test_a_stream_that_is_closed_ends_the_answer(served: Served, client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="scripted/tokens=1000000,pace=2ms", messages=user(), stream=True
    )
    await anext(stream)
    engine: Any = served.app._engine
    (run,) = engine._runs.values()
    await stream.close()
    await asyncio.wait([run.task])
    assert run.ending.finish_reason == message_pb2.FINISH_REASON_STOPPED


async def test_models(client: AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == []  # scripts are hidden
    model = await client.models.retrieve("scripted/tokens=64,pace=20ms")
    assert (model.id, model.owned_by, model.object) == ("scripted/tokens=64,pace=20ms", "scripted", "model")
    with pytest.raises(openai.NotFoundError) as raised:
        await client.models.retrieve("nobody/none")
    assert raised.value.code == "model_not_found"


async def test_the_default_model_is_listed_though_it_is_hidden(tmp_path: Path) -> None:
    async with (
        serve(tmp_path, default_model="scripted/echo") as server,
        AsyncOpenAI(base_url=f"{server.url}/v1", api_key="sk-any") as client,
    ):
        assert [model.id async for model in client.models.list()] == ["scripted/echo"]


@pytest.mark.parametrize("form", ["float", "base64", None])
async def test_embeddings(client: AsyncOpenAI, form: Any) -> None:
    """Without a format the client asks for base64 and unpacks it."""
    more = {} if form is None else {"encoding_format": form}
    answer = await client.embeddings.create(model="scripted/embed=8", input=["one", "two"], **more)
    assert [item.index for item in answer.data] == [0, 1]
    vectors: list[Any] = [item.embedding for item in answer.data]
    if form == "base64":
        assert all(len(base64.b64decode(vector)) == 32 for vector in vectors)
    else:
        assert all(len(vector) == 8 for vector in vectors)
        single = await client.embeddings.create(model="scripted/embed=8", input="one", encoding_format="float")
        assert single.data[0].embedding == pytest.approx(vectors[0], abs=1e-6)


async def test_a_model_that_does_not_embed_says_so(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.embeddings.create(model="scripted/echo", input="one")
    assert raised.value.code == "not_an_embedding_model"


@pytest.mark.parametrize("body", [{"input": []}, {"input": [""]}, {"input": [1, 2]}, {"input": "a", "dimensions": 2}])
async def test_texts_that_cannot_be_embedded(client: AsyncOpenAI, body: Any) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.embeddings.create(model="scripted/embed=8", **body)
    assert raised.value.param in body

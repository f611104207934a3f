"""A Fireside whose runner is another Fireside's /v1: both ends of the protocol, and what passes through both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from fireside.gen.v1 import message_pb2
from tests.served import Served, serve

SCRIPTS = [
    "scripted/tokens=8",
    "scripted/tokens=64,pace=1ms,reasoning=4",
    "scripted/tool,tokens=2",
    "scripted/embed=8",
    "scripted/queue=full",
    "scripted/tokens=9,fail=after:5",
    "scripted/tokens=1000000,pace=2ms",
]
FILE = """
[[runners]]
name = "far"
kind = "openai"
address = "{url}/v1"
api_key = "sk-any"
models = {models}

[model_aliases]
short = "far/scripted/tokens=8"
"""


class Chain:
    """The far server, the near one, and a client of the near one."""

    def __init__(self, far: Served, near: Served, client: AsyncOpenAI) -> None:
        self.far = far
        self.near = near
        self.client = client

    async def stream(self, model: str, **more: Any) -> list[Any]:
        """The chunks of an answer."""
        asked: Any = [{"role": "user", "content": "hello"}]
        stream = await self.client.chat.completions.create(model=model, messages=asked, stream=True, **more)
        return [chunk async for chunk in stream]


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    async with AsyncExitStack() as stack:
        for name in ("far", "near"):
            (tmp_path / name).mkdir()
        far = await stack.enter_async_context(serve(tmp_path / "far"))
        near = await stack.enter_async_context(
            serve(tmp_path / "near", FILE.format(url=far.url, models=json.dumps(SCRIPTS)))
        )
        client = AsyncOpenAI(base_url=f"{near.url}/v1", api_key="sk-any", max_retries=0)
        yield Chain(far, near, await stack.enter_async_context(client))


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


async def test_a_stream_passes_through_both(chain: Chain) -> None:
    chunks = await chain.stream(
        "far/scripted/tokens=64,pace=1ms,reasoning=4", stream_options={"include_usage": True}, max_tokens=60
    )
    assert len(text_of(chunks).split()) == 56
    reasoning = "".join(getattr(chunk.choices[0].delta, "reasoning_content", "") for chunk in chunks if chunk.choices)
    assert len(reasoning.split()) == 4
    assert chunks[-2].choices[0].finish_reason == "length"
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (1, 60)


async def test_the_models_of_the_far_one_are_listed_with_the_alias(chain: Chain) -> None:
    models = {model.id: model async for model in chain.client.models.list()}
    assert set(models) == {*(f"far/{name}" for name in SCRIPTS), "short"}
    alias: Any = models["short"]
    assert alias.alias_of == ["far/scripted/tokens=8"]
    assert (await chain.client.models.retrieve("short")).id == "short"


async def test_an_alias_answers(chain: Chain) -> None:
    chunks = await chain.stream("short")
    assert len(text_of(chunks).split()) == 8


async def test_tools_and_vectors_pass_through_both(chain: Chain) -> None:
    chunks = await chain.stream("far/scripted/tool,tokens=2")
    (call,) = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert call.function.name == "lookup"
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    near = await chain.client.embeddings.create(model="far/scripted/embed=8", input=["one", "two"])
    async with AsyncOpenAI(base_url=f"{chain.far.url}/v1", api_key="sk-any") as client:
        far = await client.embeddings.create(model="scripted/embed=8", input=["one", "two"])
    assert [item.embedding for item in near.data] == [item.embedding for item in far.data]


@pytest.mark.parametrize(
    ("model", "error", "code"),
    [
        ("far/scripted/no script", openai.NotFoundError, "model_not_found"),
        ("far/scripted/queue=full", openai.RateLimitError, "rate_limit_exceeded"),
    ],
)
async def test_errors_of_the_far_one_keep_their_meaning(
    chain: Chain, model: str, error: type[openai.APIStatusError], code: str
) -> None:
    asked: Any = [{"role": "user", "content": "hello"}]
    with pytest.raises(error) as raised:
        await chain.client.chat.completions.create(model=model, messages=asked)
    assert raised.value.code == code


async def test_a_failure_in_mid_stream_passes_through_both(chain: Chain) -> None:
    with pytest.raises(openai.APIError) as raised:
        await chain.stream("far/scripted/tokens=9,fail=after:5")
    assert raised.value.code == "runner_failed"


async def test_a_client_that_goes_ends_both(chain: Chain) -> None:
    asked: Any = [{"role": "user", "content": "hello"}]
    stream = await chain.client.chat.completions.create(
        model="far/scripted/tokens=1000000,pace=2ms", messages=asked, stream=True
    )
    await anext(stream)
    engine: Any = chain.far.app._engine
    (run,) = engine._runs.values()
    await stream.close()
    await asyncio.wait([run.task])
    assert run.ending.finish_reason == message_pb2.FINISH_REASON_STOPPED

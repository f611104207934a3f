"""The runner for SGLang: what the contract of all runners does not say. Each against both servers of tests/sglang_server.py."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc.aio
import pytest

from fireside.core.errors import FiresideError
from fireside.gen.dialect.v1 import sglang_pb2 as pb
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.runners.base import BackendOptions, GenerateRequest, Text
from fireside.runners.sglang.runner import SGLangRunner
from tests.sglang_server import SglangServer, rust_extension, rust_server, small_server


@pytest.fixture(params=["small", pytest.param("rust", marks=pytest.mark.slow)])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[SglangServer]:
    if request.param == "small":
        async with small_server() as server:
            yield server
    else:
        async with rust_server(await asyncio.to_thread(rust_extension)) as server:
            yield server


@pytest.fixture
async def runner(server: SglangServer) -> AsyncIterator[SGLangRunner]:
    runner = SGLangRunner(BackendOptions(name="lab", addresses=(f"grpc://{server.address}",)))
    yield runner
    await runner.aclose()


def ask(model: str, text: str = "Hi") -> GenerateRequest:
    part = message_pb2.Part(text=message_pb2.TextPart(text=text))
    message = message_pb2.Message(role=message_pb2.ROLE_USER, parts=[part])
    return GenerateRequest(model, (message,), generation_pb2.SamplingOptions())


async def test_it_tells_its_models_and_version(runner: SGLangRunner) -> None:
    info = await runner.info()
    assert info.version == "SGLang scripted"
    assert {model.id for model in info.models} >= {"lab/tokens=8", "lab/embed=8"}
    assert {model.context_length for model in info.models} == {4096}


async def test_leaving_aborts_the_request_in_the_engine(server: SglangServer, runner: SGLangRunner) -> None:
    async with asyncio.timeout(50):
        async with aclosing(runner.generate(ask("tokens=100000,pace=1ms"))) as deltas:
            async for delta in deltas:
                if isinstance(delta, Text):
                    break
        await server.idle()
        assert (await server.info())["aborted"]


async def test_an_answer_that_ended_aborts_nothing(server: SglangServer, runner: SGLangRunner) -> None:
    async with asyncio.timeout(50), aclosing(runner.generate(ask("tokens=4"))) as deltas:
        assert "".join([delta.text async for delta in deltas if isinstance(delta, Text)]) == "baban ceban diban foban "
    assert (await server.info())["aborted"] == []


async def test_dropping_the_stream_alone_stops_nothing(server: SglangServer) -> None:
    """Why the runner calls Abort. Once this fails, SGLang has learnt it, and the call can go."""
    body = json.dumps({"model": "tokens=100000,pace=1ms", "rid": "ours", "messages": []}).encode()
    async with asyncio.timeout(50), grpc.aio.insecure_channel(server.address) as channel:
        stream = channel.unary_stream("/sglang.runtime.v1.SglangService/ChatComplete")
        call = stream(pb.SglangOpenAIRequest(json_body=body).SerializeToString())
        await call.read()
        call.cancel()
        for _ in range(50):
            assert (await server.info())["running"] == 1
        await channel.unary_unary("/sglang.runtime.v1.SglangService/Abort")(
            pb.SglangAbortRequest(rid="ours").SerializeToString()
        )
        await server.idle()


@pytest.mark.parametrize(
    ("model", "text", "reason"),
    [
        ("tokens=1", "a long story " * 90_000, "PROMPT_TOO_LONG"),
        ("no such script", "Hi", "MODEL_NOT_FOUND"),
        ("fail=after:3", "Hi", "RUNNER_FAILED"),
    ],
)
async def test_refusals_are_told_apart(runner: SGLangRunner, model: str, text: str, reason: str) -> None:
    with pytest.raises(FiresideError) as caught:
        async with asyncio.timeout(50), aclosing(runner.generate(ask(model, text))) as deltas:
            _ = [delta async for delta in deltas]
    assert caught.value.reason == reason

"""The runner for Triton, against a server made of tritonclient's own stubs: what the contract of all runners does not say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
import tritonclient.grpc.service_pb2 as theirs

from fireside.core.errors import FiresideError
from fireside.gen.dialect.v1 import triton_pb2 as ours
from fireside.gen.v1 import generation_pb2, message_pb2, model_pb2
from fireside.runners.base import BackendOptions, Delta, Finish, Finished, GenerateRequest, Text
from fireside.runners.triton.runner import TritonRunner
from fireside.runners.triton.wire import prompt_of
from tests.triton_server import TritonServer, triton_server

SYSTEM, USER, ASSISTANT = message_pb2.ROLE_SYSTEM, message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT


def said(role: message_pb2.Role, text: str) -> message_pb2.Message:
    return message_pb2.Message(role=role, parts=[message_pb2.Part(text=message_pb2.TextPart(text=text))])


def ask(model: str, *messages: message_pb2.Message, max_tokens: int | None = None) -> GenerateRequest:
    sampling = generation_pb2.SamplingOptions()
    if max_tokens is not None:
        sampling.max_tokens = max_tokens
    return GenerateRequest(model, messages or (said(USER, "Hi there"),), sampling)


@asynccontextmanager
async def connected(server: TritonServer, *models: str) -> AsyncIterator[TritonRunner]:
    runner = TritonRunner(BackendOptions(name="lab", addresses=(server.address,), models=models))
    try:
        yield runner
    finally:
        await runner.aclose()


async def collect(runner: TritonRunner, request: GenerateRequest) -> list[Delta]:
    async with asyncio.timeout(50), aclosing(runner.generate(request)) as deltas:
        return [delta async for delta in deltas]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def test_the_prompt_is_a_transcript() -> None:
    request = ask("m", said(SYSTEM, "Be kind."), said(USER, "Hi"), said(ASSISTANT, "Hello!"), said(USER, "Bye"))
    assert prompt_of(request) == "Be kind.\n\nUser: Hi\n\nAssistant: Hello!\n\nUser: Bye\n\nAssistant:"
    assert prompt_of(ask("m", said(USER, "Hi"), said(ASSISTANT, "Hel"))) == "User: Hi\n\nAssistant: Hel"
    assert prompt_of(ask("m", said(USER, "Hi"), said(ASSISTANT, ""))) == "User: Hi\n\nAssistant:"


def test_the_messages_are_those_of_triton() -> None:
    pairs = [
        (ours.TritonInferRequest, theirs.ModelInferRequest), (ours.TritonInferResponse, theirs.ModelInferResponse),
        (ours.TritonStreamResponse, theirs.ModelStreamInferResponse),
        (ours.TritonTensor, theirs.ModelInferRequest.InferInputTensor),
        (ours.TritonTensorContents, theirs.InferTensorContents), (ours.TritonParameter, theirs.InferParameter),
        (ours.TritonModelIndex, theirs.RepositoryIndexResponse.ModelIndex),
        (ours.TritonRepositoryIndexRequest, theirs.RepositoryIndexRequest),
        (ours.TritonModelMetadataResponse, theirs.ModelMetadataResponse),
        (ours.TritonTensorMetadata, theirs.ModelMetadataResponse.TensorMetadata),
        (ours.TritonModelReadyRequest, theirs.ModelReadyRequest),
        (ours.TritonModelReadyResponse, theirs.ModelReadyResponse),
        (ours.TritonServerMetadataResponse, theirs.ServerMetadataResponse),
    ]  # fmt: skip
    for mine, original in pairs:
        for name, field in mine.DESCRIPTOR.fields_by_name.items():
            same = original.DESCRIPTOR.fields_by_name[name]
            assert (field.number, field.type, field.is_repeated) == (same.number, same.type, same.is_repeated)


@pytest.mark.parametrize("raw", [True, False])
async def test_usage_and_the_reason_are_told_by_a_new_backend(raw: bool) -> None:
    async with triton_server(raw=raw) as server, connected(server) as runner:
        deltas = await collect(runner, ask("tokens=8"))
        assert text_of(deltas).split()[0] == "baban"
        assert not text_of(deltas).startswith(" ")
        assert deltas[-1] == Finished(Finish.COMPLETE, 2, 8)
        assert (await collect(runner, ask("tokens=8", max_tokens=3)))[-1] == Finished(Finish.LENGTH, 2, 3)


async def test_an_old_backend_is_not_asked_for_what_it_does_not_know() -> None:
    async with triton_server(extras=()) as server, connected(server) as runner:
        deltas = await collect(runner, ask("tokens=8"))
        assert len(text_of(deltas).split()) == 8
        assert deltas[-1] == Finished()
        assert server.parameters[0]["max_tokens"] == 1024


async def test_only_text_models_are_listed() -> None:
    async with triton_server() as server:
        async with connected(server) as runner:
            info = await runner.info()
            assert info.version == "triton 2.61.0"
            names = {model.id for model in info.models}
            assert "lab/tokens=8" in names
            assert not names & {"lab/resnet50", "lab/broken"}
        async with connected(server, "tokens=8", "broken", "absent") as runner:
            states = {model.id: (model.state, model.state_message) for model in (await runner.info()).models}
            assert states["lab/tokens=8"] == (model_pb2.MODEL_STATE_READY, "")
            assert states["lab/broken"] == (model_pb2.MODEL_STATE_UNAVAILABLE, "no memory")
            assert states["lab/absent"][0] == model_pb2.MODEL_STATE_UNAVAILABLE
            with pytest.raises(FiresideError) as caught:
                await collect(runner, ask("tokens=9"))
            assert caught.value.reason == "MODEL_NOT_FOUND"


async def test_a_server_without_an_index_is_asked_for_each_model() -> None:
    async with triton_server(indexed=False) as server, connected(server, "tokens=8", "absent") as runner:
        states = {model.id: model.state for model in (await runner.info()).models}
    assert states == {"lab/tokens=8": model_pb2.MODEL_STATE_READY, "lab/absent": model_pb2.MODEL_STATE_UNAVAILABLE}


@pytest.mark.parametrize("model", ["tokens=100000,pace=1ms", "first=1000s"])
async def test_leaving_cancels_the_request(model: str) -> None:
    async with triton_server() as server, connected(server) as runner, asyncio.timeout(50):
        task = asyncio.create_task(collect(runner, ask(model)))
        await server.begun.wait()
        task.cancel()
        await server.idle.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    ("model", "text", "reason"),
    [
        ("tokens=1", "a long story " * 90_000, "PROMPT_TOO_LONG"),
        ("no such script", "Hi", "MODEL_NOT_FOUND"),
        ("fail=after:3", "Hi", "RUNNER_FAILED"),
        ("queue=full", "Hi", "RUNNER_FAILED"),
    ],
)
async def test_refusals_are_told_apart(model: str, text: str, reason: str) -> None:
    async with triton_server() as server, connected(server) as runner:
        with pytest.raises(FiresideError) as caught:
            await collect(runner, ask(model, said(USER, text)))
    assert caught.value.reason == reason


async def test_vectors_cannot_be_asked_for() -> None:
    async with triton_server() as server, connected(server) as runner:
        with pytest.raises(FiresideError) as caught:
            await runner.embed("tokens=8", ["Hi"])
    assert caught.value.reason == "NOT_AN_EMBEDDING_MODEL"

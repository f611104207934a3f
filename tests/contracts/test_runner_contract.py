"""What every runner promises, kept by each of them: the scripted one and the real local model."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from fireside.core.errors import NotFoundError
from fireside.gen.v1 import generation_pb2, message_pb2, model_pb2
from fireside.runners.base import Delta, Finish, Finished, GenerateRequest, Progress, Runner, RunnerInfo, Text
from fireside.runners.llama import LlamaRunner
from fireside.runners.llama_engine import LlamaOptions
from fireside.runners.scripted import ScriptedRunner

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]
USER, ASSISTANT = message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT


@dataclass(frozen=True, slots=True)
class Subject:
    """A runner, and the names of models of it that do what a test needs."""

    runner: Runner
    answers: str
    endless: str
    slow_to_start: str
    long_prompt: str = "Hi"


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=["scripted", pytest.param("llama", marks=[pytest.mark.model, pytest.mark.slow])],
)
async def subject(request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    if request.param == "scripted":
        scripted = ScriptedRunner()
        yield Subject(scripted, "tokens=8", "tokens=100000,pace=1ms", "first=1000s")
        await scripted.aclose()
        return
    models_dir: Path = request.getfixturevalue("local_models")
    llama = LlamaRunner(LlamaOptions(models_dir))
    model = "qwen2.5-coder-0.5b"
    yield Subject(llama, model, model, model, "A quick brown fox jumps over a lazy dog. " * 300)
    await llama.aclose()


def message(role: message_pb2.Role, text: str) -> message_pb2.Message:
    return message_pb2.Message(role=role, parts=[message_pb2.Part(text=message_pb2.TextPart(text=text))])


def ask(model: str, *messages: message_pb2.Message, max_tokens: int | None = None) -> GenerateRequest:
    sampling = generation_pb2.SamplingOptions(temperature=0, seed=1)
    if max_tokens is not None:
        sampling.max_tokens = max_tokens
    return GenerateRequest(model, messages or (message(USER, "Count from one to five."),), sampling, "session")


async def collect(runner: Runner, request: GenerateRequest) -> list[Delta]:
    async with aclosing(runner.generate(request)) as deltas:
        return [delta async for delta in deltas]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


async def answers_soon(subject: Subject) -> None:
    """The runner is free: another answer starts and ends."""
    async with asyncio.timeout(60):
        await collect(subject.runner, ask(subject.answers, max_tokens=2))


async def test_its_models_carry_its_name_and_are_ready(subject: Subject) -> None:
    info = await subject.runner.info()
    assert isinstance(info, RunnerInfo)
    assert info.models
    for model in info.models:
        assert model.id.startswith(f"{subject.runner.name}/")
        assert (model.runner, model.state) == (subject.runner.name, model_pb2.MODEL_STATE_READY)
        assert model.display_name
    assert info.hint == ""


async def test_progress_then_content_then_finished(subject: Subject) -> None:
    deltas = await collect(subject.runner, ask(subject.answers, max_tokens=100))
    kinds = [type(delta) for delta in deltas]
    assert kinds.count(Finished) == 1
    assert kinds[-1] is Finished
    first = kinds.index(Text)
    assert set(kinds[:first]) <= {Progress}
    assert set(kinds[first:-1]) == {Text}
    assert text_of(deltas)
    assert "\0" not in text_of(deltas)


async def test_usage_is_counted_and_the_limit_is_kept(subject: Subject) -> None:
    finished = (await collect(subject.runner, ask(subject.endless, max_tokens=4)))[-1]
    assert isinstance(finished, Finished)
    assert finished.finish is Finish.LENGTH
    assert finished.completion_tokens == 4
    assert finished.prompt_tokens > 0


async def test_an_answer_goes_on_from_its_text(subject: Subject) -> None:
    asked = message(USER, "Count from one to nine, in digits with commas.")
    begun = text_of(await collect(subject.runner, ask(subject.answers, asked, max_tokens=5)))
    rest = text_of(await collect(subject.runner, ask(subject.answers, asked, message(ASSISTANT, begun), max_tokens=3)))
    whole = text_of(await collect(subject.runner, ask(subject.answers, asked, max_tokens=8)))
    assert whole == begun + rest


async def test_an_unknown_model_is_not_found(subject: Subject) -> None:
    with pytest.raises(NotFoundError) as caught:
        await collect(subject.runner, ask("there is no such model"))
    assert caught.value.reason == "MODEL_NOT_FOUND"


async def test_closing_in_mid_answer_frees_the_runner(subject: Subject) -> None:
    seen = 0
    async with aclosing(subject.runner.generate(ask(subject.endless, max_tokens=1500))) as deltas:
        async for delta in deltas:
            seen += isinstance(delta, Text)
            if seen == 3:
                break
    await answers_soon(subject)


async def test_cancelling_the_task_in_mid_answer_frees_the_runner(subject: Subject) -> None:
    started = asyncio.Event()

    async def consume() -> None:
        async with aclosing(subject.runner.generate(ask(subject.endless, max_tokens=1500))) as deltas:
            async for delta in deltas:
                if isinstance(delta, Text):
                    started.set()

    task = asyncio.create_task(consume())
    await started.wait()
    task.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1
    await answers_soon(subject)


async def test_cancelling_before_the_first_token_frees_the_runner(subject: Subject) -> None:
    begun = asyncio.Event()

    async def consume() -> None:
        request = ask(subject.slow_to_start, message(USER, subject.long_prompt))
        async with aclosing(subject.runner.generate(request)) as deltas:
            async for delta in deltas:
                assert isinstance(delta, Progress)
                begun.set()

    task = asyncio.create_task(consume())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await answers_soon(subject)


async def test_answers_at_once_do_not_mix(subject: Subject) -> None:
    request = ask(subject.answers, max_tokens=6)
    alone = text_of(await collect(subject.runner, request))
    together = await asyncio.gather(*(collect(subject.runner, request) for _ in range(3)))
    assert [text_of(deltas) for deltas in together] == [alone] * 3

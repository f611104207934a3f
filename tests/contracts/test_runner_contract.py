"""What every runner promises, kept by each of them (tests/runner_subjects.py). What a backend cannot do is left out.

What no well-behaved backend does, garbage and silence, is in test_runner_http_faults.py.
"""

from __future__ import annotations

import asyncio
import json
import math
import uuid
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from fireside.core.errors import InvalidArgumentError, NotFoundError, UnavailableError
from fireside.gen.v1 import generation_pb2, message_pb2, model_pb2
from fireside.runners.base import (
    Delta,
    Finish,
    Finished,
    GenerateRequest,
    Progress,
    Reasoning,
    Runner,
    RunnerInfo,
    Text,
    WholePart,
)
from tests.runner_subjects import PARAMS, PATIENCE, SUBJECTS, Subject

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]
LOOKUP = generation_pb2.Tool(
    name="lookup",
    description="Looks something up.",
    parameters='{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}',
)
USER, ASSISTANT = message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PARAMS)
async def subject(request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    make, _ = SUBJECTS[request.param]
    async with make(request) as subject:
        yield subject


def message(role: message_pb2.Role, text: str) -> message_pb2.Message:
    return message_pb2.Message(role=role, parts=[message_pb2.Part(text=message_pb2.TextPart(text=text))])


def ask(model: str, *messages: message_pb2.Message, max_tokens: int | None = None) -> GenerateRequest:
    sampling = generation_pb2.SamplingOptions(temperature=0, seed=1)
    if max_tokens is not None:
        sampling.max_tokens = max_tokens
    return GenerateRequest(model, messages or (message(USER, "Count from one to five."),), sampling, "session")


def needs(what: str | bool) -> None:
    """Leaves the test out for a runner that cannot do it."""
    if not what:
        pytest.skip("this backend cannot do that")


async def gather(into: list[Delta], runner: Runner, request: GenerateRequest) -> None:
    async with aclosing(runner.generate(request)) as deltas:
        async for delta in deltas:
            into += [delta]


async def collect(runner: Runner, request: GenerateRequest) -> list[Delta]:
    deltas: list[Delta] = []
    await gather(deltas, runner, request)
    return deltas


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def story(subject: Subject) -> GenerateRequest:
    """For an answer that would take minutes."""
    return ask(subject.endless, message(USER, "Write a very long story about every number to 1000."), max_tokens=3500)


async def answers_soon(subject: Subject) -> None:
    """The runner is free: its backend computes nothing any more, and another answer starts and ends."""
    async with asyncio.timeout(2 * PATIENCE):
        await subject.idle()
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
    async with aclosing(subject.runner.generate(story(subject))) as deltas:
        async for delta in deltas:
            seen += isinstance(delta, Text)
            if seen == 3:
                break
    await answers_soon(subject)


async def test_cancelling_the_task_in_mid_answer_frees_the_runner(subject: Subject) -> None:
    started = asyncio.Event()

    async def consume() -> None:
        async with aclosing(subject.runner.generate(story(subject))) as deltas:
            async for delta in deltas:
                if isinstance(delta, Text):
                    started.set()

    task = asyncio.create_task(consume())
    await started.wait()
    task.cancel()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(asyncio.CancelledError):
            await task
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
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
        await subject.busy()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await subject.idle()
    # The rest of the prompt was never read.
    assert await subject.read() < 1500
    await answers_soon(subject)


async def test_answers_at_once_do_not_mix(subject: Subject) -> None:
    request = ask(subject.answers, max_tokens=6)
    alone = text_of(await collect(subject.runner, request))
    together = await asyncio.gather(*(collect(subject.runner, request) for _ in range(3)))
    assert [text_of(deltas) for deltas in together] == [alone] * 3


async def test_reasoning_comes_as_reasoning_and_before_the_text(subject: Subject) -> None:
    needs(subject.reasons)
    deltas = await collect(subject.runner, ask(subject.reasons))
    kinds = [type(delta) for delta in deltas if isinstance(delta, Reasoning | Text)]
    assert set(kinds) == {Reasoning, Text}
    assert kinds == sorted(kinds, key=[Reasoning, Text].index)


async def test_a_tool_call_is_a_whole_part_and_the_reason_of_the_end(subject: Subject) -> None:
    needs(subject.calls)
    *_, part, finished = await collect(subject.runner, replace(ask(subject.calls), tools=(LOOKUP,)))
    assert isinstance(part, WholePart)
    call = part.part.tool_call
    assert call.id
    assert call.name == "lookup"
    assert isinstance(json.loads(call.arguments), dict)
    assert isinstance(finished, Finished)
    assert finished.finish is Finish.TOOL_CALLS


async def test_a_conversation_with_calls_results_and_pictures_is_taken(subject: Subject) -> None:
    """Also by models that read text alone, which are told of them."""
    part = message_pb2.Part
    asked = message(USER, "What is it?")
    asked.parts.append(part(file=message_pb2.FilePart(file_id=str(uuid.UUID(int=1)), name="a.pdf")))
    called = message(ASSISTANT, "I look it up.")
    called.parts.append(part(tool_call=message_pb2.ToolCallPart(id="c1", name="lookup", arguments='{"query":"x"}')))
    result = message_pb2.ToolResultPart(tool_call_id="c1")
    result.result.string_value = "nothing"
    returned = message_pb2.Message(role=message_pb2.ROLE_TOOL, parts=[part(tool_result=result)])
    request = ask(subject.answers, asked, called, returned, message(USER, "And now?"), max_tokens=4)
    assert isinstance((await collect(subject.runner, request))[-1], Finished)


async def test_an_answer_ends_before_a_stop_text(subject: Subject) -> None:
    needs(subject.stops)
    request = ask(subject.answers, message(USER, "Count from one to nine, in digits with commas."), max_tokens=40)
    whole = text_of(await collect(subject.runner, request))
    stop = whole[len(whole) // 2 :][:3]
    request.sampling.stop.append(stop)
    deltas = await collect(subject.runner, request)
    assert text_of(deltas) == whole[: whole.index(stop)]
    assert isinstance(deltas[-1], Finished)
    assert deltas[-1].finish is Finish.COMPLETE


async def test_vectors_are_one_for_each_text_in_their_order(subject: Subject) -> None:
    needs(subject.embeds)
    texts = ["the sky", "the sea\0", "the sky"]
    found = await subject.runner.embed(subject.embeds, texts)
    first, second, third = found.vectors
    assert len(first) == len(second) > 1
    # A real model counts differently in another batch.
    assert math.dist(first, third) < math.dist(first, second) / 2
    assert found.prompt_tokens > 0


async def test_a_model_that_makes_no_vectors_says_so(subject: Subject) -> None:
    needs(subject.embeds != subject.answers)
    with pytest.raises(InvalidArgumentError) as caught:
        await subject.runner.embed(subject.answers, ["the sky"])
    assert caught.value.reason == "NOT_AN_EMBEDDING_MODEL"


async def test_a_failure_in_mid_answer_comes_after_its_text(subject: Subject) -> None:
    needs(subject.fails)
    deltas: list[Delta] = []
    with pytest.raises(UnavailableError) as caught:
        await gather(deltas, subject.runner, ask(subject.fails))
    assert caught.value.reason == "RUNNER_FAILED"
    assert len(text_of(deltas).split()) == 3

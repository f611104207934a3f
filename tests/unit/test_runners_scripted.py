"""The scripted runner: the grammar of its names, and that a script is the same each time."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from itertools import pairwise

import pytest

from fireside.core.errors import (
    DeadlineExceededError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.runners.base import (
    Activity,
    Delta,
    Finish,
    Finished,
    GenerateRequest,
    Progress,
    Reasoning,
    Text,
    WholePart,
)
from fireside.runners.scripted.document import DOCUMENT
from fireside.runners.scripted.runner import Script, ScriptedRunner, parse

USER, ASSISTANT, TOOL = message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT, message_pb2.ROLE_TOOL


def message(role: message_pb2.Role, text: str) -> message_pb2.Message:
    return message_pb2.Message(role=role, parts=[message_pb2.Part(text=message_pb2.TextPart(text=text))])


def request(model: str, *messages: message_pb2.Message, **sampling: int) -> GenerateRequest:
    return GenerateRequest(
        model=model,
        messages=messages or (message(USER, "Hello, 世界 and all"),),
        sampling=generation_pb2.SamplingOptions(**sampling),
    )


async def collect(model: str, seen: list[Delta]) -> None:
    async with aclosing(ScriptedRunner().generate(request(model))) as deltas:
        async for delta in deltas:
            seen.append(delta)  # noqa: PERF401 - what came before an error must be kept.


async def play(model: str, *messages: message_pb2.Message, **sampling: int) -> list[Delta]:
    async with aclosing(ScriptedRunner().generate(request(model, *messages, **sampling))) as deltas:
        return [delta async for delta in deltas]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def test_a_name_spells_a_script() -> None:
    assert parse("tokens=64,pace=20ms,first=1.5s,queue=3:5ms,burst=4,fail=after:7,hang=start,timeout=2s") == Script(
        tokens=64, pace=0.02, first=1.5, queue=3, queue_step=0.005, burst=4, fail=7, hang=0, timeout=2.0
    )


@pytest.mark.parametrize(
    "name", ["", "gpt-4", "tokens=", "tokens=-1", "pace=20", "fail=later", "echo,echo", "tokens=1,", "tokens=1 ,echo"]
)
async def test_a_name_outside_the_grammar_is_not_found(name: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        await play(name)
    assert caught.value.reason == "MODEL_NOT_FOUND"


async def test_tokens_are_the_same_each_time_and_differ_by_seed() -> None:
    first, again, other = await play("tokens=200"), await play("tokens=200"), await play("tokens=200,seed=9")
    assert first == again
    assert text_of(first) != text_of(other)
    assert len(set(text_of(first).split())) == 200
    assert first[-1] == Finished(Finish.COMPLETE, prompt_tokens=4, completion_tokens=200)


async def test_burst_changes_the_deltas_and_not_the_text() -> None:
    single, burst = await play("tokens=10"), await play("tokens=10,burst=4")
    assert text_of(single) == text_of(burst)
    assert [len(d.text.split()) for d in burst if isinstance(d, Text)] == [4, 4, 2]


@pytest.mark.parametrize("cut", [0, 1, 7, 31, 32])
@pytest.mark.parametrize("model", ["tokens=32", "markdown", "echo"])
async def test_a_continued_answer_ends_like_an_uninterrupted_one(model: str, cut: int) -> None:
    asked = message(USER, "one two  three 四五六七八九十 four, five\n\nsix seven eight")
    whole = text_of(await play(model, asked))
    begun = text_of(await play(model, asked, max_tokens=cut)) if cut else ""
    rest = text_of(await play(model, asked, message(ASSISTANT, begun)))
    assert begun + rest == whole


async def test_echo_and_markdown_are_whole() -> None:
    asked = " spaces  and\n\nlines, 中文没有空格的一句话 👩‍👩‍👧‍👦 "
    assert text_of(await play("echo", message(USER, "before"), message(USER, asked))) == asked
    assert text_of(await play("markdown,burst=7")) == DOCUMENT


async def test_the_token_limit_of_the_request_ends_with_length() -> None:
    cut = await play("tokens=10,reasoning=4", max_tokens=6)
    assert cut[-1] == Finished(Finish.LENGTH, prompt_tokens=4, completion_tokens=6)
    assert len(text_of(cut).split()) == 2
    assert (await play("tokens=10", max_tokens=10))[-1] == Finished(Finish.COMPLETE, 4, 10)
    assert (await play("tokens=3,limit"))[-1] == Finished(Finish.LENGTH, 4, 3)


async def test_reasoning_comes_first() -> None:
    deltas = await play("tokens=2,reasoning=3")
    assert [type(delta) for delta in deltas] == [Reasoning, Reasoning, Reasoning, Text, Text, Finished]


async def test_a_tool_is_called_once() -> None:
    asked = message(USER, "weather?")
    deltas = await play("tool,tokens=1", asked)
    called = deltas[-2]
    assert isinstance(called, WholePart)
    assert (called.part.tool_call.name, called.part.tool_call.arguments) == ("lookup", '{"query": "weather?"}')
    assert deltas[-1] == Finished(Finish.TOOL_CALLS, 1, 1)
    answered = await play("tool,tokens=1", asked, message(ASSISTANT, ""), message(TOOL, "rain"))
    assert answered[-1] == Finished(Finish.COMPLETE, 2, 1)


@pytest.mark.parametrize(
    ("knob", "error", "reason"),
    [("fail", UnavailableError, "RUNNER_FAILED"), ("hang", DeadlineExceededError, "RUNNER_STALLED")],
)
@pytest.mark.parametrize(("when", "count"), [("start", 0), ("after:5", 5)])
async def test_mishaps_come_at_their_token(
    knob: str, error: type[Exception], reason: str, when: str, count: int
) -> None:
    seen: list[Delta] = []
    with pytest.raises(error) as caught:
        await collect(f"tokens=20,burst=3,{knob}={when},timeout=1ms", seen)
    assert getattr(caught.value, "reason", "") == reason
    assert len(text_of(seen).split()) == count


async def test_a_defect_is_no_error_of_ours() -> None:
    with pytest.raises(RuntimeError):
        await collect("crash=start", [])


async def test_queue_places_count_down_and_a_full_queue_refuses() -> None:
    deltas = await play("queue=3:0ms,first=0.1ms,tokens=1")
    assert deltas[:4] == [
        Progress(Activity.QUEUED, 3),
        Progress(Activity.QUEUED, 2),
        Progress(Activity.QUEUED, 1),
        Progress(Activity.PREFILLING),
    ]
    with pytest.raises(ResourceExhaustedError) as caught:
        await play("queue=full")
    assert (caught.value.reason, caught.value.retry_after) == ("QUEUE_FULL", 1.0)


async def test_deltas_come_at_fixed_times_after_the_start() -> None:
    began = time.monotonic()
    async with aclosing(ScriptedRunner().generate(request("tokens=5,pace=1ms"))) as deltas:
        times = [time.monotonic() - began async for delta in deltas if isinstance(delta, Text)]
    assert all(due * 0.001 - 0.0005 <= at for due, at in enumerate(times))
    assert all(earlier <= later for earlier, later in pairwise(times))


async def test_closing_a_waiting_script_ends_it() -> None:
    generation = ScriptedRunner().generate(request("tokens=2,hang=after:1"))
    async with aclosing(generation) as deltas:
        await anext(deltas)
        waiting = asyncio.ensure_future(anext(deltas))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_many_at_once_share_the_clock() -> None:
    runner = ScriptedRunner()

    async def one(seed: int) -> str:
        async with aclosing(runner.generate(request(f"tokens=8,pace=1ms,seed={seed}"))) as deltas:
            return text_of([delta async for delta in deltas])

    texts = await asyncio.gather(*(one(seed) for seed in range(20)))
    assert len(set(texts)) == 20
    assert all(len(text.split()) == 8 for text in texts)

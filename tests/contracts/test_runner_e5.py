"""The embedded model: vectors that mean something, and a child process that may die."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence

import pytest

from fireside.core.errors import InvalidArgumentError, NotFoundError, UnavailableError
from fireside.gen.v1 import generation_pb2, model_pb2
from fireside.runners.base import GenerateRequest
from fireside.runners.e5.engine import E5Options
from fireside.runners.e5.runner import MODEL, MODEL_ID, E5Runner, problem
from tests.processes import alive, until

pytestmark = pytest.mark.skipif(bool(problem()), reason=problem())

PASSAGES = (
    "passage: The cat sleeps on the warm stove all day.",
    "passage: Taxes for the past year are due at the end of May.",
    "passage: 安装软件包之前要先更新软件源列表。",
)


@pytest.fixture
async def runner() -> AsyncIterator[E5Runner]:
    runner = E5Runner(E5Options(threads=1))
    yield runner
    await runner.aclose()


async def vectors(runner: E5Runner, texts: Sequence[str]) -> list[tuple[float, ...]]:
    return list((await runner.embed(MODEL, texts)).vectors)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_finds_by_meaning(runner: E5Runner) -> None:
    passages = await vectors(runner, PASSAGES)
    for question, wanted in (
        ("Where does the kitten rest?", 0), ("When is the tax due?", 1), ("how to install a package", 2),
        ("如何安装软件", 2), ("猫在哪里睡觉", 0),
    ):  # fmt: skip
        [asked] = await vectors(runner, [f"query: {question}"])
        near = [cosine(asked, passage) for passage in passages]
        assert near.index(max(near)) == wanted, question
        assert cosine(asked, asked) == pytest.approx(1.0, abs=1e-4)


async def test_takes_any_text(runner: E5Runner) -> None:
    strange = ["", "\0", "a\0b", "\ud800x", "query: ", "passage: ", "x" * 100_000, "\U0001f600", "字" * 3_000]
    found = await vectors(runner, strange)
    assert {len(vector) for vector in found} == {384}
    assert found[2] == (await vectors(runner, ["ab"]))[0]


async def test_says_what_it_is(runner: E5Runner) -> None:
    [model] = (await runner.info()).models
    assert (model.id, model.state, list(model.tasks)) == (
        MODEL_ID,
        model_pb2.MODEL_STATE_READY,
        [model_pb2.MODEL_TASK_EMBED],
    )
    with pytest.raises(NotFoundError):
        await runner.embed("other", ["x"])
    with pytest.raises(InvalidArgumentError, match="cannot answer messages"):
        async for _ in runner.generate(GenerateRequest(MODEL, (), generation_pb2.SamplingOptions())):
            pass
    assert runner.engine.pid == 0


async def test_a_question_does_not_wait_for_passages(runner: E5Runner) -> None:
    batch = asyncio.create_task(vectors(runner, [f"passage: {at} " + "many words to read " * 60 for at in range(12)]))
    done: list[int] = []
    for at in range(4):
        await vectors(runner, [f"query: {at}?"])
        done.append(at)
        assert not batch.done()
    assert len(await batch) == 12


async def test_a_batch_outlives_the_child(runner: E5Runner) -> None:
    batch = asyncio.create_task(vectors(runner, [f"passage: {at} " + "many words to read " * 30 for at in range(8)]))
    await vectors(runner, ["query: is it there?"])
    first = runner.engine.pid
    os.kill(first, signal.SIGKILL)
    assert len(await batch) == 8
    assert runner.engine.pid not in (0, first)
    assert (await batch)[3] == (await vectors(runner, ["passage: 3 " + "many words to read " * 30]))[0]


async def test_gives_up_a_text_whose_process_dies_twice(runner: E5Runner) -> None:
    batch = asyncio.create_task(runner.embed(MODEL, ["passage: " + "many words to read " * 600] * 3))
    for _ in range(2):
        # The texts were sent to the new child before this question.
        await vectors(runner, ["query: is it there?"])
        os.kill(pid := runner.engine.pid, signal.SIGKILL)
        await until(lambda pid=pid: runner.engine.pid != pid)
    with pytest.raises(UnavailableError, match="process died"):
        await batch


async def test_stops_when_idle_and_starts_again() -> None:
    runner = E5Runner(E5Options(threads=1, idle_stop=0.05))
    try:
        before = await vectors(runner, ["query: a"])
        pid = runner.engine.pid
        await until(lambda: not runner.engine.pid and not alive(pid))
        assert await vectors(runner, ["query: a"]) == before
    finally:
        await runner.aclose()


async def test_takes_a_silent_child_for_hung() -> None:
    runner = E5Runner(E5Options(threads=1, stall_timeout=0.3))
    try:
        await vectors(runner, ["query: a"])
        os.kill(runner.engine.pid, signal.SIGSTOP)
        with pytest.raises(Exception, match="said nothing"):
            await vectors(runner, ["query: b"])
        assert len(await vectors(runner, ["query: c"])) == 1
    finally:
        await runner.aclose()


async def test_leaving_leaves_nothing_to_compute(runner: E5Runner) -> None:
    await vectors(runner, ["query: warm"])
    batch = asyncio.create_task(vectors(runner, ["passage: " + "many words to read " * 60] * 64))
    await vectors(runner, ["query: a"])
    batch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await batch
    # What was with the child comes before this one; sixty others would take half a minute.
    async with asyncio.timeout(10):
        await vectors(runner, ["passage: next", "passage: one"])


async def test_closing_ends_the_child(runner: E5Runner) -> None:
    await vectors(runner, ["query: a"])
    pid = runner.engine.pid
    await runner.aclose()
    assert not alive(pid)
    with pytest.raises(UnavailableError):
        await runner.embed(MODEL, ["query: a"])

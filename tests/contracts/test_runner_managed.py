"""What a managed runner adds to any runner: the queue, the timeouts, the retry, and an orderly end."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from fireside.core.errors import (
    DeadlineExceededError,
    InvalidArgumentError,
    ResourceExhaustedError,
    UnavailableError,
)
from fireside.runners.base import Activity, Delta, Finished, GenerateRequest, Progress, Text
from fireside.runners.managed.timeouts import Timeouts
from fireside.runners.scripted.runner import ScriptedRunner
from tests.managed_runners import ENDLESS, LONG, SHORT, Answer, Switched, ask, collect, failure, managed, pause, words

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


async def test_what_a_runner_yields_comes_through_unchanged() -> None:
    async with managed() as runner:
        async with aclosing(ScriptedRunner().generate(ask("reasoning=3,tokens=5,tool,image"))) as deltas:
            alone = [delta async for delta in deltas]
        assert await collect(runner, "reasoning=3,tokens=5,tool,image") == alone


async def test_answers_wait_for_their_turn_and_accounts_take_turns() -> None:
    async with managed(concurrency=1) as runner:
        first = Answer(runner, ENDLESS, "greedy")
        await first.until(Text)
        second = Answer(runner, "tokens=1", "greedy")
        await second.until(Progress(Activity.QUEUED, 1))
        third = Answer(runner, ENDLESS, "greedy")
        await third.until(Progress(Activity.QUEUED, 2))
        other = Answer(runner, ENDLESS, "other")
        await other.until(Progress(Activity.QUEUED, 2))
        await third.until(Progress(Activity.QUEUED, 3))
        status = runner.status()
        assert (status.active, status.queued) == (1, 3)
        await first.cancel()
        await second.task
        await other.until(Text)
        await third.until(Progress(Activity.QUEUED, 1))
        await other.cancel()
        await third.until(Text)
        await third.cancel()


async def test_a_full_queue_is_known_before_a_request_is_accepted() -> None:
    async with managed(concurrency=1, queue_length=0) as runner:
        runner.admit(ENDLESS, "a")
        answer = Answer(runner, ENDLESS)
        await answer.until(Text)
        with pytest.raises(ResourceExhaustedError) as caught:
            runner.admit(ENDLESS, "b")
        assert caught.value.reason == "QUEUE_FULL"
        assert caught.value.retry_after > 0
        await answer.cancel()
        runner.admit(ENDLESS, "b")


async def test_waiting_ends_after_the_queue_wait() -> None:
    async with managed(concurrency=1, queue_wait=SHORT) as runner:
        answer = Answer(runner, ENDLESS)
        await answer.until(Text)
        assert (await failure(runner, "tokens=1")).reason == "QUEUE_TIMEOUT"
        await answer.cancel()
        assert await words(runner, "tokens=1") == 1


@pytest.mark.parametrize(
    ("model", "timeouts", "reason", "tokens"),
    [
        ("hang=start", Timeouts(first_token=SHORT), "RUNNER_FIRST_TOKEN_TIMEOUT", 0),
        ("first=1000s", Timeouts(first_token=SHORT), "RUNNER_FIRST_TOKEN_TIMEOUT", 0),
        ("tokens=9,hang=after:3", Timeouts(first_token=LONG, between_tokens=SHORT), "RUNNER_STALLED", 3),
        (ENDLESS, Timeouts(total=0.1), "RUNNER_TOTAL_TIMEOUT", None),
        ("hang=start", Timeouts(first_token=LONG, total=SHORT), "RUNNER_TOTAL_TIMEOUT", 0),
        ("queue=1:1000s", Timeouts(first_token=SHORT), "QUEUE_TIMEOUT", 0),
    ],
)
async def test_each_timeout_has_its_own_error(model: str, timeouts: Timeouts, reason: str, tokens: int | None) -> None:
    async with managed(timeouts=timeouts, queue_wait=3 * SHORT, display_name="My GPU") as runner:
        answer = Answer(runner, model)
        await asyncio.wait([answer.task])
        error = answer.task.exception()
        assert isinstance(error, DeadlineExceededError)
        assert error.reason == reason
        assert "My GPU" in error.message
        assert tokens is None or sum(isinstance(delta, Text) for delta in answer.seen) == tokens
        assert (runner.status().active, answer.task.cancelling()) == (0, 0)


async def test_a_slow_reader_is_no_slow_runner() -> None:
    async with (
        managed(timeouts=Timeouts(between_tokens=SHORT)) as runner,
        aclosing(runner.generate(ask("tokens=4"))) as deltas,
    ):
        seen = [await anext(deltas)]
        await pause(5 * SHORT)
        seen += [delta async for delta in deltas]
        assert isinstance(seen[-1], Finished)


async def test_each_step_may_be_taken_by_another_task() -> None:
    async with (
        managed(timeouts=Timeouts(between_tokens=SHORT)) as runner,
        aclosing(runner.generate(ask("tokens=9,hang=after:2"))) as deltas,
    ):
        for _ in range(2):
            assert isinstance(await asyncio.create_task(anext(deltas)), Text)
        with pytest.raises(DeadlineExceededError):
            await asyncio.create_task(anext(deltas))


async def test_time_in_the_queue_counts_for_no_timeout() -> None:
    async with managed(concurrency=1, timeouts=Timeouts(first_token=1.0)) as runner:
        answer = Answer(runner, ENDLESS)
        await answer.until(Text)
        waiting = Answer(runner, "tokens=1")
        await waiting.until(Progress(Activity.QUEUED, 1))
        await pause(1.2)
        await answer.cancel()
        await waiting.task


@pytest.mark.parametrize("kind", ["unavailable", "died"])
async def test_a_request_that_was_not_taken_is_made_again(kind: str) -> None:
    async with managed() as runner:
        assert await words(runner, f"tokens=4,fail=start,as={kind},times=1") == 4
        assert (await failure(runner, f"tokens=5,fail=start,as={kind},times=2")).reason.startswith("RUNNER_")
    async with managed(retries=3) as runner:
        assert await words(runner, f"tokens=4,fail=start,as={kind},times=3") == 4


@pytest.mark.parametrize("kind", ["refused", "too-long", "not-found", "unauthorized", "rate-limited"])
async def test_nothing_else_is_made_again(kind: str) -> None:
    async with managed(retries=3) as runner:
        await failure(runner, f"tokens=4,fail=start,as={kind},times=1")


async def test_there_is_no_retry_once_there_was_content() -> None:
    async with managed(retries=3) as runner:
        answer = Answer(runner, "tokens=4,fail=after:2,as=died,times=1")
        await asyncio.wait([answer.task])
        assert isinstance(answer.task.exception(), UnavailableError)
        assert sum(isinstance(delta, Text) for delta in answer.seen) == 2


async def test_embeddings_take_a_turn_and_are_retried() -> None:
    async with managed(concurrency=1) as runner:
        first = await runner.embed("embed=8", ["one", "two"])
        assert [len(vector) for vector in first.vectors] == [8, 8]
        assert await runner.embed("embed=8,fail=start,as=unavailable,times=1", ["one", "two"]) == first
        with pytest.raises(InvalidArgumentError) as caught:
            await runner.embed("tokens=4", ["one"])
        assert caught.value.reason == "NOT_AN_EMBEDDING_MODEL"
        answer = Answer(runner, ENDLESS)
        await answer.until(Text)
        waiting = asyncio.create_task(runner.embed("embed=8", ["one", "two"]))
        while not runner.status().queued:  # noqa: ASYNC110 - it is there within a few steps of the loop
            await asyncio.sleep(0)
        await answer.cancel()
        assert await waiting == first


async def test_embeddings_have_the_timeouts_of_answers() -> None:
    async with managed(timeouts=Timeouts(first_token=SHORT)) as runner:
        with pytest.raises(DeadlineExceededError) as caught:
            await runner.embed("embed=8,hang=start", ["one"])
        assert caught.value.reason == "RUNNER_FIRST_TOKEN_TIMEOUT"


async def test_closing_ends_what_runs_and_what_waits() -> None:
    async with managed(concurrency=1) as runner:
        running = Answer(runner, ENDLESS)
        await running.until(Text)
        waiting = Answer(runner, "tokens=1")
        await waiting.until(Progress)
        await runner.aclose()
        await asyncio.wait([running.task, waiting.task])
        for answer in (running, waiting):
            problem = answer.task.exception()
            assert isinstance(problem, UnavailableError)
            assert problem.reason == "RUNNER_REMOVED"
        assert (await failure(runner, "tokens=1")).reason == "RUNNER_REMOVED"


async def test_draining_waits_for_what_runs_and_what_waits() -> None:
    async with managed(concurrency=1) as runner:
        running = Answer(runner, ENDLESS)
        await running.until(Text)
        waiting = Answer(runner, "tokens=1")
        await waiting.until(Progress)
        drained = asyncio.create_task(runner.drain())
        await asyncio.sleep(0)
        assert not drained.done()
        await running.cancel()
        await drained
        assert isinstance(waiting.seen[-1], Finished)


class SecondHangs(Switched):
    """A backend that does not take the first request and is silent after the second."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        self.requests += 1
        if self.requests == 1:
            raise UnavailableError("RUNNER_UNAVAILABLE", "gone")
        await asyncio.get_running_loop().create_future()
        yield Text("")


async def test_the_second_attempt_has_timeouts_too() -> None:
    async with managed(SecondHangs(), timeouts=Timeouts(first_token=SHORT)) as runner:
        assert (await failure(runner, "m")).reason == "RUNNER_FIRST_TOKEN_TIMEOUT"


class Gatherer(Switched):
    """A backend that writes the arguments of a call for longer than a first token may take."""

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        for _ in range(3):
            yield Text("")
            await pause(4 * SHORT)
        raise UnavailableError("RUNNER_UNAVAILABLE", "gone")
        yield


async def test_a_sign_of_life_ends_the_wait_for_the_first_token_and_is_no_content() -> None:
    async with managed(Gatherer(), timeouts=Timeouts(first_token=2 * SHORT, between_tokens=LONG), retries=1) as runner:
        answer = Answer(runner, "m")
        await asyncio.wait([answer.task])
        error = answer.task.exception()
        assert isinstance(error, UnavailableError)
        assert answer.seen == [Text("")] * 6, "there was a second attempt"


async def test_a_defect_is_passed_on_and_frees_the_turn() -> None:
    async with managed(concurrency=1) as runner:
        with pytest.raises(RuntimeError):
            await collect(runner, "crash=start")
        assert runner.status().active == 0
        assert await words(runner, "tokens=1") == 1

"""What a managed runner adds to any runner: the queue, the timeouts, the retry, the breaker, health, and an orderly end."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from fireside.core.errors import (
    DeadlineExceededError,
    FiresideError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)
from fireside.gen.v1 import generation_pb2, message_pb2, model_pb2, runner_pb2
from fireside.runners.base import Activity, Delta, Embeddings, Finished, GenerateRequest, Progress, RunnerInfo, Text
from fireside.runners.managed import ManagedOptions, ManagedRunner
from fireside.runners.scripted import ScriptedRunner
from fireside.runners.timeouts import Timeouts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from fireside.runners.base import Runner

PATIENCE = 45.0
ENDLESS = "tokens=9999999,pace=1ms"
SHORT = 0.02
LONG = 1000.0


@asynccontextmanager
async def managed(runner: Runner | None = None, **options: object) -> AsyncIterator[ManagedRunner]:
    """A managed runner, closed in the end; it is looked at only when somebody asks."""
    made = ManagedRunner(runner or ScriptedRunner(), ManagedOptions(**{"check_interval": 0.0, **options}))
    try:
        async with asyncio.timeout(PATIENCE):
            yield made
    finally:
        await made.aclose()


def ask(model: str, account: str = "a") -> GenerateRequest:
    part = message_pb2.Part(text=message_pb2.TextPart(text="Hello"))
    said = message_pb2.Message(role=message_pb2.ROLE_USER, parts=[part])
    return GenerateRequest(model, (said,), generation_pb2.SamplingOptions(), "session", account)


async def collect(runner: ManagedRunner, model: str, account: str = "a") -> list[Delta]:
    async with aclosing(runner.generate(ask(model, account))) as deltas:
        return [delta async for delta in deltas]


async def words(runner: ManagedRunner, model: str) -> int:
    return sum(len(delta.text.split()) for delta in await collect(runner, model) if isinstance(delta, Text))


async def failure(runner: ManagedRunner, model: str) -> FiresideError:
    with pytest.raises(FiresideError) as caught:
        await collect(runner, model)
    return caught.value


class Answer:
    """An answer that is read in a task of its own."""

    def __init__(self, runner: ManagedRunner, model: str, account: str = "a") -> None:
        self.seen: list[Delta] = []
        self._news = asyncio.Condition()
        self.task = asyncio.create_task(self._read(runner, ask(model, account)))

    async def _read(self, runner: ManagedRunner, request: GenerateRequest) -> None:
        async with aclosing(runner.generate(request)) as deltas:
            async for delta in deltas:
                async with self._news:
                    self.seen.append(delta)
                    self._news.notify_all()

    async def until(self, wanted: Delta | type[Delta]) -> None:
        """Returns when a delta of this kind, or just this one, was seen."""

        def there() -> bool:
            return any(isinstance(d, wanted) if isinstance(wanted, type) else d == wanted for d in self.seen)

        async with self._news:
            await self._news.wait_for(there)

    async def cancel(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


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


async def pause(seconds: float) -> None:
    """Lets a limit pass that must not count."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    await over.wait()


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


async def test_a_runner_that_fails_again_and_again_rests() -> None:
    async with managed(failures_to_rest=3, rest=90.0, retries=0, display_name="My GPU") as runner:
        for _ in range(3):
            assert (await failure(runner, "fail=start")).reason == "RUNNER_FAILED"
        resting = await failure(runner, "tokens=1")
        assert resting.reason == "RUNNER_RESTING"
        assert isinstance(resting, UnavailableError)
        assert 0 < resting.retry_after <= 90
        with pytest.raises(UnavailableError):
            runner.admit("tokens=1", "a")
        status = runner.status()
        assert status.health == runner_pb2.RUNNER_HEALTH_DOWN
        assert status.HasField("retry_time")
        assert not runner.usable


@pytest.mark.parametrize("kind", ["refused", "too-long", "not-found", "rate-limited"])
async def test_what_is_not_the_backends_fault_does_not_count(kind: str) -> None:
    async with managed(failures_to_rest=2, retries=0) as runner:
        for _ in range(4):
            await failure(runner, f"fail=start,as={kind}")
        assert runner.usable


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


class Switched:
    """A backend that is there or away, as a test says."""

    name = "switched"

    def __init__(self) -> None:
        self.away = False
        self.asked = 0
        self.held: asyncio.Event | None = None

    async def info(self) -> RunnerInfo:
        self.asked += 1
        if self.held is not None:
            await self.held.wait()
        if self.away:
            return RunnerInfo(problem="It is switched off.")
        model = model_pb2.Model(id="switched/m", runner="switched", state=model_pb2.MODEL_STATE_READY, loaded=True)
        return RunnerInfo((model,), version="Switch 1.0")

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        if self.away:
            raise UnavailableError("RUNNER_UNAVAILABLE", "It is switched off.")
        yield Text(request.model)
        yield Finished()

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        raise InvalidArgumentError("NOT_AN_EMBEDDING_MODEL", model)

    async def aclose(self) -> None:
        """Nothing to free."""


async def test_status_and_models_follow_the_backend() -> None:
    switched = Switched()
    async with managed(switched) as runner:
        changes: list[str] = []
        runner.on_change(lambda: changes.append("change"))
        assert runner.status().health == runner_pb2.RUNNER_HEALTH_UNSPECIFIED
        assert runner.knows("m") is None
        await runner.check()
        status = runner.status()
        assert (status.health, status.version, status.model_count) == (runner_pb2.RUNNER_HEALTH_OK, "Switch 1.0", 1)
        assert status.HasField("check_time")
        assert (runner.knows("m"), runner.knows("n")) == (True, False)
        await runner.check()
        assert changes == ["change"]
        switched.away = True
        info = await runner.check()
        assert changes == ["change"] * 2
        assert runner.status().health == runner_pb2.RUNNER_HEALTH_DOWN
        assert runner.status().message == "It is switched off."
        model = info.models[0]
        assert (model.id, model.state) == ("switched/m", model_pb2.MODEL_STATE_UNAVAILABLE)
        assert (model.state_message, model.loaded) == ("It is switched off.", False)
        assert not runner.usable
        assert runner.knows("n") is None, "it may have come while the backend was away"
        switched.away = False
        await runner.check()
        assert runner.usable


async def test_a_model_that_is_not_there_is_refused_before_a_request_is_accepted() -> None:
    async with managed(Switched()) as runner:
        runner.admit("n", "a")
        await runner.info()
        with pytest.raises(NotFoundError):
            runner.admit("n", "a")


async def test_a_listing_does_not_wait_for_a_backend_that_hangs() -> None:
    switched = Switched()
    switched.held = asyncio.Event()
    async with managed(switched) as runner:
        assert (await runner.info()).problem == "It has not answered yet."
        switched.held.set()
        assert (await runner.check()).problem == ""
        assert switched.asked == 1


async def test_it_is_looked_at_in_the_background_until_it_is_back() -> None:
    switched = Switched()
    switched.away = True
    async with managed(switched, check_interval=SHORT) as runner:
        back = asyncio.Event()
        await runner.check()
        runner.on_change(lambda: back.set() if runner.usable else None)
        switched.away = False
        await back.wait()
        assert runner.status().health == runner_pb2.RUNNER_HEALTH_OK


async def test_a_resting_backend_that_is_reachable_again_may_be_tried_at_once() -> None:
    switched = Switched()
    switched.away = True
    async with managed(switched, failures_to_rest=1, rest=90.0, retries=0) as runner:
        await failure(runner, "m")
        assert (await failure(runner, "m")).reason == "RUNNER_RESTING"
        switched.away = False
        await runner.check()
        assert await words(runner, "m") == 1


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

"""How a managed runner is: its light, its list of models, and the rest that it takes when it fails again and again."""

from __future__ import annotations

import asyncio

import pytest

from fireside.core.errors import NotFoundError, UnavailableError
from fireside.gen.v1 import model_pb2, runner_pb2
from tests.managed_runners import SHORT, Switched, failure, managed, words


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

"""Who answers for a model: aliases, stand-ins, and runners that come and go while answers are written."""

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
from fireside.runners.base import Delta, Finished, GenerateRequest, Progress, StandIn, Text
from fireside.runners.catalog import Catalog
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner
from fireside.runners.managed.timeouts import Timeouts
from fireside.runners.scripted.runner import ScriptedRunner

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

PATIENCE = 45.0
ENDLESS = "tokens=9999999,pace=1ms"


def managed(name: str, **options: object) -> ManagedRunner:
    """A scripted runner that is looked at only when somebody asks, and that makes no second attempt."""
    return ManagedRunner(
        ScriptedRunner(name), ManagedOptions(**{"check_interval": 0.0, "retries": 0, "rest": 90.0, **options})
    )


def alias(name: str, *targets: str) -> runner_pb2.ModelAlias:
    return runner_pb2.ModelAlias(alias=name, targets=targets)


@asynccontextmanager
async def catalog_of(
    *runners: ManagedRunner, aliases: tuple[runner_pb2.ModelAlias, ...] = ()
) -> AsyncIterator[Catalog]:
    """A catalog that has looked at its runners."""
    catalog = Catalog(runners, aliases=aliases)
    try:
        async with asyncio.timeout(PATIENCE):
            await catalog.models()
            yield catalog
    finally:
        await catalog.aclose()


def ask() -> GenerateRequest:
    part = message_pb2.Part(text=message_pb2.TextPart(text="Hello"))
    said = message_pb2.Message(role=message_pb2.ROLE_USER, parts=[part])
    return GenerateRequest("", (said,), generation_pb2.SamplingOptions(), "session", "account")


async def answer(catalog: Catalog, model: str) -> list[Delta]:
    async with aclosing(catalog.resolve(model).generate(ask())) as deltas:
        return [delta async for delta in deltas]


async def who(catalog: Catalog, model: str) -> str:
    """The model that answered, and that it said so before its first content when it was another than `model`."""
    deltas = [delta for delta in await answer(catalog, model) if not isinstance(delta, Progress)]
    assert isinstance(deltas[-1], Finished)
    told = [delta.model for delta in deltas if isinstance(delta, StandIn)]
    if told:
        assert deltas[0] == StandIn(told[0])
        assert len(told) == 1
    return told[0] if told else model


async def failure(catalog: Catalog, model: str) -> FiresideError:
    with pytest.raises(FiresideError) as caught:
        await answer(catalog, model)
    return caught.value


@pytest.mark.parametrize(
    "kind", ["unavailable", "connect-timeout", "died", "rate-limited", "unauthorized", "not-found"]
)
async def test_the_next_runner_with_a_model_of_this_name_stands_in(kind: str) -> None:
    name = f"tokens=3,fail=start,as={kind},at=a"
    async with catalog_of(managed("x"), managed("a", fallback=True), managed("b"), managed("c")) as catalog:
        assert await who(catalog, f"a/{name}") == f"b/{name}"


async def test_after_the_last_runner_comes_the_first() -> None:
    async with catalog_of(managed("a"), managed("b", fallback=True)) as catalog:
        assert await who(catalog, "b/tokens=3,fail=start,at=b") == "a/tokens=3,fail=start,at=b"


async def test_without_the_option_nobody_stands_in() -> None:
    async with catalog_of(managed("a"), managed("b")) as catalog:
        assert (await failure(catalog, "a/tokens=3,fail=start,at=a")).reason == "RUNNER_FAILED"


@pytest.mark.parametrize("kind", ["refused", "too-long"])
async def test_nobody_stands_in_for_a_request_that_is_wrong(kind: str) -> None:
    async with catalog_of(managed("a", fallback=True), managed("b")) as catalog:
        assert isinstance(await failure(catalog, f"a/tokens=3,fail=start,as={kind},at=a"), InvalidArgumentError)


async def test_nobody_stands_in_once_there_was_content() -> None:
    async with catalog_of(managed("a", fallback=True), managed("b")) as catalog:
        assert isinstance(await failure(catalog, "a/tokens=3,fail=after:1,at=a"), UnavailableError)


async def test_when_all_fail_the_first_error_is_told() -> None:
    async with catalog_of(
        managed("a"), managed("b"), aliases=(alias("both", "a/fail=start,as=died", "b/fail=start"),)
    ) as catalog:
        assert (await failure(catalog, "both")).reason == "RUNNER_DIED"


async def test_a_runner_that_is_too_slow_to_begin_is_stood_in_for() -> None:
    slow = managed("a", fallback=True, timeouts=Timeouts(first_token=0.02))
    async with catalog_of(slow, managed("b")) as catalog:
        assert await who(catalog, "a/hang=start,at=a") == "b/hang=start,at=a"


async def test_a_full_queue_is_stood_in_for() -> None:
    limits = {"concurrency": 1, "queue_length": 0}
    async with (
        catalog_of(managed("a", fallback=True, **limits), managed("b", **limits)) as catalog,
        aclosing(catalog.resolve(f"a/{ENDLESS}").generate(ask())) as first,
        aclosing(catalog.resolve(f"a/{ENDLESS}").generate(ask())) as second,
    ):
        assert isinstance(await anext(first), Text)
        catalog.resolve(f"a/{ENDLESS}").admit("account")
        assert await anext(second) == StandIn(f"b/{ENDLESS}")
        with pytest.raises(ResourceExhaustedError) as caught:
            catalog.resolve(f"a/{ENDLESS}").admit("account")
        assert caught.value.reason == "QUEUE_FULL"


async def test_a_resting_runner_is_not_even_tried() -> None:
    name = "tokens=2,fail=start,at=a,times=1"
    resting = managed("a", fallback=True, failures_to_rest=1)
    async with catalog_of(resting, managed("b")) as catalog:
        assert await who(catalog, f"a/{name}") == f"b/{name}"
        assert resting.status().health == runner_pb2.RUNNER_HEALTH_DOWN
        assert await who(catalog, f"a/{name}") == f"b/{name}", "its script would not fail any more"
        catalog.resolve(f"a/{name}").admit("account")


async def test_an_alias_goes_through_its_targets_and_says_who_answers() -> None:
    made = alias("smart", "gone/m", "a/tokens=2,fail=start", "b/tokens=4")
    async with catalog_of(managed("a"), managed("b"), aliases=(made,)) as catalog:
        assert catalog.resolve("smart").model == "smart"
        assert await who(catalog, "smart") == "b/tokens=4"


async def test_an_alias_is_listed_as_a_model() -> None:
    made = (alias("smart", "gone/m", "a/echo"), alias("lost", "gone/m"))
    async with catalog_of(managed("a"), aliases=made) as catalog:
        smart, lost = await catalog.get("smart"), await catalog.get("lost")
        assert (smart.display_name, list(smart.alias_of), smart.hidden) == ("smart", ["gone/m", "a/echo"], False)
        assert smart.state == model_pb2.MODEL_STATE_READY
        assert lost.state == model_pb2.MODEL_STATE_UNAVAILABLE
        assert "gone/m" in lost.state_message
        with pytest.raises(NotFoundError):
            catalog.resolve("lost")


async def test_an_alias_can_be_the_default_model() -> None:
    catalog = Catalog([managed("a")], "smart", (alias("smart", "a/tokens=2"),))
    async with asyncio.timeout(PATIENCE):
        assert catalog.resolve("").model == "smart"
        assert [model.id for model in (await catalog.models()).models if model.default] == ["smart"]
        assert (await catalog.models()).hint == ""
    await catalog.aclose()


async def test_vectors_come_only_from_models_of_the_same_name() -> None:
    made = alias("vectors", "a/embed=4,fail=start,at=a", "b/embed=8")
    async with catalog_of(managed("a", fallback=True), managed("b"), aliases=(made,)) as catalog:
        vectors = (await catalog.resolve("vectors").embed(["one"])).vectors
        assert [len(vector) for vector in vectors] == [4]
        with pytest.raises(InvalidArgumentError) as caught:
            await catalog.resolve("a/tokens=1").embed(["one"])
        assert caught.value.reason == "NOT_AN_EMBEDDING_MODEL"


async def test_an_answer_goes_on_with_the_runner_that_it_started_with() -> None:
    old, new = managed("a", display_name="old"), managed("a", display_name="new")
    async with catalog_of(old) as catalog:
        async with aclosing(catalog.resolve(f"a/{ENDLESS}").generate(ask())) as deltas:
            assert isinstance(await anext(deltas), Text)
            await catalog.replace([new])
            assert catalog.runner("a") is new
            assert await who(catalog, "a/tokens=3") == "a/tokens=3"
            assert isinstance(await anext(deltas), Text)
            assert old.status().active == 1
        await retired(old)


async def retired(runner: ManagedRunner) -> None:
    """Returns when a runner takes no requests any more."""
    while runner.usable:  # noqa: ASYNC110 - it is closed within a few steps of the loop
        await asyncio.sleep(0)


async def test_a_runner_that_stays_is_left_alone() -> None:
    stays = managed("a")
    async with catalog_of(stays, managed("b")) as catalog:
        async with aclosing(catalog.resolve(f"a/{ENDLESS}").generate(ask())) as deltas:
            await anext(deltas)
            await catalog.replace([managed("c"), stays])
            assert [runner.name for runner in catalog.runners] == ["c", "a"]
            assert isinstance(await anext(deltas), Text)
        assert stays.usable
        with pytest.raises(NotFoundError):
            catalog.resolve("b/echo")


async def test_two_runners_of_one_name_change_nothing() -> None:
    async with catalog_of(managed("a")) as catalog:
        with pytest.raises(ValueError, match="same name"):
            await catalog.replace([managed("b"), managed("b")])
        assert [runner.name for runner in catalog.runners] == ["a"]


async def test_changes_of_the_list_are_told_when_they_hold() -> None:
    async with catalog_of(managed("a")) as catalog:
        told = asyncio.Event()
        catalog.on_change(told.set)
        await catalog.replace([managed("a"), managed("b")], [alias("smart", "b/echo")])
        assert told.is_set()
        told.clear()
        await told.wait()
        assert {model.runner for model in (await catalog.models()).models} == {"a", "b"}


async def test_closing_ends_also_what_was_on_its_way_out() -> None:
    catalog = Catalog([old := managed("a")])
    async with asyncio.timeout(PATIENCE), aclosing(catalog.resolve(f"a/{ENDLESS}").generate(ask())) as deltas:
        await anext(deltas)
        await catalog.replace([])
        await catalog.aclose()
        assert not old.usable
        with pytest.raises(UnavailableError) as caught:
            await drain(deltas)
        assert caught.value.reason == "RUNNER_REMOVED"


async def drain(deltas: AsyncGenerator[Delta]) -> None:
    async for _ in deltas:
        pass


async def test_a_cancelled_reader_ends_the_answer_and_nobody_stands_in() -> None:
    first, second = managed("a", fallback=True, concurrency=1), managed("b")
    async with catalog_of(first, second) as catalog:
        task = asyncio.create_task(answer(catalog, "a/hang=start"))
        while not first.status().active:  # noqa: ASYNC110 - it is there within a few steps of the loop
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (first.status().active, second.status().active) == (0, 0)


async def test_timeouts_are_told_as_such_when_nobody_is_left() -> None:
    async with catalog_of(managed("a", timeouts=Timeouts(first_token=0.02))) as catalog:
        assert isinstance(await failure(catalog, "a/hang=start"), DeadlineExceededError)

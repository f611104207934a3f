"""The catalog: ids, the default model, the hint, and closing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fireside.core.errors import NotFoundError, UnavailableError
from fireside.gen.v1 import model_pb2
from fireside.runners.base import Delta, Embeddings, Finished, GenerateRequest, Runner, RunnerInfo
from fireside.runners.catalog import NO_RUNNER_HINT, Catalog
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner
from fireside.runners.scripted.runner import ScriptedRunner

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

READY, AWAY = model_pb2.MODEL_STATE_READY, model_pb2.MODEL_STATE_UNAVAILABLE


class FixedRunner:
    """A runner with given models. It counts how often it is asked and can fail to close."""

    def __init__(
        self, name: str, models: dict[str, model_pb2.ModelState], hint: str = "", *, breaks: bool = False
    ) -> None:
        self._name, self._models, self._hint, self._breaks = name, models, hint, breaks
        self.asked = 0
        self.closed = False

    @property
    def name(self) -> str:
        return self._name

    async def info(self) -> RunnerInfo:
        self.asked += 1
        models = tuple(model_pb2.Model(id=f"{self._name}/{m}", state=state) for m, state in self._models.items())
        return RunnerInfo(models, self._hint)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        yield Finished()

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        return Embeddings(())

    async def aclose(self) -> None:
        self.closed = True
        if self._breaks:
            raise UnavailableError("RUNNER_DIED", "gone")


def catalog_of(*runners: Runner, default: str = "", **options: bool) -> Catalog:
    """A catalog of managed runners that are looked at only when somebody asks."""
    managed = [ManagedRunner(runner, ManagedOptions(check_interval=0, **options)) for runner in runners]
    return Catalog(managed, default)


async def test_models_of_all_runners_with_the_first_ready_one_as_default() -> None:
    catalog = catalog_of(FixedRunner("a", {"x": AWAY}), ScriptedRunner(), FixedRunner("b", {"y": READY, "z": READY}))
    info = await catalog.models()
    assert [m.id for m in info.models if not m.hidden] == ["a/x", "b/y", "b/z"]
    assert [m.id for m in info.models if m.default] == ["b/y"]
    assert info.hint == ""
    assert await catalog.default_model() == "b/y"


async def test_a_listing_is_kept_for_a_moment() -> None:
    runner = FixedRunner("a", {"x": READY})
    catalog = catalog_of(runner)
    assert await catalog.models() is await catalog.models()
    assert runner.asked == 1


async def test_the_configured_default_wins_even_when_it_is_away() -> None:
    catalog = catalog_of(FixedRunner("a", {"x": READY, "y": AWAY}), default="a/y")
    assert await catalog.default_model() == "a/y"
    assert [m.id for m in (await catalog.models()).models if m.default] == ["a/y"]


async def test_an_unlisted_default_is_listed() -> None:
    catalog = catalog_of(ScriptedRunner(), default="scripted/tokens=3,burst=2")
    info = await catalog.models()
    assert info.models[-1].id == "scripted/tokens=3,burst=2"
    assert info.models[-1].default
    assert info.models[-1].hidden
    assert info.hint == ""


async def test_the_hint_says_what_to_do_when_nothing_can_answer() -> None:
    assert (await catalog_of().models()).hint == NO_RUNNER_HINT
    assert (await catalog_of(ScriptedRunner()).models()).hint == NO_RUNNER_HINT
    away = catalog_of(FixedRunner("a", {"x": AWAY}, "Install it."), FixedRunner("b", {}, "Start it."))
    assert (await away.models()).hint == "Install it. Start it."
    assert await away.default_model() == "a/x"


async def test_get_finds_listed_and_hidden_models() -> None:
    catalog = catalog_of(FixedRunner("a", {"x": READY}), ScriptedRunner())
    assert (await catalog.get("a/x")).default
    unlisted = await catalog.get("scripted/tokens=5,pace=1ms")
    assert (unlisted.runner, unlisted.hidden, unlisted.state) == ("scripted", True, READY)


@pytest.mark.parametrize("model_id", ["", "a", "a/", "a/nope", "nope/x", "/x", "scripted/nope"])
async def test_get_refuses_what_is_not_there(model_id: str) -> None:
    catalog = catalog_of(FixedRunner("a", {"x": READY}), ScriptedRunner())
    with pytest.raises(NotFoundError) as caught:
        await catalog.get(model_id)
    assert caught.value.reason == "MODEL_NOT_FOUND"


def ways(catalog: Catalog, model_id: str) -> tuple[str, list[tuple[str, str]]]:
    """What a route records, and who may answer."""
    route = catalog.resolve(model_id)
    return route.model, [(candidate.runner.name, candidate.name) for candidate in route.candidates]


async def test_resolve_splits_at_the_first_slash_and_knows_the_default() -> None:
    runner = FixedRunner("a", {"x": READY})
    catalog = catalog_of(runner, ScriptedRunner())
    assert ways(catalog, "a/b/c") == ("a/b/c", [("a", "b/c")])
    with pytest.raises(NotFoundError):
        catalog.resolve("")
    await catalog.look_up("")
    assert ways(catalog, "") == ("a/x", [("a", "x")])
    assert ways(catalog_of(runner, default="a/x"), "") == ("a/x", [("a", "x")])


@pytest.mark.parametrize("model_id", ["a", "a/", "nope/x", "/x"])
def test_resolve_refuses_what_has_no_runner(model_id: str) -> None:
    with pytest.raises(NotFoundError):
        catalog_of(FixedRunner("a", {})).resolve(model_id)


def test_two_runners_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        catalog_of(ScriptedRunner(), ScriptedRunner())


async def test_all_runners_are_closed_even_when_one_fails() -> None:
    runners = [FixedRunner("a", {}, breaks=True), FixedRunner("b", {})]
    with pytest.raises(ExceptionGroup):
        await catalog_of(*runners).aclose()
    assert all(runner.closed for runner in runners)

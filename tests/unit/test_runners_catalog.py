"""The catalog: ids, the default model, the hint, and closing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fireside.core.errors import NotFoundError, UnavailableError
from fireside.gen.v1 import model_pb2
from fireside.runners.base import Delta, Finished, GenerateRequest, RunnerInfo
from fireside.runners.catalog import NO_RUNNER_HINT, Catalog
from fireside.runners.scripted import ScriptedRunner

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

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

    async def aclose(self) -> None:
        self.closed = True
        if self._breaks:
            raise UnavailableError("RUNNER_DIED", "gone")


async def test_models_of_all_runners_with_the_first_ready_one_as_default() -> None:
    catalog = Catalog([FixedRunner("a", {"x": AWAY}), ScriptedRunner(), FixedRunner("b", {"y": READY, "z": READY})])
    info = await catalog.models()
    assert [m.id for m in info.models if not m.hidden] == ["a/x", "b/y", "b/z"]
    assert [m.id for m in info.models if m.default] == ["b/y"]
    assert info.hint == ""
    assert await catalog.default_model() == "b/y"


async def test_a_listing_is_kept_for_a_moment() -> None:
    runner = FixedRunner("a", {"x": READY})
    catalog = Catalog([runner])
    assert await catalog.models() is await catalog.models()
    assert runner.asked == 1


async def test_the_configured_default_wins_even_when_it_is_away() -> None:
    catalog = Catalog([FixedRunner("a", {"x": READY, "y": AWAY})], "a/y")
    assert await catalog.default_model() == "a/y"
    assert [m.id for m in (await catalog.models()).models if m.default] == ["a/y"]


async def test_an_unlisted_default_is_listed() -> None:
    catalog = Catalog([ScriptedRunner()], "scripted/tokens=3,burst=2")
    info = await catalog.models()
    assert info.models[-1].id == "scripted/tokens=3,burst=2"
    assert info.models[-1].default
    assert info.models[-1].hidden
    assert info.hint == ""


async def test_the_hint_says_what_to_do_when_nothing_can_answer() -> None:
    assert (await Catalog([]).models()).hint == NO_RUNNER_HINT
    assert (await Catalog([ScriptedRunner()]).models()).hint == NO_RUNNER_HINT
    away = Catalog([FixedRunner("a", {"x": AWAY}, "Install it."), FixedRunner("b", {}, "Start it.")])
    assert (await away.models()).hint == "Install it. Start it."
    assert await away.default_model() == "a/x"


async def test_get_finds_listed_and_hidden_models() -> None:
    catalog = Catalog([FixedRunner("a", {"x": READY}), ScriptedRunner()])
    assert (await catalog.get("a/x")).default
    unlisted = await catalog.get("scripted/tokens=5,pace=1ms")
    assert (unlisted.runner, unlisted.hidden, unlisted.state) == ("scripted", True, READY)


@pytest.mark.parametrize("model_id", ["", "a", "a/", "a/nope", "nope/x", "/x", "scripted/nope"])
async def test_get_refuses_what_is_not_there(model_id: str) -> None:
    catalog = Catalog([FixedRunner("a", {"x": READY}), ScriptedRunner()])
    with pytest.raises(NotFoundError) as caught:
        await catalog.get(model_id)
    assert caught.value.reason == "MODEL_NOT_FOUND"


async def test_resolve_splits_at_the_first_slash_and_knows_the_default() -> None:
    runner = FixedRunner("a", {"x": READY})
    catalog = Catalog([runner, ScriptedRunner()])
    assert catalog.resolve("a/b/c") == (runner, "b/c")
    with pytest.raises(NotFoundError):
        catalog.resolve("")
    await catalog.default_model()
    assert catalog.resolve("") == (runner, "x")
    assert Catalog([runner], "a/x").resolve("") == (runner, "x")


@pytest.mark.parametrize("model_id", ["a", "a/", "nope/x", "/x"])
def test_resolve_refuses_what_has_no_runner(model_id: str) -> None:
    with pytest.raises(NotFoundError):
        Catalog([FixedRunner("a", {})]).resolve(model_id)


def test_two_runners_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        Catalog([ScriptedRunner(), ScriptedRunner()])


async def test_all_runners_are_closed_even_when_one_fails() -> None:
    runners = [FixedRunner("a", {}, breaks=True), FixedRunner("b", {})]
    with pytest.raises(ExceptionGroup):
        await Catalog(runners).aclose()
    assert all(runner.closed for runner in runners)

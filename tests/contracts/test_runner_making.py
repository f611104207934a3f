"""From definitions to runners: every kind is made without connecting, and what cannot be made says so when it is used."""

from __future__ import annotations

import pytest

from fireside.core.errors import UnavailableError
from fireside.gen.v1 import runner_pb2
from fireside.gen.v1.generation_pb2 import SamplingOptions
from fireside.runners.backends import KINDS, NAMES
from fireside.runners.base import GenerateRequest
from fireside.runners.definition import Definition
from fireside.runners.making import Defaults, Maker
from fireside.runners.managed.runner import ManagedOptions
from fireside.runners.sealing import Sealer, TextKey

MAKER = Maker(
    Sealer(TextKey("a long random text")), Defaults(managed=ManagedOptions(check_interval=0.0, concurrency=3))
)
ADDRESSES = {"openai": "http://127.0.0.1:9/v1", "ollama": "http://127.0.0.1:9"}


def definition(kind: int, address: str = "127.0.0.1:9", sealed: bytes | None = None, **more: object) -> Definition:
    spec = runner_pb2.RunnerSpec(name="x", addresses=[address], **more)
    spec.kind = kind
    return Definition(runner=runner_pb2.Runner(spec=spec), sealed=sealed)


@pytest.mark.parametrize("name", KINDS)
async def test_every_kind_is_made_and_says_that_it_cannot_be_reached(name: str) -> None:
    made = definition(KINDS[name], ADDRESSES.get(name, "127.0.0.1:9"))
    runner = MAKER.make(MAKER.recipe(made), MAKER.options(made.runner.spec))
    info = await runner.check()
    assert info.problem
    assert runner.status().health == runner_pb2.RUNNER_HEALTH_DOWN
    await runner.aclose()


def test_every_kind_of_the_api_has_a_name_in_settings() -> None:
    built_in = {runner_pb2.RUNNER_KIND_UNSPECIFIED, runner_pb2.RUNNER_KIND_BUILT_IN}
    assert set(NAMES) == set(runner_pb2.RunnerKind.values()) - built_in


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (definition(99), "cannot be used by this version of Fireside"),
        (definition(KINDS["openai"], ADDRESSES["openai"], b"damaged"), "The API key of runner x cannot be read with"),
    ],
)
async def test_what_cannot_be_made_says_why_and_fails_nobody_else(broken: Definition, text: str) -> None:
    runner = MAKER.make(MAKER.recipe(broken), MAKER.options(broken.runner.spec))
    assert text in (await runner.check()).problem
    with pytest.raises(UnavailableError, match=text):
        await anext(runner.generate(GenerateRequest("m", (), SamplingOptions())))
    with pytest.raises(UnavailableError, match=text):
        await runner.embed("m", ["a"])
    await runner.aclose()


def test_recipes_are_equal_while_nothing_that_connects_has_changed() -> None:
    spec = definition(KINDS["worker"]).runner.spec
    first = MAKER.recipe(definition(KINDS["worker"]))
    named = definition(KINDS["worker"], display_name="Another", fallback=True, timeouts={"total": {"seconds": 5}})
    assert MAKER.recipe(named) == first
    options = MAKER.options(named.runner.spec)
    assert (options.display_name, options.fallback, options.timeouts.total) == ("Another", True, 5.0)
    assert (options.concurrency, options.timeouts.first_token) == (3, MAKER.options(spec).timeouts.first_token)
    for other in (
        definition(KINDS["worker"], "127.0.0.1:10"),
        definition(KINDS["sglang"]),
        definition(KINDS["worker"], models=["a"]),
        definition(KINDS["worker"], keep_alive="5m"),
        definition(KINDS["worker"], timeouts={"connect": {"seconds": 5}}),
        definition(KINDS["worker"], limits={"concurrency": 0}),
        definition(KINDS["worker"], sealed=MAKER.seal("x", "secret")),
    ):
        assert MAKER.recipe(other) != first
    recipe = MAKER.recipe(definition(KINDS["worker"], sealed=MAKER.seal("x", "sk-1")))
    assert (recipe.backend.secret, "sk-1" in repr(recipe)) == ("sk-1", False)

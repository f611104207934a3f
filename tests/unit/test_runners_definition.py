"""Which runners there are when the file, the environment, the server and the API all have some, and in which order."""

from __future__ import annotations

from fireside.gen.v1 import runner_pb2
from fireside.runners.declared import DeclaredAlias, DeclaredRunner
from fireside.runners.definition import Definition, built_in, from_declared, from_saved, merged, merged_aliases


def declared(name: str, *, in_file: bool, address: str = "http://a", key: str = "") -> Definition:
    where = "fireside.toml:3" if in_file else "environment OLLAMA_BASE_URL"
    runner = DeclaredRunner(
        name=name,
        kind="ollama",
        addresses=(address,),
        where=where,
        in_file=in_file,
        api_key=key,
        first_token_timeout=1.5,
    )
    return from_declared(runner, fallback=True)


def saved(name: str) -> Definition:
    spec = runner_pb2.RunnerSpec(name=name, kind=runner_pb2.RUNNER_KIND_OPENAI, addresses=["http://b"])
    return from_saved(runner_pb2.Runner(spec=spec, source=runner_pb2.RUNNER_SOURCE_API), b"sealed")


def names(definitions: list[Definition]) -> list[str]:
    return [item.name for item in definitions]


def test_a_declared_runner_takes_what_it_does_not_say_from_the_server() -> None:
    definition = declared("shed", in_file=True, key="sk-1")
    spec = definition.runner.spec
    assert (spec.fallback, spec.timeouts.first_token.ToMilliseconds(), spec.timeouts.HasField("total")) == (
        True,
        1500,
        False,
    )
    assert not spec.limits.HasField("concurrency")
    assert definition.runner.has_secret
    assert "sk-1" not in repr(definition)
    assert "sk-1" not in str(definition.runner)


def test_without_an_order_what_was_set_up_comes_first_and_what_was_added_last() -> None:
    every = [saved("d"), saved("a"), built_in("local", ""), declared("env", in_file=False), declared("z", in_file=True)]
    assert names(merged(every, [])) == ["z", "env", "local", "d", "a"]


def test_the_order_covers_all_sources_and_what_it_lacks_comes_last() -> None:
    every = [saved("d"), built_in("local", ""), declared("env", in_file=False), declared("z", in_file=True)]
    assert names(merged(every, ["gone", "d", "local"])) == ["d", "local", "z", "env"]


def test_of_one_name_the_file_wins_over_the_environment_over_the_api_and_the_winner_says_so() -> None:
    every = [saved("shed"), declared("shed", in_file=False, address="http://env"), declared("shed", in_file=True)]
    for order in (every, every[::-1]):
        (winner,) = merged(order, [])
        assert winner.runner.source == runner_pb2.RUNNER_SOURCE_FILE
        assert "environment OLLAMA_BASE_URL has another runner named shed" in winner.note
        assert "the settings screen has another runner named shed" in winner.note
    (winner,) = merged([saved("shed"), declared("shed", in_file=False)], [])
    assert winner.runner.source == runner_pb2.RUNNER_SOURCE_ENVIRONMENT
    assert merged([saved("shed")], [])[0].note == ""


def test_the_aliases_of_the_file_win() -> None:
    kept = [runner_pb2.ModelAlias(alias=name, targets=["a/b"], source=runner_pb2.RUNNER_SOURCE_API) for name in "cab"]
    found = merged_aliases([DeclaredAlias("b", ("x/y",), "fireside.toml:9")], kept)
    assert [(item.alias, list(item.targets), item.source) for item in found] == [
        ("a", ["a/b"], runner_pb2.RUNNER_SOURCE_API),
        ("b", ["x/y"], runner_pb2.RUNNER_SOURCE_FILE),
        ("c", ["a/b"], runner_pb2.RUNNER_SOURCE_API),
    ]

"""Runners of fireside.toml and of the environment: what is taken, and what stops the start with which words."""

from __future__ import annotations

import tomllib

import pytest

from fireside.runners.declared import (
    DeclarationError,
    UnknownKeyError,
    aliases_of_file,
    runners_of_environment,
    runners_of_file,
)

GOOD = 'name = "shed"\nkind = "ollama"\naddress = "http://shed:11434"\n'


def runners(text: str):
    return runners_of_file(tomllib.loads(text)["runners"], text, "f.toml")


def aliases(text: str):
    return aliases_of_file(tomllib.loads(text)["model_aliases"], text, "f.toml")


def test_a_table_becomes_a_runner() -> None:
    (runner,) = runners(
        "port = 1\n\n[[runners]]\n"
        + GOOD
        + 'api_key = " sk-1 "\nmodels = ["a", "b"]\nfallback = true\nkeep_alive = "5m"\n'
        "first_token_timeout = 1.5\nconcurrency = 0\n"
    )
    assert (runner.name, runner.kind, runner.addresses) == ("shed", "ollama", ("http://shed:11434",))
    assert (runner.api_key, runner.models, runner.fallback, runner.keep_alive) == ("sk-1", ("a", "b"), True, "5m")
    assert (runner.first_token_timeout, runner.total_timeout, runner.concurrency) == (1.5, None, 0)
    assert (runner.where, runner.in_file, runner.disabled) == ("f.toml:3", True, False)
    assert "sk-1" not in repr(runner)


@pytest.mark.parametrize(
    ("line", "key", "value", "part", "number"),
    [
        ('kind = "llama"', "kind", "llama", "one of openai, ollama", 4),
        ("kind = 3", "kind", "3", "one of", 4),
        ('name = "Shed"', "name", "Shed", "lower case", 4),
        ('name = "local"', "name", "local", "is built in", 4),
        ('address = "shed:1"', "address", "shed:1", "http://", 4),
        ('address = "http://me:pw@shed"', "address", "http://…@shed", "API key", 4),
        ("api_key = 5", "api_key", "", "a text", 4),
        ("disabled = 'yes'", "disabled", "yes", "true or false", 4),
        ("models = 'a'", "models", "a", "a list", 4),
        ("models = ['']", "models", "['']", "a list", 4),
        ("total_timeout = 0", "total_timeout", "0", "more than 0", 4),
        ("queue_wait = true", "queue_wait", "True", "seconds", 4),
        ("concurrency = 1.5", "concurrency", "1.5", "whole number", 4),
        ("queue_length = -1", "queue_length", "-1", "whole number", 4),
        ("keep_alive = 'soon'", "keep_alive", "soon", "5m", 4),
        ('addresses = ["http://a"]', "addresses", "['http://a']", "either", 4),
    ],
)
def test_what_is_wrong_is_told_with_its_line(line: str, key: str, value: str, part: str, number: int) -> None:
    first = [row for row in GOOD.splitlines() if row.split()[0] != line.split(maxsplit=1)[0]]
    text = (
        "\n".join(["[[runners]]", *first[:2], line, *first[2:]])
        if len(first) == 2
        else "\n".join(["[[runners]]", *first[:2], line, first[2]])
    )
    with pytest.raises(DeclarationError) as caught:
        runners(text)
    error = caught.value
    assert (error.key, error.value, error.where) == (f"runners[0].{key}", value, f"f.toml:{number}")
    assert part in error.expected


@pytest.mark.parametrize("missing", ["name", "kind", "address"])
def test_what_is_needed_and_missing_is_told(missing: str) -> None:
    text = "[[runners]]\n" + "\n".join(row for row in GOOD.splitlines() if not row.startswith(missing))
    with pytest.raises(DeclarationError) as caught:
        runners(text)
    assert (caught.value.key, caught.value.value, caught.value.where) == (f"runners[0].{missing}", "", "f.toml:1")


def test_a_key_that_is_unknown_is_told_without_its_value() -> None:
    with pytest.raises(UnknownKeyError) as caught:
        runners("[[runners]]\n" + GOOD + "[[runners]]\n" + GOOD.replace("shed", "barn") + 'apikey = "sk-secret"\n')
    assert (caught.value.key, caught.value.expected, caught.value.where) == ("runners[1].apikey", "api_key", "f.toml:9")
    assert "sk-secret" not in str(caught.value)


def test_two_of_a_name_are_refused() -> None:
    with pytest.raises(DeclarationError) as caught:
        runners("[[runners]]\n" + GOOD + "[[runners]]\n" + GOOD)
    assert (caught.value.where, caught.value.value) == ("f.toml:5", "shed")


@pytest.mark.parametrize("text", ["runners = 1", 'runners = ["a"]', "[runners]\nname = 'a'"])
def test_runners_are_tables(text: str) -> None:
    with pytest.raises(DeclarationError, match=r"\[\[runners\]\]"):
        runners(text)


def test_a_worker_may_have_several_addresses() -> None:
    (runner,) = runners('[[runners]]\nname = "farm"\nkind = "worker"\naddresses = ["a:1", "grpcs://b:2/"]')
    assert runner.addresses == ("a:1", "grpcs://b:2")


def test_aliases_have_one_target_or_several() -> None:
    found = aliases('[model_aliases]\nfast = "shed/a"\n"best-1" = ["shed/b", "router/x/y"]\n')
    assert [(item.alias, item.targets, item.where) for item in found] == [
        ("fast", ("shed/a",), "f.toml:2"),
        ("best-1", ("shed/b", "router/x/y"), "f.toml:3"),
    ]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ('"a/b" = "c/d"', "without a slash"),
        ('a = "b"', "id of a model"),
        ("a = []", "id of a model"),
        ("a = 1", "model"),
    ],
)
def test_a_wrong_alias_is_told(line: str, part: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        aliases(f"[model_aliases]\n{line}\n")
    assert part in caught.value.expected
    assert caught.value.where == "f.toml:2"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, []),
        ({"OLLAMA_BASE_URL": ""}, []),
        ({"OLLAMA_BASE_URL": "http://a:1/"}, [("ollama", "http://a:1", "")]),
        (
            {"OLLAMA_BASE_URL": "http://no", "OLLAMA_BASE_URLS": "http://a:1; http://b:1;"},
            [("ollama", "http://a:1", ""), ("ollama-2", "http://b:1", "")],
        ),
        ({"OPENAI_API_KEY": "k"}, [("openai", "https://api.openai.com/v1", "k")]),
        ({"OPENAI_API_BASE_URL": "http://a/v1"}, [("openai", "http://a/v1", "")]),
        ({"OPENAI_API_BASE_URL": "http://a/v1", "OPENAI_API_KEY": "k"}, [("openai", "http://a/v1", "k")]),
        (
            {"OPENAI_API_BASE_URLS": "http://a/v1;http://b/v1", "OPENAI_API_KEYS": "k1;k2"},
            [("openai", "http://a/v1", "k1"), ("openai-2", "http://b/v1", "k2")],
        ),
        (
            {"OPENAI_API_BASE_URLS": "http://a/v1;http://b/v1", "OPENAI_API_KEY": "k1"},
            [("openai", "http://a/v1", "k1"), ("openai-2", "http://b/v1", "")],
        ),
    ],
)
def test_the_variables_that_people_have_set_up_runners(
    environ: dict[str, str], expected: list[tuple[str, str, str]]
) -> None:
    found = runners_of_environment(environ)
    assert [(item.name, item.addresses[0], item.api_key) for item in found] == expected
    assert not any(item.in_file for item in found)


@pytest.mark.parametrize(
    ("environ", "key", "value"),
    [
        ({"OLLAMA_BASE_URL": "localhost:11434"}, "OLLAMA_BASE_URL", "localhost:11434"),
        ({"OPENAI_API_BASE_URL": "http://u:pw@a/v1"}, "OPENAI_API_BASE_URL", "http://…@a/v1"),
        ({"OPENAI_API_KEYS": "k1;k2"}, "OPENAI_API_KEYS", ""),
    ],
)
def test_a_variable_that_is_wrong_is_told_without_secrets(environ: dict[str, str], key: str, value: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        runners_of_environment(environ)
    assert (caught.value.key, caught.value.value, caught.value.where) == (key, value, f"environment {key}")

"""The set-up script: what is done once is not done again, and what may fail does not stop the rest."""

from __future__ import annotations

import subprocess
import sys

import bootstrap
import pytest
import setup


@pytest.fixture
def steps(tmp_path):
    """A set-up that remembers in a folder of its own."""
    made = setup.Setup([])
    made.stamps = setup.Stamps(tmp_path / "stamps.json")
    return made


def fail() -> None:
    raise subprocess.CalledProcessError(1, ["install"])


def test_a_step_runs_once_for_each_key(steps) -> None:
    done: list[str] = []
    for key in ("one", "one", "two", "two", "one"):
        steps.step("name", "Title", key, lambda key=key: done.append(key))
    assert done == ["one", "two", "one"]


def test_a_step_that_failed_is_run_again(steps) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        steps.step("name", "Title", "key", fail)
    done: list[str] = []
    steps.step("name", "Title", "key", lambda: done.append("now"))
    assert done == ["now"]


def test_an_optional_step_may_fail_and_is_not_tried_again_at_once(steps, capsys) -> None:
    tries: list[str] = []

    def attempt() -> None:
        tries.append("try")
        fail()

    assert not steps.optional("name", "Title", "key", attempt, "Do this.")
    assert not steps.optional("name", "Title", "key", attempt, "Do this.")
    assert len(tries) == 1
    assert "Do this." in capsys.readouterr().out
    assert steps.optional("name", "Title", "another key", lambda: None, "")


def test_a_broken_memory_is_an_empty_one(tmp_path) -> None:
    path = tmp_path / "stamps.json"
    path.write_text("{")
    assert setup.Stamps(path).get("web") == ""


def test_the_digest_sees_names_contents_and_words() -> None:
    file = [setup.ROOT / "Makefile"]
    assert setup.digest(file) == setup.digest(file)
    assert len({setup.digest(file), setup.digest(file, "a"), setup.digest([setup.ROOT / "LICENSE"])}) == 3


def test_flags_are_read_in_both_forms() -> None:
    flags = ["--port", "9000", "--data-dir=/d", "--verbose"]
    assert {("--port", "9000"), ("--data-dir", "/d")} <= set(setup._flag_values(flags))


def test_versions_are_read_from_programs() -> None:
    assert bootstrap.version_of("/nonexistent") == ()


@pytest.mark.slow
def test_a_module_that_cannot_be_imported_says_why() -> None:
    assert bootstrap.import_problem(sys.executable, "json") == ""
    assert "no_such_module" in bootstrap.import_problem(sys.executable, "no_such_module")


def test_caches_stay_in_the_checkout_without_a_home(monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    assert bootstrap.environment()["UV_CACHE_DIR"].startswith(str(bootstrap.TOOLS))

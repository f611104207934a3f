"""The documentation tells the truth: links lead somewhere, commands exist, decisions and changes are written down."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click
import pytest

from tests.house import doc_rules
from tests.house.source import ROOT, files, read

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = [path for path in files() if path.endswith(".md") and not path.startswith("tests/data/")]
ADRS = [path for path in PAGES if path.startswith("docs/adr/0")]
TARGETS = doc_rules.make_targets(read("Makefile"))
CLI_PAGE = "docs/reference/cli.md"
GOOD_ADR = "# 0009. A\n\n- Status: accepted\n- Date: 2026-11-22\n\n## Context\n\na\n\n## Decision\n\nb\n\n## Consequences\n\nc\n"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page) -> None:
    assert not list(doc_rules.broken_links(ROOT / page, ROOT))


def test_a_broken_link_is_caught(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A heading\n[a](gone.md) [b](#not-there) [c](#a-heading) [d](https://example.org)\n")
    assert len(list(doc_rules.broken_links(page, tmp_path))) == 2


@pytest.mark.parametrize("page", PAGES)
def test_make_commands_exist(page) -> None:
    assert not doc_rules.unknown_make_calls(read(page), set(TARGETS))


def test_a_missing_make_command_is_caught() -> None:
    assert doc_rules.unknown_make_calls("Try `make love` or:\n```\nmake run\n```\n", {"run"}) == ["love"]


def test_every_make_target_has_help() -> None:
    assert "run" in TARGETS
    assert not [name for name, text in TARGETS.items() if len(text.split()) < 3]


def test_a_make_target_without_help_is_caught() -> None:
    assert doc_rules.make_targets("run: ## start it all\n\techo\nstop:\n\techo\n") == {
        "run": "start it all",
        "stop": "",
    }


def test_there_are_decisions() -> None:
    numbers = [path.split("/")[-1][:4] for path in ADRS]
    assert numbers == [f"{number:04}" for number in range(len(numbers))]
    assert len(numbers) > 1


@pytest.mark.parametrize("path", ADRS)
def test_a_decision_is_complete(path) -> None:
    name = path.rsplit("/", 1)[1]
    assert not list(doc_rules.adr_faults(name, read(path)))


@pytest.mark.parametrize("cut", ["# 0009. A", "- Status: accepted", "- Date: 2026-11-22", "\na\n", "## Decision"])
def test_an_incomplete_decision_is_caught(cut) -> None:
    assert not list(doc_rules.adr_faults("0009-a.md", GOOD_ADR))
    assert list(doc_rules.adr_faults("0009-a.md", GOOD_ADR.replace(cut, "")))


def test_every_decision_is_in_the_index() -> None:
    index = read("docs/adr/README.md")
    assert not [path for path in ADRS if path.rsplit("/", 1)[1] not in index]


def test_the_changelog_has_an_unreleased_section() -> None:
    text = read("CHANGELOG.md")
    assert "## Unreleased" in text
    assert text.partition("## Unreleased")[2].partition("\n## ")[0].strip()


def commands(group: click.Command, prefix: str) -> Iterator[tuple[str, list[str]]]:
    """Each command's full name and its visible options, groups first."""
    options = [name for one in group.params if isinstance(one, click.Option) and not one.hidden for name in one.opts]
    yield prefix, [name for name in options if name.startswith("--") and name not in {"--help", "--version"}]
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            if not command.hidden:
                yield from commands(command, f"{prefix} {name}")


def undocumented(group: click.Command, page: str) -> list[str]:
    """The commands and flags that the page does not name."""
    missing: list[str] = []
    for name, options in commands(group, "fireside"):
        section = page.partition(f"`{name}`")[2] if " " in name else page
        missing += [f"{name} {option}" for option in options if f"`{option}" not in section]
        if f"`{name}`" not in page:
            missing.append(name)
    return missing


def test_every_command_and_flag_is_documented() -> None:
    if not (ROOT / "src/fireside/cli/main.py").exists():
        pytest.skip("there is no command line yet")
    main = importlib.import_module("fireside.cli.main").main
    assert not undocumented(main, read(CLI_PAGE))


def test_an_undocumented_flag_is_caught() -> None:
    @click.group()
    def main() -> None: ...

    @main.command()
    @click.option("--port")
    @click.option("--host")
    def serve(port: int, host: str) -> None: ...

    assert undocumented(main, "`fireside` has `fireside serve` with `--port`") == ["fireside serve --host"]
    assert undocumented(main, "`fireside` alone") == [
        "fireside serve --port",
        "fireside serve --host",
        "fireside serve",
    ]

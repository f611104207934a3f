"""The pages and the example file are what the table of settings and the commands say."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fireside.cli.main import main
from fireside.config import Config
from fireside.runners import declared
from fireside.runners.llama.engine import LlamaOptions
from fireside.runners.making import Defaults
from fireside.runners.managed.runner import ManagedOptions
from fireside.settings import BY_NAME, SERVER_SETTINGS, SETTINGS, WORKER_SETTINGS
from tools import reference

PAGES = reference.pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_is_made_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path], "run: python tools/reference.py"


def test_every_setting_is_documented() -> None:
    page = PAGES[reference.ROOT / "docs/reference/configuration.md"]
    for setting in SETTINGS:
        section = page.partition(f"### `{setting.name}`\n")[2].partition("\n### ")[0]
        assert setting.help in section
        assert f"`{setting.flag}`" in section
        assert f"`{setting.env}`" in section
        assert setting.shown_default in section
        assert setting.shown_default, f"{setting.name} does not tell its default"


def test_every_field_of_the_configuration_is_a_setting() -> None:
    others = {
        "sources", "port_asked", "notes", "runners", "model_aliases", "loopback_only", "set_up_token", "providers",
    }  # fmt: skip
    fields = set(Config.__dataclass_fields__) - others
    assert fields == {setting.name for setting in {*SERVER_SETTINGS, *WORKER_SETTINGS}}


def test_the_example_holds_the_defaults() -> None:
    text = PAGES[reference.ROOT / "fireside.example.toml"]
    assert tomllib.loads(text) == {}
    lines = (line.removeprefix("#") for line in text.splitlines() if not line.startswith(("# ", "##")))
    table = tomllib.loads("\n".join(lines))
    assert {name: BY_NAME[name].accept(value) for name, value in table.items()} == {
        setting.name: setting.default for setting in SETTINGS
    }


def test_the_example_has_runners_and_aliases_that_can_be_used() -> None:
    text = PAGES[reference.ROOT / "fireside.example.toml"].partition("## Runners: ")[2].partition("\n")[2]
    lines = "\n".join(line.removeprefix("#").removeprefix(" ") for line in text.splitlines())
    table = tomllib.loads(lines)
    assert [runner.name for runner in declared.runners_of_file(table["runners"], lines, "x")] == [
        "shed",
        "router",
        "farm",
    ]
    assert [item.alias for item in declared.aliases_of_file(table["model_aliases"], lines, "x")] == ["fast", "best"]


def test_every_key_of_a_runner_and_every_variable_is_documented() -> None:
    page = PAGES[reference.ROOT / "docs/reference/configuration.md"]
    for key in declared.KEYS:
        assert f"| `{key.name}` | {key.takes} | {key.help} |" in page
    for variable in (*declared.OLLAMA_VARIABLES, *declared.OPENAI_URL_VARIABLES, *declared.OPENAI_KEY_VARIABLES):
        assert f"| `{variable}` |" in page


def test_the_defaults_are_those_of_the_runner() -> None:
    options, limits = LlamaOptions(models_dir=Path()), ManagedOptions()
    pairs = {
        "llama_slots": options.slots,
        "llama_context": options.context_tokens,
        "llama_threads": options.threads,
        "llama_idle_stop": options.idle_stop,
        "queue_length": limits.queue_length,
        "queue_wait": limits.queue_wait,
    }
    timeouts = limits.timeouts
    pairs |= {
        "runner_connect_timeout": Defaults().connect_timeout,
        "runner_first_token_timeout": timeouts.first_token,
        "runner_between_tokens_timeout": timeouts.between_tokens,
        "runner_total_timeout": timeouts.total,
        "runner_concurrency": limits.concurrency,
        "runner_queue_length": limits.queue_length,
        "runner_queue_wait": limits.queue_wait,
        "runner_retries": limits.retries,
        "runner_fallback": limits.fallback,
    }
    assert {name: BY_NAME[name].default for name in pairs} == pairs


def commands(group: click.Group, *words: str) -> dict[tuple[str, ...], click.Command]:
    """The group and all commands below it, by their words."""
    found: dict[tuple[str, ...], click.Command] = {words: group}
    for name, command in group.commands.items():
        found |= commands(command, *words, name) if isinstance(command, click.Group) else {(*words, name): command}
    return found


COMMANDS = commands(main)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*words, "--help"], terminal_width=100)
    assert result.exit_code == 0
    command = COMMANDS[words]
    assert (command.help or "").split("\n")[0].strip() in result.output
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{option.name} has no help"
    if isinstance(command.epilog, str):
        for line in command.epilog.strip().splitlines():
            assert f"  {line.strip()}\n" in result.output


@pytest.mark.parametrize(
    "words",
    [words for words, command in COMMANDS.items() if not isinstance(command, click.Group) and words != ("version",)],
    ids=" ".join,
)
def test_every_command_has_examples_and_exit_codes(words: tuple[str, ...]) -> None:
    command = COMMANDS[words]
    assert command.epilog
    assert "Exit codes: 0 " in (command.help or "")


def test_serve_has_a_flag_for_each_setting_and_no_other() -> None:
    flags = {flag for option in main.commands["serve"].params for flag in option.opts}
    assert flags == {setting.flag for setting in SERVER_SETTINGS} | {"--config", "--ready-fd"}


def test_worker_has_a_flag_for_each_of_its_settings() -> None:
    flags = {flag for option in main.commands["worker"].params for flag in option.opts if not option.hidden}
    assert flags == {setting.flag for setting in WORKER_SETTINGS} | {"--config", "--ready-fd", "--scripted"}


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(main, ["version"]).output.startswith("fireside 0.")
    assert CliRunner().invoke(main, ["--version"]).output.startswith("fireside, version 0.")

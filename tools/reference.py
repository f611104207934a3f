"""Writes docs/reference/configuration.md, docs/reference/cli.md and fireside.example.toml from the table of settings and the commands.

`python tools/reference.py` writes them; a test compares. Not imported by the server.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import click

from fireside.cli.main import main as fireside
from fireside.identity.providers import KEYS as PROVIDER_KEYS
from fireside.runners.declared import KEYS as RUNNER_KEYS
from fireside.setting import Kind, Setting, show
from fireside.settings import CLIENT, GRPC_WITHOUT_EFFECT, SERVER_SETTINGS, SETTINGS, WORKER_SETTINGS

ROOT = Path(__file__).resolve().parent.parent
_NOTE = "<!-- Made by tools/reference.py from src/fireside/settings.py and src/fireside/cli/: do not edit. -->"

_CONFIGURATION = f"""\
{_NOTE}

# Configuration

Fireside needs none. What you set is taken from the first of these that has it:

1. a flag of the command, such as `--port 9000`;
2. an environment variable, such as `FIRESIDE_PORT=9000`; an empty one counts as not set;
3. a settings file in TOML, such as `port = 9000`: the one that `--config` or `FIRESIDE_CONFIG` names, or else
   `./fireside.toml`, or else `~/.config/fireside/fireside.toml` (`$XDG_CONFIG_HOME` is respected);
4. the default.

A setting that is unknown or wrong stops the start, and the message says which, what was expected and where it came
from. In the file a relative path is relative to the file; elsewhere it is relative to the present folder.
[fireside.example.toml](../../fireside.example.toml) has every setting. The commands are in [cli.md](cli.md).
"""

_GRPC_VARIABLES = """\
## Variables of other gRPC servers

The settings under gRPC can also be given without the prefix, as `GRPC_MAX_MESSAGE_LENGTH=2147483648`: that is how guides
for gRPC servers name them. A number that is larger than gRPC allows is taken as the largest one, with one line in the
log; where both names are set, the one with the prefix wins. These are accepted too, and told in the log:
"""

_CLI = f"""\
{_NOTE}

# Command line

`fireside` has one command for each task. `--help` works on each of them. Settings (most flags of `fireside serve`)
can also be given in the environment or in a file: see [configuration.md](configuration.md).
"""

_EXAMPLE = """\
# Settings of Fireside. Copy this file to fireside.toml and take the # away from what you change.
# Each line shows the default. docs/reference/configuration.md says more.
# (Made by tools/reference.py from src/fireside/settings.py: do not edit.)
"""

_TYPES = {
    Kind.TEXT: "text", Kind.INTEGER: "whole number", Kind.SECONDS: "seconds", Kind.SWITCH: "`true` or `false`",
    Kind.PATH: "path", Kind.LIST: "list of texts; as a flag or variable, separated by commas",
}  # fmt: skip


_RUNNERS = """\
## `[[runners]]`

Each `[[runners]]` table of the file sets up something that runs models; [runners.md](../runners.md) says more. Tables
stand at the end of the file, after all plain settings. What a table leaves out is taken from the section Runners above.

| key | takes | meaning |
|---|---|---|
"""

_PROVIDERS = """\
## `[[oidc]]`

Each `[[oidc]]` table of the file is an OpenID Connect provider that people can sign in with;
[accounts.md](../accounts.md) says more. Like `[[runners]]` they stand at the end of the file.

| key | takes | meaning |
|---|---|---|
"""

_ALIASES = """\
## `[model_aliases]`

Other names of models, without a slash: each with one model's id or a list of them, the preferred one first. A later one
stands in when those before it cannot answer.
"""

_EXAMPLE_TABLES = """\
## Runners: tables, so they stand after everything above. docs/reference/configuration.md has all keys.
## The environment can set up runners as well: OLLAMA_BASE_URL, OPENAI_API_BASE_URL and OPENAI_API_KEY, or their plurals.
# [[runners]]
# name = "shed"
# kind = "ollama"
# address = "http://shed:11434"
#
# [[runners]]
# name = "router"
# kind = "openai"
# address = "https://openrouter.ai/api/v1"
# api_key = "sk-..."
# models = ["qwen/qwen3-8b"]
# fallback = true
#
# [[runners]]
# name = "farm"
# kind = "worker"
# addresses = ["barn:50051", "grpcs://field.example.org:50051"]
# concurrency = 8
#
# [model_aliases]
# fast = "shed/qwen3:8b"
# best = ["router/qwen/qwen3-8b", "shed/qwen3:8b"]
#
## Providers that people can sign in with.
# [[oidc]]
# name = "company"
# label = "Example Inc."
# issuer = "https://login.example.org/realms/main"
# client_id = "fireside"
# client_secret = "..."
# groups_claim = "groups"
# sign_up = true
"""

_ENVIRONMENT = """\
## Runners of the environment

These variables set up runners under the names that other chat servers gave them. A list is separated by `;`.

| variable | sets up |
|---|---|
| `OLLAMA_BASE_URL` | an Ollama, as the runner `ollama` |
| `OLLAMA_BASE_URLS` | several, as `ollama`, `ollama-2`, ...; goes before `OLLAMA_BASE_URL` |
| `OPENAI_API_BASE_URL` | an OpenAI-compatible server, as the runner `openai` |
| `OPENAI_API_BASE_URLS` | several, as `openai`, `openai-2`, ...; goes before `OPENAI_API_BASE_URL` |
| `OPENAI_API_KEY` | the API key of `openai`; without an address, of https://api.openai.com/v1 |
| `OPENAI_API_KEYS` | the API keys in the order of the addresses; goes before `OPENAI_API_KEY` |
"""


def configuration() -> str:
    """The page on settings."""
    parts = [_CONFIGURATION]
    for section, settings in _sections():
        parts.append(f"## {section}\n")
        parts += [_setting(setting) for setting in settings]
    rows = "\n".join(f"| `{key.name}` | {key.takes} | {key.help} |" for key in RUNNER_KEYS)
    providers = "\n".join(f"| `{key.name}` | {key.takes} | {key.help} |" for key in PROVIDER_KEYS)
    parts += [_RUNNERS + rows + "\n", _ALIASES, _ENVIRONMENT, _PROVIDERS + providers + "\n", _without_effect()]
    return "\n".join(parts)


def _without_effect() -> str:
    rows = "\n".join(f"| `{variable}` | {why} |" for variable, why in GRPC_WITHOUT_EFFECT.items())
    return f"{_GRPC_VARIABLES}\n| variable | why it has no effect |\n|---|---|\n{rows}\n"


def _sections() -> list[tuple[str, list[Setting]]]:
    grouped = itertools.groupby(SETTINGS, key=lambda setting: setting.section)
    return [(section, list(settings)) for section, settings in grouped]


def _setting(setting: Setting) -> str:
    kind = ", ".join(f"`{choice}`" for choice in setting.choices) or _TYPES[setting.kind]
    limits = setting.expected if setting.kind in {Kind.INTEGER, Kind.SECONDS} else ""
    default = f"`{setting.shown_default}`" if not setting.default_text else setting.default_text
    commands = ", ".join(f"`fireside {name}`" for name in _commands_of(setting))
    rows = [
        ("Flag", f"`{setting.flag}` of {commands}"),
        ("Environment", ", or ".join(f"`{variable}`" for variable in (setting.env, *setting.variables))),
        ("Type", limits or kind),
        ("Default", default),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"### `{setting.name}`\n\n{setting.help}\n\n| | |\n|---|---|\n{table}\n"


def _commands_of(setting: Setting) -> list[str]:
    found = {
        "serve": setting in SERVER_SETTINGS, "doctor": setting in SERVER_SETTINGS, "worker": setting in WORKER_SETTINGS,
        **dict.fromkeys(("chat", "upload", "search", "collections", "documents", "runners"), setting.section == CLIENT),
    }  # fmt: skip
    return [name for name, takes in found.items() if takes]


def cli() -> str:
    """The page on commands."""
    parts = [_CLI]
    for name, command in fireside.commands.items():
        parts += _with_subcommands(f"fireside {name}", command)
    return "\n".join(parts)


def _with_subcommands(name: str, command: click.Command) -> list[str]:
    parts = [_command(name, command)]
    if isinstance(command, click.Group):
        for inner, subcommand in command.commands.items():
            parts += _with_subcommands(f"{name} {inner}", subcommand)
    return parts


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    parts = [f"## `{name}`\n", f"```\n{usage}\n```\n", _paragraphs(command.help or ""), ""]
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    if options:
        parts.append("| flag | meaning |\n|---|---|\n" + "\n".join(map(_option, options)) + "\n")
    if command.epilog:
        lines = (line.strip() for line in command.epilog.strip().splitlines())
        parts.append("Examples:\n\n```\n" + "\n".join(lines) + "\n```\n")
    return "\n".join(parts)


def _option(option: click.Option) -> str:
    flags = ", ".join(f"`{flag}`" for flag in option.opts)
    value = "" if option.is_flag else f" `{option.metavar}`"
    text = re.sub(r"\s*\[([A-Z_, ]+); default: (.*)\]$", r" (`\1`; default: \2)", option.help or "")
    return f"| {flags}{value.replace('|', chr(92) + '|')} | {text} |"


def _paragraphs(text: str) -> str:
    blocks = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(line.strip() for line in block.splitlines()) for block in blocks)


def example() -> str:
    """The example file. Every line of it is a comment, so that the copy changes nothing."""
    parts = [_EXAMPLE]
    for section, settings in _sections():
        parts.append(f"## {section}")
        for setting in settings:
            about = [setting.help, f"Default: {setting.default_text}." if setting.default_text else ""]
            lines = [f"# {line}" for line in about if line]
            parts.append("\n".join([*lines, f"#{setting.name} = {_toml(setting)}", ""]))
    return "\n".join([*parts, _EXAMPLE_TABLES])


def _toml(setting: Setting) -> str:
    value = setting.default
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    if setting.kind in {Kind.TEXT, Kind.PATH}:
        return f'"{show(value)}"'
    return show(value)


def pages() -> dict[Path, str]:
    """Each file that is made, and what belongs into it."""
    reference = ROOT / "docs" / "reference"
    return {
        reference / "configuration.md": configuration(),
        reference / "cli.md": cli(),
        ROOT / "fireside.example.toml": example(),
    }


def main() -> None:
    """Writes the files."""
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()

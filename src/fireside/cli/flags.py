"""Makes a command's flags from the table of settings. Reads nothing: the values go to config as they were typed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from fireside.config import FILE_NAME
from fireside.setting import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fireside.setting import Setting

F = TypeVar("F", bound="Callable[..., object]")


def setting_flags(settings: Iterable[Setting]) -> Callable[[F], F]:
    """Adds a flag for each setting, in their order. The command gets the typed text, or None."""

    def add(function: F) -> F:
        for setting in reversed(list(settings)):
            function = _flag(setting)(function)
        return function

    return add


def _flag(setting: Setting) -> Callable[[F], F]:
    return click.option(
        setting.flag,
        setting.name,
        metavar="|".join(setting.choices) or setting.kind.value,
        # A switch may stand alone: `--single-user`.
        is_flag=False,
        flag_value="true" if setting.kind is Kind.SWITCH else None,
        help=f"{setting.help}  [{', '.join((setting.env, *setting.variables))}; default: {setting.shown_default}]",
    )


config_flag = click.option(
    "--config",
    "file",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help=f"Settings file in TOML.  [FIRESIDE_CONFIG; default: ./{FILE_NAME}, or ~/.config/fireside/{FILE_NAME}]",
)


class ExampleCommand(click.Command):
    """A command whose help ends with its `epilog` as it stands: examples, a line each."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the examples without re-wrapping them."""
        _ = ctx
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.strip().splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line.strip()}\n")

"""`fireside doctor`: prints what checks.py finds, for a person or as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from fireside.cli.failure import settings_of
from fireside.cli.flags import ExampleCommand, config_flag, setting_flags
from fireside.config import Config, load
from fireside.settings import SERVER_SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from fireside.cli.finding import Finding

_EXAMPLES = """
fireside doctor
fireside doctor --data-dir ./data
fireside doctor --json | jq '.findings[] | select(.level == "missing")'
"""
_MARKS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "missing": ("✗", "red")}


@click.command(cls=ExampleCommand, epilog=_EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@setting_flags(SERVER_SETTINGS)
@config_flag
def doctor(file: Path | None, as_json: bool, **flags: str | None) -> None:  # noqa: FBT001  # click passes it by name.
    """Tell what is there, what is missing and how to get it.

    It takes the flags of `fireside serve`, so that it looks at what a server with them would use. It opens the
    database as a server does, which brings an old schema up to date.

    Exit codes: 0 nothing essential is missing, 1 something is, 2 a flag or setting is wrong.
    """
    config = settings_of(lambda: load(flags, file=file))
    from fireside.cli.checks import findings
    from fireside.cli.finding import Level

    def say(text: str) -> None:
        click.echo(click.style(f"  {text}", dim=True), err=True)

    found: list[Finding] = []
    for finding in findings(config, say):
        found.append(finding)
        if not as_json:
            _print(finding)
    missing = [finding for finding in found if finding.level is Level.MISSING]
    if as_json:
        _print_json(config, found)
    else:
        _print_end(config, len(missing))
    sys.exit(1 if missing else 0)


def _print(finding: Finding) -> None:
    mark, colour = _MARKS[finding.level.value]
    click.echo(f"{click.style(mark, fg=colour)} {finding.name:<15} {finding.detail}")
    if finding.fix:
        click.echo(f"  {'':<15} {click.style(finding.fix, dim=True)}")


def _print_end(config: Config, missing: int) -> None:
    for name, source in config.sources.items():
        click.echo(click.style(f"  {name} comes from {source}", dim=True))
    if missing:
        click.echo(f"{missing} essential thing{'s are' if missing > 1 else ' is'} missing.")
    else:
        click.echo("Nothing essential is missing. Start with `fireside serve`.")


def _print_json(config: Config, found: list[Finding]) -> None:
    rows = [asdict(finding) | {"level": finding.level.value} for finding in found]
    click.echo(json.dumps({"findings": rows, "sources": dict(config.sources)}, ensure_ascii=False, indent=2))

"""Shows how a benchmark stands, on standard error: one line that is written over on a terminal, else a line a step."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fireside.cli.bench.figures import Row
    from fireside.cli.bench.measure import Moment


@dataclass(slots=True)
class Progress:
    """The line. `total` is how many seconds all steps take, so far as that is known."""

    total: float
    begun: float = 0.0
    _wide: int = 0

    def __post_init__(self) -> None:
        """Starts the clock."""
        self.begun = time.monotonic()

    def moment(self, moment: Moment) -> None:
        """Writes the line over."""
        if not sys.stderr.isatty():
            return
        left = max(moment.left, self.total - (time.monotonic() - self.begun))
        subject = moment.subject
        text = (
            f"{subject.server} by {subject.protocol}, {subject.concurrency:,} readers: "
            f"{moment.tokens_per_second:,.0f} tokens/s, {moment.answers:,} answers, {moment.errors:,} errors, "
            f"about {left:.0f} s left"
        )
        click.echo("\r" + text.ljust(self._wide), nl=False, err=True)
        self._wide = len(text)

    def row(self, row: Row) -> None:
        """A step has ended."""
        self.clear()
        click.echo(
            f"{row.server} by {row.protocol}, {row.concurrency:,} readers: {row.answers:,} answers, {row.errors:,} errors, "
            f"{row.tokens_per_second:,.0f} tokens/s, first token p99 {row.ttft.p99:.1f} ms",
            err=True,
        )

    def clear(self) -> None:
        """Takes the line away."""
        if self._wide and sys.stderr.isatty():
            click.echo("\r" + " " * self._wide + "\r", nl=False, err=True)
        self._wide = 0

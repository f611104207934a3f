"""Shows uploads on standard error: on a terminal a line for each running file and one for all, else a line a file."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from fireside.cli.upload.progress import Rate, line, size_text, time_text

if TYPE_CHECKING:
    from fireside.cli.upload.sources import Source

_DRAW_SECONDS = 0.2
_PLAIN_SECONDS = 10.0


@dataclass(slots=True)
class Running:
    """A file that is being sent."""

    source: Source
    offset: int = 0
    note: str = ""
    """Why nothing moves; empty when it does."""

    rate: Rate = field(default_factory=Rate)


class Screen:
    """What is shown."""

    def __init__(self, files: int, total: int) -> None:
        self._terminal = sys.stderr.isatty()
        self._files = files
        self._total = total
        self._settled_files = 0
        self._settled = 0
        self._moved = 0
        self._running: list[Running] = []
        self._rate = Rate()
        self._drawn = 0
        self._waiting = ""
        self._begun = time.monotonic()

    def begin(self, source: Source) -> Running:
        """A file's turn has come."""
        running = Running(source)
        self._running.append(running)
        return running

    def end(self, running: Running, outcome: str, *, failed: bool = False, sent: int = 0) -> None:
        """It is over; `outcome` says how, `sent` how many bytes went."""
        self._running.remove(running)
        self._settled_files += 1
        self._settled += running.source.size
        self._moved += sent
        self.say(f"{running.source.place}: {outcome}", failed=failed)

    def say(self, text: str, *, failed: bool = False) -> None:
        """A line that stays."""
        self._clear()
        click.echo(click.style(text, fg="red") if failed else text, err=True)
        if self._terminal:
            self._draw()

    def waiting(self, text: str) -> None:
        """What is waited for once all is sent; in a log a line only when it is another one."""
        if not self._terminal and text != self._waiting:
            click.echo(text, err=True)
        self._waiting = text

    def summary(self, there: int, failed: int) -> None:
        """The last line."""
        self._clear()
        seconds = time.monotonic() - self._begun
        sent = self._settled_files - there - failed
        parts = [f"{sent} sent ({size_text(self._moved)} in {time_text(seconds)})"]
        parts += [f"{there} there already"] if there else []
        parts += [f"{failed} failed"] if failed else []
        click.echo(", ".join(parts) + ".", err=True)

    def stopped(self) -> None:
        """Ctrl+C."""
        self._clear()
        begun = sum(1 for running in self._running if running.offset)
        half = f" {begun} half-way;" if begun else ""
        left = self._files - self._settled_files
        click.echo(
            f"Stopped: {self._settled_files} of {self._files} done,{half} {left} left. "
            "The same command goes on where it was.",
            err=True,
        )

    async def draw(self) -> None:
        """Draws again and again, until it is cancelled."""
        while True:
            if self._terminal:
                self._clear()
                self._draw()
            elif self._running:
                click.echo(self._overall(time.monotonic(), 100), err=True)
            await asyncio.sleep(_DRAW_SECONDS if self._terminal else _PLAIN_SECONDS)

    def clear(self) -> None:
        """Takes the moving lines away."""
        self._clear()

    def _draw(self) -> None:
        now, width = time.monotonic(), shutil.get_terminal_size().columns - 1
        lines = [self._line(running, now, width) for running in self._running]
        if self._waiting:
            lines.append(self._waiting[:width])
        elif self._files > 1 or not lines:
            lines.append(self._overall(now, width))
        click.echo("\n".join(lines), err=True)
        self._drawn = len(lines)

    def _line(self, running: Running, now: float, width: int) -> str:
        rate = running.rate.at(now, running.offset)
        if running.note:
            return f"{running.source.place}: {running.note}"[:width]
        return line(running.source.place, running.offset, running.source.size, rate, width)

    def _overall(self, now: float, width: int) -> str:
        done = self._settled + sum(running.offset for running in self._running)
        return line(f"{self._settled_files} of {self._files} files", done, self._total, self._rate.at(now, done), width)

    def _clear(self) -> None:
        if self._drawn:
            # Up to the first of them, and away with what is below.
            click.echo(f"\x1b[{self._drawn}A\r\x1b[J", nl=False, err=True)
            self._drawn = 0

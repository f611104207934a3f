"""How a command fails: one sentence on standard error and an exit code. Not for defects: those show their traceback."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from fireside.config import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class CommandError(click.ClickException):
    """Ends the command with a sentence that says what is wrong and what to do."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Prints it."""
        click.echo(f"fireside: {self.message}", file=file, err=file is None)


class UsageError(CommandError):
    """A flag, an argument or a setting is wrong."""

    exit_code = 2


class UnreachableError(CommandError):
    """There is no server at the address, or it went away and did not come back."""

    exit_code = 3


INTERRUPTED = 130
"""The exit code after Ctrl+C, as shells count it."""


def leave(code: int) -> NoReturn:
    """Ends the process as it is, with what was printed flushed.

    For commands that have used pyqwest: its threads may call into an interpreter that is being taken down, and then
    one exit in twenty ends in SIGABRT (curioswitch/pyqwest issue 164).
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # Whoever was reading has gone.
            stream.flush()
    os._exit(code)


def carry_out(work: Callable[[], int]) -> NoReturn:
    """Runs `work` and ends the process with the exit code that it returns, or that its failure has. As `leave`."""
    try:
        code = work()
    except CommandError as error:
        error.show()
        code = error.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = 1  # Whoever was reading has gone.
    leave(code)


def settings_of(load: Callable[[], T]) -> T:
    """What `load` returns; a setting that is wrong ends the command."""
    try:
        return load()
    except SettingError as error:
        raise UsageError(str(error)) from error

"""`fireside upload`: the command and its flags. What it does is in working.py."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from fireside.cli.failure import carry_out, settings_of
from fireside.cli.flags import ExampleCommand, config_flag, setting_flags
from fireside.config import load_client
from fireside.settings import CLIENT_SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

_EXAMPLES = """
fireside upload report.pdf --collection Reports
fireside upload ~/manuals --collection Manuals --create --wait
fireside upload notes/ papers/*.pdf --collection "Reading list" --jobs 4
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What the flags say."""

    collection: str
    create: bool
    jobs: int
    wait: bool
    patience: float


@click.command(cls=ExampleCommand, epilog=_EXAMPLES)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--collection", required=True, metavar="NAME", help="The collection that it goes to: its name, or its id."
)
@click.option("--create", is_flag=True, help="Make the collection if there is none of that name.")
@click.option(
    "--jobs", metavar="NUMBER", type=click.IntRange(1, 16), default=3, help="Files that are sent at once.  [default: 3]"
)
@click.option("--wait", is_flag=True, help="Wait until the documents have been read and can be searched.")
@click.option(
    "--patience", metavar="SECONDS", type=click.FloatRange(0), default=600.0,
    help="How long to go on trying while the server cannot be reached.  [default: 600]",
)  # fmt: skip
@setting_flags(CLIENT_SETTINGS)
@config_flag
def upload(paths: tuple[str, ...], file: Path | None, **flags: str | float | bool | None) -> None:
    """Upload files, and folders with all that is in them, to a collection of a running server.

    A folder keeps its own name and structure; with a slash at its end only what is in it is taken. Hidden files are left
    out. What the collection has already is not sent again. Sending goes on by itself where it was after a lost connection
    or a restart of the server; after Ctrl+C, or when this command was killed, the same command goes on.

    Exit codes: 0 all is there (and, with --wait, can be searched), 1 something was refused or failed, 2 a flag, path or
    setting is wrong, 3 no server, 130 stopped by Ctrl+C.
    """
    given = {item.name: value for item in CLIENT_SETTINGS if isinstance(value := flags[item.name], str)}
    config = settings_of(lambda: load_client(given, file=file))
    options = Options(
        collection=str(flags["collection"]),
        create=bool(flags["create"]),
        jobs=int(flags["jobs"] or 1),
        wait=bool(flags["wait"]),
        patience=float(flags["patience"] or 0),
    )

    def work() -> int:
        from fireside.cli.upload.working import run

        with asyncio.Runner() as runner:
            return runner.run(run(config, paths, options))

    carry_out(work)

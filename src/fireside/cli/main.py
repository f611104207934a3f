"""The `fireside` command. Its commands are one file each."""

from __future__ import annotations

import platform

import click

from fireside import __version__
from fireside.cli.admin.command import admin
from fireside.cli.bench.command import bench
from fireside.cli.chat import chat
from fireside.cli.doctor import doctor
from fireside.cli.health import health
from fireside.cli.library import collections, documents
from fireside.cli.login import login, logout
from fireside.cli.runners import runners
from fireside.cli.search import search
from fireside.cli.serve import serve
from fireside.cli.upload.command import upload
from fireside.cli.worker import worker


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="fireside")
def main() -> None:
    """Fireside: a self-hosted AI chat server.

    Start it with `fireside serve` and open the address that it prints, or talk to it with `fireside chat`.
    `fireside doctor` tells what is missing.
    """


@main.command()
def version() -> None:
    """Print the version of Fireside and of what it runs on."""
    click.echo(f"fireside {__version__} (Python {platform.python_version()}, {platform.system()} {platform.machine()})")


main.add_command(serve)
main.add_command(worker)
main.add_command(login)
main.add_command(logout)
main.add_command(chat)
main.add_command(upload)
main.add_command(search)
main.add_command(collections)
main.add_command(documents)
main.add_command(runners)
main.add_command(admin)
main.add_command(doctor)
main.add_command(health)
main.add_command(bench)

"""`fireside login` and `fireside logout`: a key for the other commands, made with the password and kept for this user."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from fireside.cli.failure import carry_out, settings_of
from fireside.cli.flags import ExampleCommand, config_flag, setting_flags
from fireside.config import load_client
from fireside.settings import CLIENT_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

_EXAMPLES = """
fireside login
fireside login --url https://chat.example.org --email ann@example.org
echo "$PASSWORD" | fireside login --email ann@example.org
"""


@click.command(cls=ExampleCommand, epilog=_EXAMPLES)
@click.option("--email", default="", metavar="ADDRESS", help="Address of the account; asked for without it.")
@setting_flags(CLIENT_SETTINGS)
@config_flag
def login(email: str, file: Path | None, **flags: str | None) -> None:
    """Sign in to a server, for the other commands.

    It asks for the address and the password (and a code, if the account has a second factor), makes an API key with
    them, and keeps the key in a file that only you can read. The password is kept nowhere. Accounts that sign in
    through a provider have none: make a key in the web app and set FIRESIDE_API_KEY.

    Exit codes: 0 signed in, 1 refused, 2 a flag or setting is wrong, 3 no server.
    """
    config = settings_of(lambda: load_client(flags, file=file))
    from fireside.cli.signing_in import sign_in

    carry_out(lambda: _run(sign_in(config, email)))


@click.command(cls=ExampleCommand, epilog="\nfireside logout\n")
@setting_flags(CLIENT_SETTINGS)
@config_flag
def logout(file: Path | None, **flags: str | None) -> None:
    """End the key that `fireside login` made, and forget it.

    Exit codes: 0 signed out, 2 a flag or setting is wrong.
    """
    config = settings_of(lambda: load_client(flags, file=file))
    from fireside.cli.signing_in import sign_out

    carry_out(lambda: _run(sign_out(config)))


def _run(work: Coroutine[None, None, None]) -> int:
    with asyncio.Runner() as runner:
        runner.run(work)
    return 0

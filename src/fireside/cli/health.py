"""`fireside health`: asks a server whether it answers, for what watches over it. Not a diagnosis: that is `fireside doctor`."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import click

from fireside.cli.failure import UnreachableError, settings_of
from fireside.cli.flags import ExampleCommand, config_flag, setting_flags
from fireside.config import load_client
from fireside.settings import CLIENT, SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from fireside.config import ClientConfig

_EXAMPLES = """
fireside health
fireside health --url https://chat.example.org
"""


@click.command(cls=ExampleCommand, epilog=_EXAMPLES)
@setting_flags(setting for setting in SETTINGS if setting.section == CLIENT)
@config_flag
@click.option(
    "--timeout", metavar="SECONDS", type=click.FloatRange(min=0.1), default=3.0, help="Longest wait. [default: 3]"
)
def health(file: Path | None, timeout: float, **flags: str | None) -> None:
    """Ask a server whether it answers. Containers and service managers call it.

    Exit codes: 0 it answers, 2 a flag or setting is wrong, 3 it does not.
    """
    config = settings_of(lambda: load_client(flags, file=file))
    try:
        # Nothing on the way: a proxy of the environment says nothing about the server.
        handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_trust(config))]
        with urllib.request.build_opener(*handlers).open(f"{config.url}/healthz", timeout=timeout) as response:
            response.read()
    except (OSError, urllib.error.URLError) as error:
        raise UnreachableError(f"The server at {config.url} does not answer: {error}.") from error
    click.echo(f"The server at {config.url} answers.")


def _trust(config: ClientConfig) -> ssl.SSLContext:
    """The system's certificates, and the one that was named or that `--tls auto` made."""
    context = ssl.create_default_context()
    own = config.tls_ca or config.data_dir / "tls" / "ca.pem"
    if config.tls_ca or own.is_file():
        context.load_verify_locations(own)
    return context

"""`fireside serve`: reads the settings, opens the port, prints the address. What serves is in server.py."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import secrets
import socket
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from fireside.cli.descriptors import allow_many_connections
from fireside.cli.failure import CommandError, settings_of
from fireside.cli.flags import ExampleCommand, config_flag, setting_flags
from fireside.cli.listen import Listening, listen
from fireside.cli.memory import keep_freed_memory
from fireside.config import Config, SettingError, load
from fireside.core.errors import FiresideError
from fireside.settings import BY_NAME, SERVER_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from fireside.app import App
    from fireside.edge.tls import TlsFiles

logger = logging.getLogger(__name__)

_EXAMPLES = """
fireside serve
fireside serve --port 9000 --data-dir ./data
fireside serve --workers 4
fireside serve --host 0.0.0.0 --tls auto
fireside serve --tls-cert chain.pem --tls-key key.pem --host chat.example.org --port 443
FIRESIDE_DATABASE_URL=postgresql://me:secret@db/fireside fireside serve
"""


@click.command(cls=ExampleCommand, epilog=_EXAMPLES)
@setting_flags(SERVER_SETTINGS)
@config_flag
@click.option(
    "--ready-fd",
    type=int,
    metavar="NUMBER",
    help="For programs: write one line of JSON with the address to this open file descriptor once calls are answered, "
    "then close it.",
)
def serve(file: Path | None, ready_fd: int | None, **flags: str | None) -> None:
    """Start the server, and print its address when it answers.

    It listens on this machine only, in plain HTTP, until it is told otherwise. SIGTERM or Ctrl+C stop it: running
    answers get a few seconds to end, and what is cut off can be continued. A second one stops it at once.

    Exit codes: 0 stopped as told, 1 it could not start or failed, 2 a flag or setting is wrong.
    """
    config = settings_of(lambda: load(flags, file=file))
    from fireside.obs import log

    log.set_up(config.log_level, config.log_format)
    for note in config.notes:
        logger.warning(note)
    allow_many_connections()
    listening = listen(config.host, config.port, asked=config.port_asked)
    listening.probe(config.grpc_keepalive_time, config.grpc_keepalive_timeout)
    code = 0
    try:
        settings_of(lambda: _refuse_others(config, listening))
        make_data_dir(config)
        tls = certificates(config)
        _warn(config, listening)
        # Whoever comes through a proxy on this machine is not on this machine.
        alone = listening.loopback and not config.trusted_proxies
        config = replace(
            config,
            allowed_hosts=(*config.allowed_hosts, *machine_names()),
            loopback_only=alone,
            set_up_token="" if config.single_user or alone else secrets.token_urlsafe(32),
        )
        if config.workers > 1:
            code = _supervise(config, listening, tls, ready_fd)
        else:
            _run(config, listening, tls, ready_fd)
    except FiresideError as error:
        raise CommandError(error.message) from error
    finally:
        listening.close()
    if code:
        sys.exit(code)


def run_until_stopped(
    serving: Callable[[Callable[[], None]], Coroutine[None, None, None]], announce: Callable[[], None]
) -> None:
    """Runs `serving(ready)` in the fastest loop there is. `announce` is called once calls are answered."""
    try:
        import uvloop
    except ImportError:
        factory = None  # Not made for this platform; the standard loop does the same, slower.
    else:
        factory = uvloop.new_event_loop
    keep_freed_memory()

    def ready() -> None:
        gc.freeze()
        gc.enable()
        announce()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serving(ready))


def tell_program(ready_fd: int | None, listening: Listening, url: str) -> None:
    """Writes the address for the program that started this one, if one did."""
    if ready_fd is not None:
        with os.fdopen(ready_fd, "w") as pipe:
            pipe.write(json.dumps({"url": url, "port": listening.port, "pid": os.getpid()}) + "\n")


def _run(config: Config, listening: Listening, tls: TlsFiles | None, ready_fd: int | None) -> None:
    # Nothing that is imported ever becomes garbage: looking for it costs an eighth of the start, and later each
    # collection time that a token waits.
    gc.disable()
    from fireside.app import open_app
    from fireside.cli import server

    needs_set_up = False

    async def opening(config: Config) -> App:
        nonlocal needs_set_up
        app = await open_app(config)
        needs_set_up = await app.needs_set_up()
        return app

    run_until_stopped(
        lambda ready: server.run(config, listening, tls, ready, opening),
        lambda: _announce(config, listening, tls, ready_fd, needs_set_up=needs_set_up),
    )


def _supervise(config: Config, listening: Listening, tls: TlsFiles | None, ready_fd: int | None) -> int:
    from fireside.cli.supervisor import supervise

    def announce(*, needs_set_up: bool) -> None:
        _announce(config, listening, tls, ready_fd, needs_set_up=needs_set_up)

    return supervise(config, listening, tls, announce)


def make_data_dir(config: Config) -> None:
    """Makes the data directory, for this user alone."""
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        message = (
            f"The data directory {config.data_dir} cannot be made: {error.strerror}. Choose another with --data-dir."
        )
        raise CommandError(message) from error


def certificates(config: Config) -> TlsFiles | None:
    """The certificate to serve with, made when it is wanted and missing; None without TLS."""
    if not config.tls_on:
        return None
    from fireside.edge import tls

    if config.tls_cert and config.tls_key:
        return tls.check_given(config.tls_cert, config.tls_key)
    hosts = [name for name in (config.host, *config.allowed_hosts, *machine_names()) if name != "*"]
    return tls.ensure_local(config.data_dir / "tls", hosts)


def machine_names() -> list[str]:
    """Names under which other machines of the network know this one."""
    name = socket.gethostname()
    return [name] if "." in name or not name else [name, f"{name}.local"]


def _warn(config: Config, listening: Listening) -> None:
    """Says what it means that others can reach the server."""
    if listening.loopback:
        return
    if not config.tls_on:
        click.echo(
            "Warning: this server can be reached from other machines without TLS. Whoever is on the network in between "
            "can read and change everything that is sent, and browsers use neither HTTP/2 nor a secure page. "
            "Use --tls auto, or --tls-cert and --tls-key.",
            err=True,
        )


def _refuse_others(config: Config, listening: Listening) -> None:
    """Raises SettingError when others could reach a server that takes everybody for the one account."""
    if config.single_user and not listening.loopback:
        source = config.sources.get("single_user", "default")
        raise SettingError(
            "single_user",
            "true",
            f"an address of this machine alone, such as 127.0.0.1, as host (not {config.host})",
            source,
        )


def _announce(
    config: Config, listening: Listening, tls: TlsFiles | None, ready_fd: int | None, *, needs_set_up: bool
) -> None:
    url = listening.url("https" if tls else "http")
    if not config.port_asked and listening.port != BY_NAME["port"].default:
        click.echo(f"Port {BY_NAME['port'].default} is taken, so this is port {listening.port}.", err=True)
    if tls and tls.authority:
        click.echo(
            f"Browsers trust the certificate once they trust the authority in {tls.authority}: import that file, or on "
            "Debian copy it to /usr/local/share/ca-certificates/fireside.crt and run update-ca-certificates. "
            f"For the terminal: fireside chat --url {url} --tls-ca {tls.authority}",
            err=True,
        )
    more = ", and at every other address of this machine" if listening.everywhere else ""
    click.echo(f"Fireside is ready at {url}{more} (Ctrl+C stops it)")
    if needs_set_up and config.loopback_only:
        click.echo("Nobody has an account yet: whoever opens this address first makes the admin's.")
    elif needs_set_up:
        link = f"{config.public_url or url}/setup#{config.set_up_token}"
        click.echo(f"Nobody has an account yet. Make the admin's with this link, which holds until then: {link}")
    tell_program(ready_fd, listening, url)

"""`fireside worker`: serves the models of this machine to Fireside servers on others. Keeps no conversations.

It is the server's own stack (server.py) with another application on it: edge/worker.py over one runner.
"""

from __future__ import annotations

import gc
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from fireside.cli.failure import CommandError, settings_of
from fireside.cli.flags import ExampleCommand, config_flag, setting_flags
from fireside.cli.listen import Listening, listen
from fireside.cli.serve import certificates, make_data_dir, run_until_stopped, tell_program
from fireside.config import Config, load
from fireside.core.errors import FiresideError
from fireside.settings import WORKER_SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from fireside.edge.tls import TlsFiles
    from fireside.edge.worker import WorkerEdge
    from fireside.runners.managed.runner import ManagedRunner

logger = logging.getLogger(__name__)

_PORT = 8090
_FLAGS = tuple(
    replace(setting, default_text=f"{_PORT}, or the next free one") if setting.name == "port" else setting
    for setting in WORKER_SETTINGS
)
_EXAMPLES = """
fireside worker
FIRESIDE_WORKER_TOKEN=secret fireside worker --host 0.0.0.0 --tls auto
fireside worker --scripted --port 9090
"""


@click.command(cls=ExampleCommand, epilog=_EXAMPLES)
@setting_flags(_FLAGS)
@config_flag
@click.option(
    "--scripted",
    is_flag=True,
    help="Serve the scripted models, which play back fixed answers, for tests and benchmarks. So it is too with "
    "--local-model false.",
)
@click.option(
    "--each-delta", is_flag=True, hidden=True, help="For measurements: send every delta in a message of its own."
)
@click.option(
    "--ready-fd",
    type=int,
    metavar="NUMBER",
    help="For programs: write one line of JSON with the address to this open file descriptor once calls are answered, "
    "then close it.",
)
def worker(file: Path | None, ready_fd: int | None, *, scripted: bool, each_delta: bool, **flags: str | None) -> None:
    """Serve this machine's model to Fireside servers on other machines, by gRPC.

    Set it up there as a runner of the kind `worker`, with the address that this prints, and with the token as its
    secret. It listens on this machine only until it is told otherwise. SIGTERM or Ctrl+C stop it: running answers get a
    few seconds to end. A second one stops it at once.

    Exit codes: 0 stopped as told, 1 it could not start or failed, 2 a flag or setting is wrong.
    """
    config = settings_of(lambda: load(flags, file=file))
    from fireside.obs import log

    log.set_up(config.log_level, config.log_format)
    for note in config.notes:
        logger.warning(note)
    # A server's connection stays warm for as long as the server lives; who is gone is found by probes.
    config = replace(config, local_model=config.local_model and not scripted, keep_alive=0.0)
    listening = listen(config.host, config.port if config.port_asked else _PORT, asked=config.port_asked)
    listening.probe(config.grpc_keepalive_time, config.grpc_keepalive_timeout)
    try:
        make_data_dir(config)
        tls = certificates(config)
        _warn(config, listening)
        _run(config, listening, tls, _Extras(ready_fd, coalesce=not each_delta))
    except FiresideError as error:
        raise CommandError(error.message) from error
    finally:
        listening.close()


class _Extras:
    """What the command line says that is no setting."""

    def __init__(self, ready_fd: int | None, *, coalesce: bool) -> None:
        self.ready_fd = ready_fd
        self.coalesce = coalesce


class WorkerApp:
    """An open worker: what server.py runs."""

    def __init__(self, runner: ManagedRunner, edge: WorkerEdge) -> None:
        self._runner = runner
        self._edge = edge

    @property
    def asgi(self) -> WorkerEdge:
        """The application."""
        return self._edge

    async def drain(self, grace: float) -> None:
        """Takes no new requests and lets answers end for `grace` seconds."""
        await self._edge.drain(grace)

    async def aclose(self) -> None:
        """Frees the model."""
        await self._runner.aclose()


async def open_worker(config: Config, *, coalesce: bool = True) -> WorkerApp:
    """The model of this machine, or the scripted ones, behind a worker's edge."""
    from fireside.app import local_runner, scripted_runner
    from fireside.edge.worker import WorkerEdge, WorkerOptions

    runner = local_runner(config) if config.local_model else scripted_runner()
    options = WorkerOptions(token=config.worker_token, read_max_bytes=config.grpc_max_message_length, coalesce=coalesce)
    return WorkerApp(runner, WorkerEdge(runner, options, runner.admit))


def _run(config: Config, listening: Listening, tls: TlsFiles | None, extras: _Extras) -> None:
    gc.disable()  # as in serve.py
    from fireside.cli import server

    async def opening(config: Config) -> WorkerApp:
        return await open_worker(config, coalesce=extras.coalesce)

    run_until_stopped(
        lambda ready: server.run(config, listening, tls, ready, opening),
        lambda: _announce(listening, tls, extras.ready_fd),
    )


def _warn(config: Config, listening: Listening) -> None:
    """Says what it means that others can reach the worker."""
    if listening.loopback:
        return
    if not config.worker_token:
        click.echo(
            "Warning: this worker can be reached from other machines and has no token. EVERYONE who reaches it can use "
            "its model. Set FIRESIDE_WORKER_TOKEN here, and the same as the runner's secret on the server.",
            err=True,
        )
    if not config.tls_on:
        click.echo(
            "Warning: this worker can be reached from other machines without TLS. Whoever is on the network in between "
            "can read the conversations and the token. Use --tls auto, or --tls-cert and --tls-key.",
            err=True,
        )


def _announce(listening: Listening, tls: TlsFiles | None, ready_fd: int | None) -> None:
    url = listening.url("grpcs" if tls else "grpc")
    if tls and tls.authority:
        click.echo(
            f"A server trusts the certificate when it is started with SSL_CERT_FILE={tls.authority} (a copy of it).",
            err=True,
        )
    more = ", and at every other address of this machine" if listening.everywhere else ""
    click.echo(f"The worker is ready at {url}{more} (Ctrl+C stops it)")
    tell_program(ready_fd, listening, url)

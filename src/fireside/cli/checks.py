"""What `fireside doctor` looks at: one function a thing, each with the fix. Prints nothing and repairs nothing."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fireside.app import mail_options
from fireside.cli.failure import CommandError
from fireside.cli.finding import Finding, Level, existing
from fireside.cli.library_checks import library_findings
from fireside.cli.listen import listen
from fireside.cli.reach import reach
from fireside.core.errors import FiresideError
from fireside.edge import tls
from fireside.edge.web import default_folder
from fireside.gen.v1.runner_pb2 import RUNNER_HEALTH_OK
from fireside.identity.mail import Mail
from fireside.runners.llama.weight_files import KNOWN, Verdict, Weights, check, glance
from fireside.store.db import open_database
from fireside.store.urls import sqlite_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fireside.config import Config

_OLDEST_PYTHON = (3, 11)
_OLDEST_NODE = 20
_GIGABYTE = 1_000_000_000
_ROOM_TO_WORK = _GIGABYTE // 4


def findings(config: Config, say: Callable[[str], None]) -> Iterator[Finding]:
    """Looks at everything, one thing after the other. `say` is told of what takes longer."""
    yield _python()
    yield _data_dir(config)
    yield _disk(config)
    yield _database(config)
    yield _web()
    if config.local_model:
        yield _engine()
        yield _cpu()
        yield _weights(config, say)
    else:
        yield Finding("local model", Level.NOTE, "switched off by local_model", "Set local_model to true to use it.")
    yield from library_findings(config)
    yield from _runners(config, say)
    yield _port(config)
    yield _tls(config)
    if config.smtp_host:
        yield asyncio.run(_mail(config))
    yield _node()


def _python() -> Finding:
    detail = f"{platform.python_version()} in {sys.prefix}"
    if sys.version_info < _OLDEST_PYTHON:
        return Finding("python", Level.MISSING, detail, "Install Python 3.11 or newer.")
    return Finding("python", Level.OK, detail)


def _data_dir(config: Config) -> Finding:
    folder = existing(config.data_dir)
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        fix = "Make it writable for this user, or choose another with --data-dir or FIRESIDE_DATA_DIR."
        return Finding("data directory", Level.MISSING, f"{folder} cannot be written: {error.strerror}", fix)
    made = "" if folder == config.data_dir else " (made at the first start)"
    return Finding("data directory", Level.OK, f"{config.data_dir}{made}")


def _disk(config: Config) -> Finding:
    free = shutil.disk_usage(existing(config.data_dir)).free
    needed = _ROOM_TO_WORK
    if config.local_model and all(glance(weights, config.models_dir) is Verdict.MISSING for weights in KNOWN):
        needed += KNOWN[0].size + max(piece.size for piece in KNOWN[0].pieces)
    detail = f"{free / _GIGABYTE:.1f} GB free"
    if free < needed:
        return Finding("disk", Level.MISSING, detail, f"Free some: {needed / _GIGABYTE:.1f} GB are needed.")
    return Finding("disk", Level.OK, detail)


def _database(config: Config) -> Finding:
    fix = "Check database_url (FIRESIDE_DATABASE_URL)."
    try:
        path = sqlite_path(config.database_url)
        if path is not None and not path.exists():
            return Finding("database", Level.OK, f"{path} (made at the first start)")
        asyncio.run(_open_database(config.database_url))
    except FiresideError as error:
        if error.reason == "DATABASE_IN_USE":
            return Finding("database", Level.OK, f"open in a running server, process {error.metadata['process']}")
        return Finding("database", Level.MISSING, error.message, fix)
    return Finding("database", Level.OK, f"{path or 'PostgreSQL'}, reachable, its schema is the newest")


async def _open_database(url: str) -> None:
    await (await open_database(url)).close()


def _web() -> Finding:
    page = default_folder() / "index.html"
    if not page.is_file():
        fix = "Run `make web` in the project's folder. Without it the server works, but shows nothing in a browser."
        return Finding("web app", Level.MISSING, f"{page} is not there", fix)
    return Finding("web app", Level.OK, str(page.parent))


def _engine() -> Finding:
    fix = "Run `make weights`, or install the package xllamacpp; or switch the local model off (local_model = false)."
    if importlib.util.find_spec("xllamacpp") is None:
        return Finding("local engine", Level.MISSING, "xllamacpp is not installed", fix)
    # In another process, because code for another processor does not raise: it kills.
    code = "import xllamacpp; print(getattr(xllamacpp, '__version__', ''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return Finding(
            "local engine", Level.MISSING, f"xllamacpp does not load: {lines[-1] if lines else 'it dies'}", fix
        )
    return Finding("local engine", Level.OK, f"xllamacpp {done.stdout.strip()}".strip())


def _cpu() -> Finding:
    cores = os.cpu_count() or 1
    detail = f"{platform.machine()}, {cores} core{'s' if cores > 1 else ''}"
    if platform.machine() not in {"x86_64", "AMD64"}:
        return Finding("processor", Level.OK, detail)
    try:
        flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return Finding("processor", Level.OK, f"{detail}; whether it has AVX2 is not known here")
    if flags and "avx2" in flags.group(1).split():
        return Finding("processor", Level.OK, f"{detail}, AVX2")
    fix = "Use a machine with AVX2, or expect the local model to be several times slower."
    return Finding("processor", Level.NOTE, f"{detail}, no AVX2", fix)


def _weights(config: Config, say: Callable[[str], None]) -> Finding:
    verdicts: dict[Verdict, list[Weights]] = {}
    for weights in KNOWN:
        if glance(weights, config.models_dir) is Verdict.UNCHECKED:
            say(f"checking the hash of {weights.file} ({weights.size / 1_000_000:.0f} MB) …")
        verdicts.setdefault(check(weights, config.models_dir), []).append(weights)
    fix = f"Run `make weights`, or: python -m fireside.runners.llama.weights install --dir {config.models_dir}"
    if damaged := verdicts.get(Verdict.WRONG):
        return Finding("weights", Level.MISSING, f"{damaged[0].file} in {config.models_dir} is damaged", fix)
    if genuine := verdicts.get(Verdict.GENUINE):
        names = ", ".join(weights.display_name for weights in genuine)
        return Finding("weights", Level.OK, f"{names}, verified, in {config.models_dir}")
    return Finding("weights", Level.MISSING, f"none in {config.models_dir}", fix)


def _runners(config: Config, say: Callable[[str], None]) -> Iterator[Finding]:
    """Those that were set up. None is essential: a server runs, and says in its settings what is wrong with them."""
    if config.runners:
        say("looking at the runners …")
    for definition, status in reach(config):
        spec = definition.runner.spec
        name, where = f"runner {spec.name}", f"{spec.addresses[0]}, set up in {definition.where}"
        if status is None:
            yield Finding(name, Level.NOTE, f"switched off ({where})")
        elif status.health == RUNNER_HEALTH_OK and not definition.note:
            models = f"{status.model_count} model{'' if status.model_count == 1 else 's'}"
            yield Finding(name, Level.OK, f"{status.version or 'it answers'}, {models} ({where})")
        else:
            problem = f"{status.message} {definition.note}".strip()
            yield Finding(name, Level.NOTE, f"{problem} ({where})", "Start it, or correct its address or API key.")


def _port(config: Config) -> Finding:
    try:
        listening = listen(config.host, config.port, asked=config.port_asked)
    except CommandError as error:
        return Finding("port", Level.MISSING, error.message, "If that program is Fireside, it runs already.")
    listening.close()
    if config.port and listening.port != config.port:
        detail = f"{config.port} is taken, perhaps by a running Fireside; the next server takes {listening.port}"
        return Finding("port", Level.NOTE, detail)
    return Finding("port", Level.OK, f"{config.port} on {config.host} is free" if config.port else "any free one")


def _tls(config: Config) -> Finding:
    local = tls.local_files(config.data_dir / "tls")
    try:
        if config.tls_cert and config.tls_key:
            files = tls.check_given(config.tls_cert, config.tls_key)
        elif config.tls == "auto" and local.certificate.exists():
            files = tls.check_given(local.certificate, local.key)
        else:
            made = "made at the first start" if config.tls == "auto" else "off; `--tls auto` gives browsers HTTP/2"
            return Finding("tls", Level.OK, made)
    except FiresideError as error:
        # What this machine makes is made anew at the next start.
        level = Level.NOTE if config.tls == "auto" else Level.MISSING
        return Finding("tls", level, error.message, "" if config.tls == "auto" else "Give another with --tls-cert.")
    return Finding("tls", Level.OK, f"{files.certificate}, until {files.expires:%Y-%m-%d}")


async def _mail(config: Config) -> Finding:
    mail = Mail(mail_options(config))
    try:
        await mail.check()
    except FiresideError as error:
        return Finding("mail", Level.NOTE, error.message, "Check the settings that begin with smtp_.")
    finally:
        await mail.aclose()
    return Finding("mail", Level.OK, f"{config.smtp_host} takes mails from {config.smtp_from}")


def _node() -> Finding:
    node = shutil.which("node")
    fix = "Only building the web app needs it, and `make web` brings its own."
    if node is None:
        return Finding("node", Level.NOTE, "not installed", fix)
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30)
    found = re.match(r"v(\d+)\.", done.stdout)
    if found is None or int(found.group(1)) < _OLDEST_NODE:
        return Finding("node", Level.NOTE, f"{done.stdout.strip() or node} is older than {_OLDEST_NODE}", fix)
    return Finding("node", Level.OK, f"{done.stdout.strip()} ({node})")

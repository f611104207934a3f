"""The processes of a benchmark: starts the upstream and a Fireside, and reads what a process uses from /proc."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fireside.cli.failure import CommandError

if TYPE_CHECKING:
    from collections.abc import Generator

_PROC = Path("/proc")
_LISTEN = "0A"
_STOP_SECONDS = 20.0


def _ticks_per_second() -> int:
    return os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Watched:
    """A process of this machine, with its children."""

    pid: int

    def family(self) -> list[int]:
        """It and all below it."""
        found: list[int] = []
        waiting = [self.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                waiting += map(int, (_PROC / f"{pid}/task/{pid}/children").read_text().split())
        return found

    def cpu(self) -> float:
        """Seconds of CPU that they have used, all threads, in user space and in the kernel."""
        total = 0
        for pid in self.family():
            with contextlib.suppress(OSError):
                fields = (_PROC / f"{pid}/stat").read_text().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
        return total / _ticks_per_second()

    def rss(self) -> float:
        """Resident memory in MB; what they share is counted once for each."""
        total = 0
        for pid in self.family():
            with contextlib.suppress(OSError):
                total += int((_PROC / f"{pid}/statm").read_text().split()[1])
        return total * os.sysconf("SC_PAGE_SIZE") / 1_000_000


def watch(pid: int | None, host: str, port: int) -> Watched | None:
    """The process `pid`, or the one on this machine that listens on the port; None if there is none to be seen."""
    if not _PROC.is_dir():
        return None
    if pid is not None:
        if not (_PROC / str(pid)).is_dir():
            raise CommandError(f"There is no process {pid}.")
        return Watched(pid)
    if host not in {"localhost", "127.0.0.1", "::1"}:
        return None
    found = _listener(port)
    return Watched(found) if found else None


def _listener(port: int) -> int | None:
    wanted = f"{port:04X}"
    inodes: set[str] = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and fields[1].rpartition(":")[2] == wanted:
                    inodes.add(f"socket:[{fields[9]}]")
    owners: list[int] = []
    for folder in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(link.readlink()) in inodes for link in (folder / "fd").iterdir()):
                owners.append(int(folder.name))
    # Workers share their parent's socket, and the parent has them as children.
    return min(owners, default=None)


@dataclass(frozen=True, slots=True)
class Started:
    """A process that this command has started."""

    url: str
    watched: Watched


@contextlib.contextmanager
def scripted_upstream(models: list[str], port: int = 0) -> Generator[Started]:
    """The scripted upstream in a process of its own; `url` is the base URL of its API. `port` 0 takes a free one."""
    command = [sys.executable, "-m", "fireside.cli.bench.upstream", str(port), *models]
    with _child(command, stdout=subprocess.PIPE) as child:
        line = child.stdout.readline() if child.stdout else b""
        if not line.strip().isdigit():
            raise CommandError("The scripted upstream did not start; perhaps its port is taken.")
        yield Started(f"http://127.0.0.1:{int(line)}/v1", Watched(child.pid))


@contextlib.contextmanager
def own_sink() -> Generator[Started]:
    """The floor of uploads in a process of its own."""
    with _child([sys.executable, "-m", "fireside.cli.bench.sink"], stdout=subprocess.PIPE) as child:
        while line := child.stdout.readline() if child.stdout else b"":
            # h2corn says that it is there before we do.
            if line.startswith(b"port "):
                yield Started(f"http://127.0.0.1:{int(line[5:])}", Watched(child.pid))
                return
        raise CommandError("The floor's server did not start.")


@contextlib.contextmanager
def own_server(folder: Path, upstream: str, flags: list[str], *, accounts: bool = False) -> Generator[Started]:
    """A Fireside with its data in `folder` whose one runner, called `bench`, is the upstream.

    With `accounts` it wants to be signed in to, and nobody has set it up.
    """
    settings = folder / "bench.toml"
    settings.write_text(
        f"local_model = false\nsingle_user = {'false' if accounts else 'true'}\n"
        f'[[runners]]\nname = "bench"\nkind = "openai"\naddresses = [{json.dumps(upstream)}]\nconcurrency = 0\n'
    )
    read_end, write_end = os.pipe()
    command = [
        sys.executable, "-c", "from fireside.cli.main import main; main()", "serve", "--config", str(settings),
        "--port", "0", "--data-dir", str(folder / "data"), "--ready-fd", str(write_end), *flags,
    ]  # fmt: skip
    log = (folder / "server.log").open("wb")
    with log, _child(command, stdout=log, keep=write_end) as child:
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            line = pipe.readline()
        if not line:
            text = (folder / "server.log").read_text(errors="replace").strip()
            raise CommandError(f"The server did not start: {text.splitlines()[-1] if text else 'it said nothing'}")
        yield Started(json.loads(line)["url"], Watched(child.pid))


@contextlib.contextmanager
def _child(command: list[str], stdout: int | object, keep: int | None = None) -> Generator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        command,
        stdout=stdout,  # pyright: ignore[reportArgumentType, reportCallIssue]
        stderr=subprocess.STDOUT if keep is not None else None,
        pass_fds=() if keep is None else (keep,),
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout:
            child.stdout.close()

"""`fireside serve` as a process of its own, on a port of its own. For what only a process shows: signals, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FIRESIDE = str(Path(sys.executable).parent / "fireside")
_SECONDS = 30.0


def environment(folder: Path) -> dict[str, str]:
    """The environment of a machine where nothing is set up, with `folder` as home."""
    ours = ("FIRESIDE_", "XDG_", "GRPC_", "OLLAMA_", "OPENAI_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"HOME": str(folder), "NO_COLOR": "1"}


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A server that has said that it is ready."""

    url: str
    port: int
    process: subprocess.Popen[str]

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Sends a signal and returns the exit code and what was printed and logged."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str, str]:
        """Waits for the end."""
        out, err = self.process.communicate(timeout=_SECONDS)
        return self.process.returncode, out, err


@contextmanager
def server_process(folder: Path, *flags: str) -> Iterator[ServerProcess]:
    """A server with its data in `folder`/data. It is killed at the end if it still runs."""
    read_end, write_end = os.pipe()
    command = [FIRESIDE, "serve", "--data-dir", str(folder / "data"), "--local-model", "false"]
    if "--embedding-model" not in flags:
        command += ["--embedding-model", "off"]
    if "--single-user" not in flags:
        command.append("--single-user")
    if "--port" not in flags:
        command += ["--port", "0"]
    process = subprocess.Popen(
        [*command, "--ready-fd", str(write_end), *flags],
        pass_fds=[write_end], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment(folder),
    )  # fmt: skip
    os.close(write_end)
    try:
        with os.fdopen(read_end) as pipe:
            line = pipe.readline()
        if not line:
            raise RuntimeError(f"the server did not start: {process.communicate(timeout=_SECONDS)}")
        ready = json.loads(line)
        yield ServerProcess(ready["url"], ready["port"], process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def fireside(folder: Path, *arguments: str, text: str = "") -> tuple[int, str, str]:
    """Runs the command to its end: exit code, standard output, standard error."""
    done = subprocess.run(
        [FIRESIDE, *arguments], input=text, capture_output=True, text=True, check=False, cwd=folder,
        env=environment(folder), timeout=_SECONDS,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr

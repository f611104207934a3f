"""`fireside worker` as a process of its own, on a port of its own, with the scripted models."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.server_process import FIRESIDE, environment

_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A worker that has said that it is ready."""

    address: str
    port: int
    process: subprocess.Popen[str]

    def kill(self) -> None:
        """Ends it as a power cut would, and waits until it is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(_SECONDS)

    def end(self) -> tuple[int, str, str]:
        """Asks it to stop; the exit code, what was printed, and what was logged."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=_SECONDS)
        return self.process.returncode, out, err


@contextmanager
def worker_process(folder: Path, *flags: str, token: str = "") -> Iterator[WorkerProcess]:
    """A worker with its data in `folder`/data. It is killed at the end if it still runs."""
    read_end, write_end = os.pipe()
    command = [FIRESIDE, "worker", "--data-dir", str(folder / "data"), "--ready-fd", str(write_end)]
    if "--port" not in flags:
        command += ["--port", "0"]
    if "--local-model" not in flags:
        command += ["--scripted"]
    process = subprocess.Popen(
        [*command, *flags], pass_fds=[write_end], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=folder, env=environment(folder) | ({"FIRESIDE_WORKER_TOKEN": token} if token else {}),
    )  # fmt: skip
    os.close(write_end)
    try:
        with os.fdopen(read_end) as pipe:
            line = pipe.readline()
        if not line:
            raise RuntimeError(f"the worker did not start: {process.communicate(timeout=_SECONDS)}")
        ready = json.loads(line)
        yield WorkerProcess(ready["url"], ready["port"], process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()

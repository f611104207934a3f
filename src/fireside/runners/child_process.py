"""One run of a model's child process: started once, ready or not, ended once. Not what is said to it: the backends' process.py.

A thread owns the process from birth to death. The event loop never waits for a fork or an exit, and Linux, which ties
"die with the parent" to the thread that forked, sees that thread live as long as the process.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import TypeAlias

    Talk: TypeAlias = Callable[[IO[bytes], IO[bytes]], str]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Command:
    """What is started: a Python script with its arguments. `name` is for its threads."""

    name: str
    script: Path
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    """What it has besides the server's own."""

    log_lines: int
    """How many of the last lines that it wrote to standard error are kept."""


class StartError(Exception):
    """The child did not get ready. The message is the child's own if it has one, with the end of its log."""


class ChildProcess(Generic[_T]):
    """A child process. `ready` is what it says of itself when it is, or raises StartError; `ended` is set when it is gone."""

    def __init__(self, command: Command, talk: Talk) -> None:
        """Starts it. Call on the event loop's thread; returns at once.

        `talk` is given its standard input and output, in the owning thread, and returns when there is nothing more to
        read: why it did not get ready, if it said so.
        """
        self._loop = asyncio.get_running_loop()
        self._command = command
        self._talk = talk
        self._log: deque[str] = deque(maxlen=command.log_lines)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = False
        self.ready: asyncio.Future[_T] = self._loop.create_future()
        self.ended = asyncio.Event()
        threading.Thread(target=self._own, name=f"{command.name}-process", daemon=True).start()

    @property
    def pid(self) -> int:
        """The child's process id; 0 before it has one."""
        return self._process.pid if self._process else 0

    def kill(self) -> None:
        """Ends it at once. It has nothing to save."""
        with self._lock:
            self._unwanted = True
            if self._process is not None:
                with suppress(ProcessLookupError):
                    self._process.kill()

    def log_tail(self) -> str:
        """The last lines that it wrote to standard error, as one paragraph."""
        return " / ".join(list(self._log))

    def _tell(self, callback: Callable[..., None], *values: object) -> None:
        """Has the event loop call it."""
        # RuntimeError: the loop has been closed, and with it everybody who could want to know.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *values)

    def _on_ready(self, told: _T) -> None:
        if not self.ready.done():
            self.ready.set_result(told)

    def _own(self) -> None:
        problem = "it could not be started"
        try:
            with self._lock:
                process = None if self._unwanted else self._spawn()
                self._process = process
            if process is not None:
                problem = self._live(process)
        except OSError as error:
            problem = f"it could not be started ({error})"
        finally:
            self._tell(self._on_end, problem)

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            # -P: the folder of the script holds modules that are not meant to be found by their bare names.
            [sys.executable, "-P", str(self._command.script), *self._command.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # The engine's threads wait by sleeping: by spinning they would take the cores from the server.
            env={**os.environ, "OMP_WAIT_POLICY": "passive", **self._command.environment},
            # Ctrl-C in the terminal is for the server, which lets what runs end first.
            start_new_session=True,
        )

    def _live(self, process: subprocess.Popen[bytes]) -> str:
        """The life of the child, in the owning thread. Returns what to say if it never got ready."""
        if process.stdin is None or process.stdout is None or process.stderr is None:
            return "it has no pipes"
        name = f"{self._command.name}-log"
        drain = threading.Thread(target=self._drain, args=(process.stderr,), name=name, daemon=True)
        drain.start()
        problem = self._talk(process.stdin, process.stdout)
        code = process.wait()
        drain.join(timeout=5)
        for pipe in (process.stdin, process.stdout, process.stderr):
            with suppress(OSError):
                pipe.close()
        return problem or (f"it was ended by signal {-code}" if code < 0 else f"it ended with status {code}")

    def _drain(self, pipe: IO[bytes]) -> None:
        with suppress(ValueError, OSError):
            for line in pipe:
                self._log.append(line.decode(errors="replace").rstrip())

    def _on_end(self, problem: str) -> None:
        if not self.ready.done():
            log = self.log_tail()
            self.ready.set_exception(StartError(f"{problem}; its log ends with: {log}" if log else problem))
            # Whoever waits gets it; when nobody does, that is no news for the log of the event loop.
            self.ready.exception()
        self.ended.set()

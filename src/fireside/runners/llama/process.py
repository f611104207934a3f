"""One run of the model's child process: started once, ready or not, ended once. Not its supervisor: engine.py.

A thread owns the process from birth to death. The event loop never waits for a fork or an exit, and Linux, which ties
"die with the parent" to the thread that forked, sees that thread live as long as the process.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

import msgspec

from fireside.runners.llama.child import Opening

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

_CHILD = Path(__file__).with_name("child.py")
_LOG_LINES = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run the model. `slot_context` is in tokens, for each of `slots`."""

    model: str
    slots: int
    slot_context: int
    batch_tokens: int
    threads: int
    batch_threads: int
    cache_ram_mib: int


class _Answer(msgspec.Struct):
    url: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a ready child listens, and the key that it asks for."""

    url: str
    key: str


class StartError(Exception):
    """The child did not get ready. The message is the child's own, with the end of its log."""


class LlamaProcess:
    """A child process. `ready` gives its address or raises StartError; `ended` is set when it is gone."""

    def __init__(self, settings: Settings) -> None:
        """Starts it. Call on the event loop's thread; returns at once."""
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self.key = secrets.token_urlsafe(24)
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = False
        self.ready: asyncio.Future[Address] = self._loop.create_future()
        self.ended = asyncio.Event()
        threading.Thread(target=self._own, name="llama-process", daemon=True).start()

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
        return " / ".join(list(self._log)[-8:])

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
            [sys.executable, "-P", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # The engine's threads wait by sleeping: by spinning they would take the cores from the server.
            env={**os.environ, "OMP_WAIT_POLICY": "passive"},
            # Ctrl-C in the terminal is for the server, which lets answers end first.
            start_new_session=True,
        )

    def _live(self, process: subprocess.Popen[bytes]) -> str:
        """The life of the child, in the owning thread. Returns what to say if it never got ready."""
        if process.stdin is None or process.stdout is None or process.stderr is None:
            return "it has no pipes"
        drain = threading.Thread(target=self._drain, args=(process.stderr,), name="llama-log", daemon=True)
        drain.start()
        opening = Opening(**asdict(self._settings), key=self.key, parent=os.getpid())
        problem = ""
        with suppress(OSError, msgspec.MsgspecError):
            process.stdin.write(msgspec.json.encode(opening) + b"\n")
            process.stdin.flush()
            answer = msgspec.json.decode(process.stdout.readline(), type=_Answer)
            problem = answer.error
            if answer.url:
                self._tell(self._on_ready, Address(answer.url, self.key))
        code = process.wait()
        drain.join(timeout=5)
        process.stdin.close()
        process.stdout.close()
        process.stderr.close()
        return problem or (f"it was ended by signal {-code}" if code < 0 else f"it ended with status {code}")

    def _drain(self, pipe: IO[bytes]) -> None:
        with suppress(ValueError, OSError):
            for line in pipe:
                self._log.append(line.decode(errors="replace").rstrip())

    def _tell(self, callback: Callable[[_T], None], value: _T) -> None:
        # RuntimeError: the loop has been closed, and with it everybody who could want to know.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, value)

    def _on_ready(self, address: Address) -> None:
        if not self.ready.done():
            self.ready.set_result(address)

    def _on_end(self, problem: str) -> None:
        if not self.ready.done():
            log = self.log_tail()
            self.ready.set_exception(StartError(f"{problem}; its log ends with: {log}" if log else problem))
            # Whoever waits gets it; when nobody does, that is no news for the log of the event loop.
            self.ready.exception()
        self.ended.set()

"""One run of the embedding model's child process: started once, ready or not, ended once. Not its supervisor: engine.py.

A thread owns the process from birth to death and reads what it says, another one writes to it: the event loop waits for
neither, and Linux, which ties "die with the parent" to the thread that forked, sees that thread live as long as the process.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING

from fireside.runners.e5 import frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.runners.e5.frames import Asked

_CHILD = Path(__file__).with_name("child.py")
_LOG_LINES = 50


class StartError(Exception):
    """The child did not get ready. The message is the end of its log."""


class E5Process:
    """A child process. `ready` is done when it answers or raises StartError; `ended` is set when it is gone."""

    def __init__(self, threads: int, answered: Callable[[int, bytes], None]) -> None:
        """Starts it. Call on the event loop's thread, on which `answered` is called for each answer; returns at once."""
        self._loop = asyncio.get_running_loop()
        self._threads = threads
        self._answered = answered
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = False
        self._asked: SimpleQueue[bytes | None] = SimpleQueue()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.ended = asyncio.Event()
        threading.Thread(target=self._own, name="e5-process", daemon=True).start()

    @property
    def pid(self) -> int:
        """The child's process id; 0 before it has one."""
        return self._process.pid if self._process else 0

    def ask(self, one: Asked) -> None:
        """Sends a text."""
        self._asked.put(frames.asked(one))

    def kill(self) -> None:
        """Ends it at once. It has nothing to save."""
        with self._lock:
            self._unwanted = True
            if self._process is not None:
                with suppress(ProcessLookupError):
                    self._process.kill()

    def log_tail(self) -> str:
        """The last lines that it wrote to standard error, as one paragraph."""
        return " / ".join(list(self._log)[-4:])

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
            self._asked.put(None)
            self._tell(self._on_end, problem)

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            # -P: the folder of the script holds modules that are not meant to be found by their bare names.
            [sys.executable, "-P", str(_CHILD), str(os.getpid()), str(self._threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # The engine's threads wait by sleeping: by spinning they would take the cores from the server.
            env={**os.environ, "OMP_WAIT_POLICY": "passive", "OPENBLAS_NUM_THREADS": "1"},
            # Ctrl-C in the terminal is for the server, which lets what runs end first.
            start_new_session=True,
        )

    def _live(self, process: subprocess.Popen[bytes]) -> str:
        """The life of the child, in the owning thread. Returns how it ended."""
        if process.stdin is None or process.stdout is None or process.stderr is None:
            return "it has no pipes"
        drain = threading.Thread(target=self._drain, args=(process.stderr,), name="e5-log", daemon=True)
        writing = threading.Thread(target=self._write, args=(process.stdin,), name="e5-write", daemon=True)
        drain.start()
        writing.start()
        while len(head := process.stdout.read(frames.HEAD_BYTES)) == frames.HEAD_BYTES:
            length, number = frames.head(head)
            raw = process.stdout.read(length)
            if len(raw) == length:
                self._tell(self._on_answer, number, raw)
        code = process.wait()
        self._asked.put(None)
        writing.join(timeout=1)
        drain.join(timeout=1)
        for pipe in (process.stdin, process.stdout, process.stderr):
            with suppress(OSError):
                pipe.close()
        return f"it was ended by signal {-code}" if code < 0 else f"it ended with status {code}"

    def _write(self, pipe: IO[bytes]) -> None:
        with suppress(ValueError, OSError):
            while (frame := self._asked.get()) is not None:
                pipe.write(frame)
                pipe.flush()

    def _drain(self, pipe: IO[bytes]) -> None:
        with suppress(ValueError, OSError):
            for line in pipe:
                self._log.append(line.decode(errors="replace").rstrip())

    def _tell(self, callback: Callable[..., None], *values: object) -> None:
        # RuntimeError: the loop has been closed, and with it everybody who could want to know.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *values)

    def _on_answer(self, number: int, raw: bytes) -> None:
        if number:
            self._answered(number, raw)
        elif not self.ready.done():
            self.ready.set_result(None)

    def _on_end(self, problem: str) -> None:
        if not self.ready.done():
            log = self.log_tail()
            self.ready.set_exception(StartError(f"{problem}; its log ends with: {log}" if log else problem))
            # Whoever waits gets it; when nobody does, that is no news for the log of the event loop.
            self.ready.exception()
        self.ended.set()

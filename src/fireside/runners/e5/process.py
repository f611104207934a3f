"""What is said to one run of the embedding model's child process, and what it answers. Not its supervisor: engine.py.

One thread reads what it says, another one writes to it: the event loop waits for neither.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING

from fireside.runners.child_process import ChildProcess, Command
from fireside.runners.e5 import frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.runners.e5.frames import Asked

_CHILD = Path(__file__).with_name("child.py")
_LOG_LINES = 4


class E5Process(ChildProcess[None]):
    """A child process. `ready` is done when it answers or raises StartError; `ended` is set when it is gone."""

    def __init__(self, threads: int, answered: Callable[[int, bytes], None]) -> None:
        """Starts it. Call on the event loop's thread, on which `answered` is called for each answer; returns at once."""
        self._answered = answered
        self._asked: SimpleQueue[bytes | None] = SimpleQueue()
        arguments = (str(os.getpid()), str(threads))
        command = Command("e5", _CHILD, arguments, {"OPENBLAS_NUM_THREADS": "1"}, _LOG_LINES)
        super().__init__(command, self._converse)

    def ask(self, one: Asked) -> None:
        """Sends a text."""
        self._asked.put(frames.asked(one))

    def _converse(self, stdin: IO[bytes], stdout: IO[bytes]) -> str:
        writing = threading.Thread(target=self._write, args=(stdin,), name="e5-write", daemon=True)
        writing.start()
        while len(head := stdout.read(frames.HEAD_BYTES)) == frames.HEAD_BYTES:
            length, number = frames.head(head)
            raw = stdout.read(length)
            if len(raw) == length:
                self._tell(self._on_answer, number, raw)
        self._asked.put(None)
        writing.join(timeout=1)
        return ""

    def _write(self, pipe: IO[bytes]) -> None:
        with suppress(ValueError, OSError):
            while (frame := self._asked.get()) is not None:
                pipe.write(frame)
                pipe.flush()

    def _on_answer(self, number: int, raw: bytes) -> None:
        if number:
            self._answered(number, raw)
        else:
            self._on_ready(None)

"""What is said to one run of the model's child process, and what it answers: where it listens. Not its supervisor: engine.py."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import msgspec

from fireside.runners.child_process import ChildProcess, Command
from fireside.runners.llama.child import Opening

_CHILD = Path(__file__).with_name("child.py")
_LOG_LINES = 8


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


class LlamaProcess(ChildProcess[Address]):
    """A child process. `ready` gives its address or raises StartError; `ended` is set when it is gone."""

    def __init__(self, settings: Settings) -> None:
        """Starts it. Call on the event loop's thread; returns at once."""
        self._settings = settings
        self.key = secrets.token_urlsafe(24)
        super().__init__(Command("llama", _CHILD, (), {}, _LOG_LINES), self._converse)

    def _converse(self, stdin: IO[bytes], stdout: IO[bytes]) -> str:
        opening = Opening(**asdict(self._settings), key=self.key, parent=os.getpid())
        with suppress(OSError, msgspec.MsgspecError):
            stdin.write(msgspec.json.encode(opening) + b"\n")
            stdin.flush()
            answer = msgspec.json.decode(stdout.readline(), type=_Answer)
            if answer.url:
                self._tell(self._on_ready, Address(answer.url, self.key))
            return answer.error
        return ""

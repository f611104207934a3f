"""How far Ollama has got with pulling a model: lines of JSON to progress. Does no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from fireside.core.errors import NotFoundError, UnavailableError
from fireside.runners.refusals import died, garbage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fireside.core.errors import FiresideError

_SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class PullProgress:
    """One step. `status` is Ollama's own word; `total` and `completed` are bytes of the file `digest`, 0 if unknown."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0

    @property
    def done(self) -> bool:
        """Whether the model is there now. Nothing follows."""
        return self.status == _SUCCESS


class _Line(msgspec.Struct):
    status: str = ""
    digest: str = ""
    total: int = 0
    completed: int = 0
    error: str | None = None


class PullReader:
    """Turns the bytes of a stream of JSON lines into steps: of each read, the last one of each kind."""

    def __init__(self, model: str) -> None:
        """`model` is its name in errors."""
        self.ended = False
        self._model = model
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[PullProgress]:
        """The steps of what has arrived. Sets `ended` after the last. Raises FiresideError."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        steps: dict[tuple[str, str], PullProgress] = {}
        failure: FiresideError | None = None
        for line in lines:
            if not line.strip():
                continue
            try:
                said = msgspec.json.decode(line, type=_Line)
            except msgspec.MsgspecError as error:
                raise garbage(str(error)) from error
            if said.error is not None:
                failure = self._failure(said.error)
                break
            steps[said.status, said.digest] = PullProgress(said.status, said.digest, said.total, said.completed)
        self.ended = (_SUCCESS, "") in steps
        yield from steps.values()
        if failure is not None:
            raise failure

    def finish(self) -> Iterator[PullProgress]:
        """The steps that are left at the end of the bytes. Raises FiresideError if it came too early."""
        yield from self.feed(b"\n")
        if not self.ended:
            raise died()

    def _failure(self, message: str) -> FiresideError:
        if "file does not exist" in message or "not found" in message:
            return NotFoundError(
                "MODEL_NOT_FOUND", f"There is no model named {self._model!r} to pull: {message}", model=self._model
            )
        return UnavailableError("RUNNER_FAILED", f"Pulling {self._model!r} failed: {message}")

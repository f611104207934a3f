"""When a job that failed is tried again, and whether. Pure: errors and counts in, decisions out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fireside.core.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    FiresideError,
    InvalidArgumentError,
    NotFoundError,
    OutOfRangeError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
)
from fireside.gen.v1.message_pb2 import Failure

_FOR_GOOD: Final = (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OutOfRangeError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnimplementedError,
)
"""Trying again as it is cannot help."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long jobs wait between attempts."""

    attempts: int = 8
    """After so many it is given up: with the delays below, after about half an hour."""

    first: float = 1.0
    """Seconds before the second attempt; each further one waits four times as long."""

    longest: float = 600.0

    def require_chance(self, attempts: int) -> None:
        """Raises UnavailableError (WORN_OUT) when processes have died at a job too often to let it have another one."""
        if attempts > self.attempts:
            raise UnavailableError(
                "WORN_OUT", f"The server stopped {self.attempts} times while it worked on this; try again."
            )

    def delay(self, attempts: int, error: Exception, chance: float) -> float | None:
        """Seconds until the next attempt after this many; None: never. `chance` is from 0 to 1, so that not all come back at once."""
        if isinstance(error, _FOR_GOOD) or attempts >= self.attempts:
            return None
        wait = min(self.longest, self.first * 4.0 ** (attempts - 1)) * (0.75 + chance / 2)
        asked = error.retry_after if isinstance(error, ResourceExhaustedError | UnavailableError) else 0.0
        return max(wait, asked)


def failure_of(error: Exception) -> Failure:
    """What the owner is told of a job that was given up."""
    if isinstance(error, FiresideError):
        return Failure(reason=error.reason, message=error.message, retryable=not isinstance(error, _FOR_GOOD))
    return Failure(
        reason="INTERNAL",
        message="Something went wrong on the server; its log says what. Try again, or ask whoever runs it.",
        retryable=True,
    )

"""The one hierarchy of errors that a caller can be told of. Not a place for status codes: edge/errors.py maps them.

Each error carries a stable upper-case `reason` (google.rpc.ErrorInfo.reason), a sentence for a person that says what
happened and what to do, and string metadata for programs.
"""

from __future__ import annotations

from dataclasses import dataclass


class FiresideError(Exception):
    """Base of the errors that leave the server as they are. Anything else is a defect and becomes INTERNAL."""

    def __init__(self, reason: str, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = metadata


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One wrong field of a request: its path (`spec.sampling.top_p`) and what is wrong with it."""

    field: str
    description: str


class InvalidArgumentError(FiresideError):
    """The request is wrong whatever the state of the server is."""

    def __init__(
        self, reason: str, message: str, *, violations: tuple[FieldViolation, ...] = (), **metadata: str
    ) -> None:
        super().__init__(reason, message, **metadata)
        self.violations = violations


class UnauthenticatedError(FiresideError):
    """Nobody has signed in."""


class PermissionDeniedError(FiresideError):
    """Somebody has signed in who may not do this."""


class NotFoundError(FiresideError):
    """There is no such thing, or the caller may not know that there is."""


class AlreadyExistsError(FiresideError):
    """The id is taken by something else."""


class FailedPreconditionError(FiresideError):
    """The request is fine but not in the present state; repeating it alone does not help."""


class UnimplementedError(FiresideError):
    """This server, as it is installed and reached, cannot do it at all."""


class AbortedError(FiresideError):
    """The change was based on a stale etag: read again and retry."""


class OutOfRangeError(FiresideError):
    """A cursor, page token or sequence number that cannot be gone on from."""


class _RetryableError(FiresideError):
    def __init__(self, reason: str, message: str, *, retry_after: float = 1.0, **metadata: str) -> None:
        """`retry_after` is in seconds and becomes google.rpc.RetryInfo."""
        super().__init__(reason, message, **metadata)
        self.retry_after = retry_after


class ResourceExhaustedError(_RetryableError):
    """A queue or a quota is full."""


class UnavailableError(_RetryableError):
    """Something that the request needs is away for now."""


class DeadlineExceededError(FiresideError):
    """Something took longer than it was given."""

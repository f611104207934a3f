"""What a failed gRPC call to a runner means: status codes to the seam's errors. Makes no calls.

A peer of ours says more in `grpc-status-details-bin` (google.rpc.Status): its reason and sentence are passed on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from fireside.core.errors import (
    DeadlineExceededError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from fireside.core.errors import FiresideError

_DOMAIN = "fireside"
# The words of grpcio, which has no other sign of it, and of a worker.
_TOO_LARGE = re.compile(r"(?P<way>Sent|Received)? ?message (is )?larger than")
# A worker that stops says so; for whoever waits for an answer it is simply away.
_LEAVING = "SHUTTING_DOWN"
# A worker that says nothing else has ended the call because its deadline came.
_TIMEOUTS = {"": "RUNNER_TOTAL_TIMEOUT", "DEADLINE_EXCEEDED": "RUNNER_TOTAL_TIMEOUT"}


@dataclass(frozen=True, slots=True)
class CallStatus:
    """How a call ended: the code's name, the message, and the serialised google.rpc.Status, empty if there is none."""

    code: str
    message: str
    details: bytes = b""


@dataclass(frozen=True, slots=True)
class _Said:
    """What a peer of ours says of a failure."""

    reason: str = ""
    message: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
    retry_after: float = 1.0


def error_of(status: CallStatus, runner: str, address: str, *, begun: bool) -> FiresideError:
    """The error for a call to `address` of the runner. `begun`: something of the answer had come."""
    said = _said(status)
    metadata = dict(said.metadata)
    told = said.message or status.message
    match status.code:
        case "NOT_FOUND":
            return NotFoundError(
                said.reason or "MODEL_NOT_FOUND", told or f"The runner {runner} has no such model.", **metadata
            )
        case "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE":
            return InvalidArgumentError(
                said.reason or "RUNNER_REFUSED",
                said.message or f"The model refused the request: {told}",
                violations=(),
                **metadata,
            )
        case "RESOURCE_EXHAUSTED" if found := _TOO_LARGE.search(status.message):
            return _too_large(runner, received=found["way"] == "Received")
        case "RESOURCE_EXHAUSTED":
            return ResourceExhaustedError(
                said.reason or "RUNNER_RATE_LIMITED",
                said.message or f"The runner {runner} has too much to do: {told}",
                retry_after=said.retry_after,
                **metadata,
            )
        case "DEADLINE_EXCEEDED":
            return DeadlineExceededError(
                _TIMEOUTS.get(said.reason, said.reason),
                said.message or f"The runner {runner} took longer than it was given.",
                **metadata,
            )
        case "UNAUTHENTICATED" | "PERMISSION_DENIED":
            return unauthorized(runner, address)
        case "UNAVAILABLE" | "CANCELLED" if not said.reason or said.reason == _LEAVING:
            # grpcio does not tell whether the peer said this or could not be asked: who knows the peer looks at it.
            away = died(runner, address) if begun else cannot_connect(runner, address)
            away.metadata["detail"] = status.message
            return away
        case _:
            return UnavailableError(
                said.reason if status.code == "UNAVAILABLE" else "RUNNER_FAILED",
                said.message or f"The runner {runner} failed ({status.code}): {told}",
                retry_after=said.retry_after,
                **metadata,
            )


def cannot_connect(runner: str, address: str, waited: float | None = None) -> UnavailableError:
    """Nobody answers at the address; with `waited` not within so many seconds."""
    if waited is not None:
        message = f"The runner {runner} did not answer at {address} within {waited:g} s. Is the address right?"
        return UnavailableError("RUNNER_CONNECT_TIMEOUT", message, retry_after=2.0, address=address)
    message = f"The runner {runner} cannot be reached at {address}. Is it running?"
    return UnavailableError("RUNNER_UNAVAILABLE", message, retry_after=2.0, address=address)


def forbidden(runner: str, address: str, error: Exception) -> UnavailableError:
    """The address is none that a runner may have."""
    message = f"The runner {runner} ({address}) was not connected to, because its address is {error}. Use another one."
    return UnavailableError("RUNNER_UNAVAILABLE", message, retry_after=60.0, address=address)


def _too_large(runner: str, *, received: bool) -> FiresideError:
    """A message longer than this side or the other takes."""
    if received:
        message = f"The runner {runner} sent a message longer than grpc_max_message_length. Raise that setting."
        return UnavailableError("RUNNER_FAILED", message)
    message = (
        f"This conversation has more bytes than a message to the runner {runner} may have. Raise "
        "grpc_max_message_length, here and there, or start a new conversation."
    )
    return InvalidArgumentError("PROMPT_TOO_LONG", message)


def died(runner: str, address: str) -> UnavailableError:
    """The connection broke in the middle of an answer."""
    message = f"The runner {runner} at {address} went away in the middle of the answer. Try again."
    return UnavailableError("RUNNER_DIED", message, address=address)


def unauthorized(runner: str, address: str) -> UnavailableError:
    """The token is wrong or missing."""
    message = f"The runner {runner} at {address} refused the token: it is wrong or missing. Set it again."
    return UnavailableError("RUNNER_UNAUTHORIZED", message, retry_after=60.0, address=address)


def garbled(runner: str, error: Exception) -> UnavailableError:
    """The answer is not what the protocol says."""
    return UnavailableError("RUNNER_FAILED", f"The answer of the runner {runner} could not be read ({error}).")


def is_away(error: FiresideError) -> bool:
    """Whether the error says that the process behind an address is gone, rather than that it refuses or is busy."""
    return isinstance(error, UnavailableError) and error.reason in _AWAY


_AWAY = frozenset(("RUNNER_UNAVAILABLE", "RUNNER_CONNECT_TIMEOUT", "RUNNER_DIED"))


def _said(status: CallStatus) -> _Said:
    try:
        told = Status.FromString(status.details)
        packed = {item.type_url.rpartition("/")[2]: item.value for item in told.details}
        info = ErrorInfo.FromString(packed.get("google.rpc.ErrorInfo", b""))
        retry = RetryInfo.FromString(packed.get("google.rpc.RetryInfo", b""))
    except DecodeError:
        return _Said()
    if info.domain != _DOMAIN:
        return _Said()
    delay = retry.retry_delay.ToTimedelta().total_seconds()
    return _Said(info.reason, told.message, tuple(info.metadata.items()), delay or 1.0)

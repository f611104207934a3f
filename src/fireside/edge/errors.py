"""core.errors to status codes with google.rpc details: the one place that knows both. Not where errors are made.

`ErrorMapping` is an interceptor: connectrpc hands it the error that ended a call, whatever its kind, so that handlers
stay one-liners and a stream pays nothing for each event.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError, ErrorDetail
from connectrpc.interceptor import MetadataInterceptor
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from protobuf.wkt import Any as DetailAny

from fireside.core import errors
from fireside.core.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectrpc.request import RequestContext
    from google.protobuf.message import Message

logger = logging.getLogger(__name__)

DOMAIN = "fireside"

_CODES: dict[type[errors.FiresideError], Code] = {
    errors.InvalidArgumentError: Code.INVALID_ARGUMENT,
    errors.UnauthenticatedError: Code.UNAUTHENTICATED,
    errors.PermissionDeniedError: Code.PERMISSION_DENIED,
    errors.NotFoundError: Code.NOT_FOUND,
    errors.AlreadyExistsError: Code.ALREADY_EXISTS,
    errors.FailedPreconditionError: Code.FAILED_PRECONDITION,
    errors.AbortedError: Code.ABORTED,
    errors.OutOfRangeError: Code.OUT_OF_RANGE,
    errors.UnimplementedError: Code.UNIMPLEMENTED,
    errors.ResourceExhaustedError: Code.RESOURCE_EXHAUSTED,
    errors.UnavailableError: Code.UNAVAILABLE,
    errors.DeadlineExceededError: Code.DEADLINE_EXCEEDED,
}
_NUMBERS = {
    Code.CANCELED: 1, Code.UNKNOWN: 2, Code.INVALID_ARGUMENT: 3, Code.DEADLINE_EXCEEDED: 4, Code.NOT_FOUND: 5,
    Code.ALREADY_EXISTS: 6, Code.PERMISSION_DENIED: 7, Code.RESOURCE_EXHAUSTED: 8, Code.FAILED_PRECONDITION: 9,
    Code.ABORTED: 10, Code.OUT_OF_RANGE: 11, Code.UNIMPLEMENTED: 12, Code.INTERNAL: 13, Code.UNAVAILABLE: 14,
    Code.DATA_LOSS: 15, Code.UNAUTHENTICATED: 16,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Status:
    """An error as a client sees it, in no protocol's shape. `retry_after` is in seconds; 0 for none."""

    code: Code
    reason: str
    message: str
    metadata: dict[str, str]
    violations: tuple[errors.FieldViolation, ...] = ()
    retry_after: float = 0.0

    @property
    def number(self) -> int:
        """The gRPC status code."""
        return _NUMBERS[self.code]


def status_of(error: Exception) -> Status:
    """The status of an error. One that is not meant for a client is logged and told as an incident id only."""
    if isinstance(error, errors.FiresideError):
        code = next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), Code.INTERNAL)
        violations = error.violations if isinstance(error, errors.InvalidArgumentError) else ()
        retryable = isinstance(error, errors.ResourceExhaustedError | errors.UnavailableError)
        retry_after = error.retry_after if retryable else 0.0
        return Status(code, error.reason, error.message, error.metadata, violations, retry_after)
    if isinstance(error, ConnectError):
        return Status(error.code, error.code.name, error.message, {})
    incident = new_id()
    logger.error("Incident %s", incident, exc_info=error)
    message = f"Something went wrong in the server. Its log has more under the incident {incident}."
    return Status(Code.INTERNAL, "INTERNAL", message, {"incident": incident})


def connect_error(error: Exception) -> ConnectError:
    """The error as connectrpc sends it, in each of its protocols."""
    status = status_of(error)
    details: list[Message] = [ErrorInfo(reason=status.reason, domain=DOMAIN, metadata=status.metadata)]
    if status.violations:
        violations = [BadRequest.FieldViolation(field=v.field, description=v.description) for v in status.violations]
        details.append(BadRequest(field_violations=violations))
    if status.retry_after:
        delay = Duration()
        delay.FromNanoseconds(int(status.retry_after * 1e9))
        details.append(RetryInfo(retry_delay=delay))
    return ConnectError(status.code, status.message, details=_packed(details))


def invalid_request(violations: Sequence[errors.FieldViolation]) -> errors.InvalidArgumentError:
    """The error for a request that breaks the rules of the proto."""
    first = violations[0]
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    message = f"{first.field}: {first.description}{more}"
    return errors.InvalidArgumentError("INVALID_REQUEST", message, violations=tuple(violations))


def _packed(details: Sequence[Message]) -> list[ErrorDetail]:
    """Crosses as bytes, because connectrpc keeps details in another Protobuf runtime than ours."""
    return [
        ErrorDetail(DetailAny(type_url=f"type.googleapis.com/{d.DESCRIPTOR.full_name}", value=d.SerializeToString()))
        for d in details
    ]


class ErrorMapping(MetadataInterceptor[None]):
    """Replaces the error that ended a call by the one that the client gets."""

    async def on_start(self, ctx: RequestContext[Any, Any]) -> None:
        """Nothing to do before a call."""

    async def on_end(self, _token: None, _ctx: RequestContext[Any, Any], error: Exception | None, /) -> None:
        """Raises what the client gets."""
        if error is not None and not (isinstance(error, ConnectError) and error.details):
            raise connect_error(error) from error

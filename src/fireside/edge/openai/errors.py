"""Errors in the shape that OpenAI's clients raise on. Which error has which code is decided in edge/errors.py.

A generation that fails says so by a reason in its log, not by an error of a call; both come out the same here.
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from fireside.edge.errors import status_of
from fireside.edge.http_errors import BUSY, STATUSES
from fireside.edge.plain import Reply

if TYPE_CHECKING:
    from fireside.gen.v1 import message_pb2

# What a log says about its end, as the status that the same trouble has before the log begins.
_FAILURES = {
    "MODEL_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "PROMPT_TOO_LONG": HTTPStatus.BAD_REQUEST,
    "RUNNER_REFUSED": HTTPStatus.BAD_REQUEST,
    "QUEUE_FULL": HTTPStatus.TOO_MANY_REQUESTS,
    "QUEUE_TIMEOUT": HTTPStatus.TOO_MANY_REQUESTS,
    "RUNNER_RATE_LIMITED": HTTPStatus.TOO_MANY_REQUESTS,
    "RUNNER_UNAUTHORIZED": HTTPStatus.BAD_GATEWAY,
    "RUNNER_CONNECT_TIMEOUT": HTTPStatus.GATEWAY_TIMEOUT,
    "RUNNER_FIRST_TOKEN_TIMEOUT": HTTPStatus.GATEWAY_TIMEOUT,
    "RUNNER_STALLED": HTTPStatus.GATEWAY_TIMEOUT,
    "RUNNER_TOTAL_TIMEOUT": HTTPStatus.GATEWAY_TIMEOUT,
    "RUNNER_DEFECT": HTTPStatus.INTERNAL_SERVER_ERROR,
}
# The names that clients compare with; other reasons keep their own.
_CODES = {
    "MODEL_NOT_FOUND": "model_not_found",
    "PROMPT_TOO_LONG": "context_length_exceeded",
    "RUNNER_RATE_LIMITED": "rate_limit_exceeded",
    "LIMIT_REACHED": "rate_limit_exceeded",
}
_TYPES = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}
_RETRY_SECONDS = 1.0


class _Error(msgspec.Struct, frozen=True):
    message: str
    type: str
    param: str | None
    code: str | None


class _Body(msgspec.Struct, frozen=True):
    error: _Error


class Refused(msgspec.Struct, frozen=True):
    """An error on its way to a client. `retry_after` is in seconds; 0 for none."""

    status: int
    message: str
    code: str
    param: str | None = None
    retry_after: float = 0.0

    def body(self) -> bytes:
        """`{"error": {...}}`."""
        server = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        kind = "server_error" if server else _TYPES.get(HTTPStatus(self.status), "invalid_request_error")
        return msgspec.json.encode(_Body(_Error(self.message, kind, self.param, self.code)))

    def event(self) -> bytes:
        """The same as an event of a stream that has begun: clients raise on it."""
        return b"data: " + self.body() + b"\n\n"

    def reply(self) -> Reply:
        """The same as a whole answer."""
        headers: list[tuple[bytes, bytes]] = []
        if self.retry_after:
            headers.append((b"retry-after", b"%d" % math.ceil(self.retry_after)))
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers.append((b"www-authenticate", b"Bearer"))
        return Reply(self.status, self.body(), "application/json", tuple(headers))


def refused(error: Exception) -> Refused:
    """An error of a call. One that is a defect is logged and told as an incident id only."""
    status = status_of(error)
    param = status.violations[0].field if status.violations else None
    if status.reason == "MODEL_NOT_FOUND":
        param = "model"
    if status.reason == "PROMPT_TOO_LONG":
        param = "messages"
    # A reason of the list below has one status, whatever class of error it came as.
    known = _FAILURES.get(status.reason)
    code = known or STATUSES.get(status.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    return Refused(code, status.message, code_of(status.reason), param, status.retry_after if code in BUSY else 0.0)


def failed(failure: message_pb2.Failure) -> Refused:
    """The error of a generation that failed."""
    fallback = HTTPStatus.SERVICE_UNAVAILABLE if failure.retryable else HTTPStatus.INTERNAL_SERVER_ERROR
    status = _FAILURES.get(failure.reason, fallback)
    return Refused(status, failure.message, code_of(failure.reason), None, _RETRY_SECONDS if status in BUSY else 0.0)


def code_of(reason: str) -> str:
    """The `code` of an error, from its reason."""
    return _CODES.get(reason) or reason.lower()


INTERRUPTED = Refused(
    HTTPStatus.SERVICE_UNAVAILABLE, "The server is restarting and has cut the answer off: ask again in a moment.",
    "shutting_down", None, _RETRY_SECONDS,
)  # fmt: skip
TOO_LARGE_CODE = "request_too_large"


def too_large(limit: int) -> Refused:
    """The error for a body that is too long; `limit` is in bytes."""
    text = f"The request is larger than {limit // 1024} KiB, which is the most that this server takes."
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text, TOO_LARGE_CODE)


def no_such_call(method: str, path: str) -> Refused:
    """The error for a path that is not of the API."""
    text = f"There is no {method} {path} here. GET /v1/models, POST /v1/chat/completions and POST /v1/embeddings are."
    return Refused(HTTPStatus.NOT_FOUND, text, "unknown_url")


def wrong_method(method: str, allowed: str) -> Refused:
    """The error for a path that is of the API with another method."""
    return Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"Use {allowed} here, not {method}.", "method_not_allowed")

"""Errors of calls as plain HTTP: which status each code has, and the whole answer in words. Not an RPC's: see errors.py."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING

from connectrpc.code import Code

from fireside.edge.errors import status_of
from fireside.edge.plain import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUSES = {
    Code.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    Code.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
    Code.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Code.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    Code.ABORTED: HTTPStatus.CONFLICT,
    Code.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    Code.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    Code.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
}
BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
"""The statuses after which the same request may be tried again, in a while."""


def refusal(error: Exception, statuses: Mapping[str, int]) -> Reply:
    """The answer to a request that failed, as text. `statuses` has those of single reasons."""
    status = status_of(error)
    code = statuses.get(status.reason) or STATUSES.get(status.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    headers: list[tuple[bytes, bytes]] = []
    if status.retry_after and code in BUSY:
        headers.append((b"retry-after", b"%d" % math.ceil(status.retry_after)))
    if code == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    if offset := status.metadata.get("offset"):
        headers.append((b"upload-offset", offset.encode()))
    return Reply(code, f"{status.message}\n".encode(), headers=tuple(headers))

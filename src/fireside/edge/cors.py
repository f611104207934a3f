"""What pages of other sites are told that may call: CORS, for the origins that the settings name. Who may: guard.py.

Such a page calls without cookies, whatever it sends: it gets in with an API key, like a program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.edge.plain import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fireside.edge.plain import Scope

_METHODS = b"GET, HEAD, POST, PATCH, DELETE"
_SENT = (
    b"authorization, content-type, accept, connect-protocol-version, connect-timeout-ms, connect-content-encoding, "
    b"connect-accept-encoding, grpc-timeout, grpc-encoding, grpc-accept-encoding, x-grpc-web, x-user-agent, "
    b"x-request-id, openai-organization, openai-project, openai-beta, range, if-range, if-none-match, tus-resumable, "
    b"upload-length, upload-metadata, upload-offset, upload-checksum, upload-defer-length, x-http-method-override, "
    b"x-requested-with"
)
# OpenAI's client library says so much of itself, with headers that differ by version.
_SENT_PREFIXES = ("x-stainless-",)
_EXPOSED = (
    b"grpc-status, grpc-message, grpc-status-details-bin, grpc-encoding, connect-content-encoding, retry-after, "
    b"x-request-id, location, etag, accept-ranges, content-range, content-disposition, tus-resumable, tus-version, "
    b"tus-extension, tus-max-size, tus-checksum-algorithm, upload-offset, upload-length, upload-expires, upload-metadata, "
    b"upload-file-id, upload-document-id"
)
_AGE = b"7200"


def is_preflight(scope: Scope) -> bool:
    """Whether a browser asks what a page may send."""
    return scope["method"] == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )


def preflight(scope: Scope, page: bytes) -> Reply:
    """The answer to it. There is no `allow-credentials`: no cookie ever opens anything to another site."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    wanted = headers.get(b"access-control-request-headers", b"").decode("latin-1").lower()
    more = [name for item in wanted.split(",") if (name := item.strip()).startswith(_SENT_PREFIXES)]
    told = [
        (b"access-control-allow-origin", page),
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", b", ".join([_SENT, *(name.encode("latin-1") for name in more)])),
        (b"access-control-max-age", _AGE),
        (b"vary", b"origin"),
    ]
    if b"access-control-request-private-network" in headers:
        told.append((b"access-control-allow-private-network", b"true"))
    return Reply(204, b"", headers=tuple(told))


def without_cookies(scope: Scope) -> Scope:
    """The request as one that nobody has signed in for."""
    return {**scope, "headers": [item for item in scope["headers"] if item[0] != b"cookie"]}


def answer_headers(page: bytes) -> Iterable[tuple[bytes, bytes]]:
    """What lets the page read an answer."""
    return (
        (b"access-control-allow-origin", page),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"origin"),
    )

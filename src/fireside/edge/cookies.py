"""The cookie that a browser is signed in by. Scripts cannot read it, and other sites' pages cannot have it sent with what they post."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from connectrpc.request import RequestContext

    from fireside.core.principal import Origin

COOKIE: Final = "fireside"
SECURE_COOKIE: Final = "__Host-fireside"
"""Browsers take a cookie of this kind over TLS alone, and from no other host of the domain."""

_FLAGS = "Path=/; HttpOnly; SameSite=Lax"
# The longest that browsers take. When an unused session ends, the server decides.
_AGE = 400 * 24 * 60 * 60


def set_session(ctx: RequestContext[Any, Any], origin: Origin, token: str) -> None:
    """Has the browser keep a session's token."""
    ctx.response_headers["set-cookie"] = session_cookie(origin, token)


def clear_session(ctx: RequestContext[Any, Any], origin: Origin) -> None:
    """Has the browser forget the session."""
    ctx.response_headers["set-cookie"] = session_cookie(origin, "")


def session_cookie(origin: Origin, token: str) -> str:
    """The value of `set-cookie`; without a token the cookie is taken away."""
    age = _AGE if token else 0
    if origin.secure:
        return f"{SECURE_COOKIE}={token}; Max-Age={age}; {_FLAGS}; Secure"
    return f"{COOKIE}={token}; Max-Age={age}; {_FLAGS}"


def session_of(raw: str, *, secure: bool) -> str:
    """The session's token in a `cookie` header; empty for none."""
    return cookie_of(raw, SECURE_COOKIE if secure else COOKIE)


def cookie_of(raw: str, name: str) -> str:
    """The value of a cookie in a `cookie` header; empty for none.

    Split by hand: the standard library's parser takes longer than all else that finds out who calls.
    """
    wanted = name + "="
    start = 0
    while (at := raw.find(wanted, start)) >= 0:
        # Not the end of another one's name.
        if at == 0 or raw[at - 1] in "; ":
            end = raw.find(";", at)
            return raw[at + len(wanted) : end if end >= 0 else len(raw)].strip(' "')
        start = at + 1
    return ""

"""Safety of the server against web pages of others: DNS rebinding and cross-origin calls. Not sign-in.

A page of another site can make a browser call a server on loopback, or one that the browser is signed in to. If its
name was rebound to 127.0.0.1, `Host` has that name; otherwise `Origin` has another origin than `Host`, and
`Sec-Fetch-Site` says that the page is another site's where `Origin` is left out. Programs send neither.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

ANY = "*"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_OWN_SITES = frozenset((b"same-origin", b"none"))
# A link on another site may open a page here; a frame of it may not.
_DOCUMENT = frozenset((b"document", b""))


class Verdict(NamedTuple):
    """What the guard says of a request."""

    refusal: str = ""
    """Why it is refused; empty when it is not."""

    page: bytes = b""
    """The origin of another site whose page may call, without cookies; empty for all other requests."""


_FINE = Verdict()
_FOREIGN = Verdict("A page of another site may not call this server.")


class Guard:
    """Decides by the headers of a request whether a page of another site is behind it, and whether that may be."""

    def __init__(self, allowed_hosts: Iterable[str], cors_origins: Iterable[str] = ()) -> None:
        """`allowed_hosts` are names besides `localhost` and IP addresses; "*" allows every name.

        Pages of `cors_origins` may call what is for programs.
        """
        self._names = frozenset(name.lower().rstrip(".") for name in allowed_hosts)
        self._origins = frozenset(origin.lower().rstrip("/").encode("latin-1") for origin in cors_origins)

    def judge(self, method: str, headers: Iterable[tuple[bytes, bytes]], *, for_programs: bool) -> Verdict:
        """Whether the request may go on. `for_programs`: its path is an RPC's or one below /v1/, and no page."""
        hosts: list[str] = []
        origins: list[bytes] = []
        site = mode = dest = b""
        for name, value in headers:
            if name == b"host":
                hosts.append(value.decode("latin-1"))
            elif name == b"origin":
                origins.append(value)
            elif name == b"sec-fetch-site":
                site = value
            elif name == b"sec-fetch-mode":
                mode = value
            elif name == b"sec-fetch-dest":
                dest = value
        if len(hosts) != 1 or not self._allows(hosts[0]):
            return Verdict(
                f"The host name {' '.join(hosts) or '(none)'} is not one that this server answers to. "
                "If it is yours, start the server with it among the allowed hosts."
            )
        if any(not _same_origin(origin.decode("latin-1"), hosts[0]) for origin in origins):
            if for_programs and len(origins) == 1 and origins[0].lower() in self._origins:
                return Verdict(page=origins[0])
            return _FOREIGN
        if not site or site in _OWN_SITES:
            return _FINE
        # Some requests of other sites' pages have no Origin: pictures, scripts, forms that GET.
        goes_here = mode == b"navigate" and dest in _DOCUMENT and method in {"GET", "HEAD"}
        return _FINE if goes_here and not for_programs else _FOREIGN

    def _allows(self, host: str) -> bool:
        name = _split(host, 0)[0]
        if ANY in self._names or name in self._names:
            return True
        if name == "localhost" or name.endswith(".localhost"):  # a browser never asks the DNS for these
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True  # only a name can be rebound


def _split(host: str, default_port: int) -> tuple[str, int]:
    """Name and port of a `Host` header; the name is empty if it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname or "").rstrip("."), parts.port or default_port
    except ValueError:
        return "", 0


def _same_origin(origin: str, host: str) -> bool:
    # The scheme is not compared: behind a proxy that ends TLS, the server sees http where the page has https.
    scheme, _, authority = origin.partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    return port is not None and _split(authority, port) == _split(host, port)

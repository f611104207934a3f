"""Safety of a server without accounts against web pages of others: DNS rebinding and cross-origin calls. Not sign-in.

A page of another site can make a browser call a server on loopback. If its name was rebound to 127.0.0.1, `Host` has
that name; otherwise `Origin` has another origin than `Host`. Programs send no `Origin`.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

ANY = "*"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Guard:
    """Decides by the headers of a request whether a page of another site is behind it."""

    def __init__(self, allowed_hosts: Iterable[str]) -> None:
        """`allowed_hosts` are names besides `localhost` and IP addresses; "*" allows every name."""
        self._names = frozenset(name.lower().rstrip(".") for name in allowed_hosts)

    def refusal(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Why the request is refused; empty when it is not."""
        hosts: list[str] = []
        origins: list[str] = []
        for name, value in headers:
            if name == b"host":
                hosts.append(value.decode("latin-1"))
            elif name == b"origin":
                origins.append(value.decode("latin-1"))
        if len(hosts) != 1 or not self._allows(hosts[0]):
            return (
                f"The host name {' '.join(hosts) or '(none)'} is not one that this server answers to. "
                "If it is yours, start the server with it among the allowed hosts."
            )
        if any(not _same_origin(origin, hosts[0]) for origin in origins):
            return "A page of another site may not call this server."
        return ""

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

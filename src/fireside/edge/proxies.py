"""Whom a call comes from when it came through a proxy. What a proxy says is believed of the ones in the settings alone."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fireside.edge.plain import Scope

_SCHEMES = {"http", "https"}
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """The addresses and networks of the proxies in front."""

    def __init__(self, trusted: Iterable[str]) -> None:
        """ValueError: one of them is no address and no network."""
        self._networks: tuple[_Network, ...] = tuple(ipaddress.ip_network(text, strict=False) for text in trusted)

    def seen(self, scope: Scope) -> Scope:
        """The request with the address of who made it and the scheme that they used.

        Each proxy adds at the right of X-Forwarded-For whom it was called by. What is left of the first address that
        is no proxy's was sent by whoever is there, and may be made up.
        """
        if not self._networks or not self._trusts((scope.get("client") or ("",))[0]):
            return scope
        hops: list[str] = []
        scheme = ""
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                hops += value.decode("latin-1").split(",")
            elif name == b"x-forwarded-proto":
                scheme = value.decode("latin-1").rpartition(",")[2].strip().lower()
        found = dict(scope)
        if (client := self._client(hops)) is not None:
            found["client"] = (client, 0)
        if scheme in _SCHEMES:
            found["scheme"] = scheme
        return found

    def _client(self, hops: list[str]) -> str | None:
        client = None
        for hop in reversed(hops):
            address = _address(hop.strip())
            if address is None:  # not from a proxy of ours: they write addresses
                break
            client = address
            if not self._trusts(address):
                break
        return client

    def _trusts(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(ip, "ipv4_mapped", None) or ip
        return any(mapped in network for network in self._networks if network.version == mapped.version)


def _address(hop: str) -> str | None:
    """The address, without the port that some proxies add."""
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        return str(ipaddress.ip_address(hop))
    except ValueError:
        return None

"""Where runners that people add may be: what no request of the server's goes to, whatever the address is called.

A server can reach what those who use it cannot, such as the metadata service of the cloud that it runs in, which hands
out credentials. Addresses are looked at when a runner is saved, as far as they are written out, and each time one is
connected to, after the name was looked up: what was checked is what is connected to. Runners in the settings file are the
operator's own, and are not held to this.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    LookUp = Callable[[str, int], Awaitable[Sequence[str]]]

_IP = ipaddress.IPv4Address | ipaddress.IPv6Address
_CLOUD_NAMES: Final = frozenset(
    ("metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal")
)
# Metadata services that are not link-local: AWS and GCP over IPv6, Alibaba, Oracle, Azure.
_CLOUD_ADDRESSES: Final = frozenset(
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
)
_THIS_NETWORK: Final = ipaddress.ip_network("0.0.0.0/8")
_RESERVED: Final = ipaddress.ip_network("240.0.0.0/4")
_SITE_LOCAL: Final = ipaddress.ip_network("fec0::/10")
# IPv6 addresses that lead to the IPv4 address in their last 32 bits.
_LAST_BITS: Final = tuple(
    ipaddress.IPv6Network(text) for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)
_SIX_TO_FOUR: Final = ipaddress.IPv6Network("2002::/16")
_NAT64_LOCAL: Final = ipaddress.IPv6Network("64:ff9b:1::/48")


class ForbiddenAddressError(OSError):
    """No connection was made: the address is none that a runner may have. Its text ends the sentence `... is`."""


async def _look_up(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(item[4][0]) for item in found))


@dataclass(frozen=True, slots=True)
class Reach:
    """What is allowed, and how names are looked up."""

    private: bool = True
    """Whether this machine and private networks are."""

    look_up: LookUp = _look_up

    def refusal(self, host: str) -> str:
        """What is wrong with a host that was written down; empty when nothing is, or only a look-up can tell."""
        name = host.lower().rstrip(".")
        if name in _CLOUD_NAMES:
            return "the metadata service of a cloud"
        address = _literal(name)
        if address is not None:
            return self._refusal_of(address)
        if not self.private and (name == "localhost" or name.endswith(".localhost")):
            return "this machine"
        return ""

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses to connect to. Raises ForbiddenAddressError, also if only one of them is, and OSError."""
        if refusal := self.refusal(host):
            raise ForbiddenAddressError(refusal)
        found = await self.look_up(host, port)
        for text in found:
            address = _literal(text)
            if address is None or (refusal := self._refusal_of(address)):
                raise ForbiddenAddressError(refusal or "no address")
        return found

    def _refusal_of(self, address: _IP) -> str:
        for ip in (address, *_inside(address)):
            if refusal := _never(ip):
                return refusal
            # Carriers' networks (100.64.0.0/10) are neither private nor global.
            if not self.private and not ip.is_global:
                return "an address of this machine or of a private network"
        return ""


def _never(ip: _IP) -> str:
    if ip.is_link_local or ip in _CLOUD_ADDRESSES:
        return (
            "a link-local address, where clouds have their metadata"
            if ip.is_link_local
            else "the metadata service of a cloud"
        )
    if ip.is_unspecified or ip in _THIS_NETWORK:
        return "an unspecified address"
    if ip.is_multicast:
        return "an address of many machines"
    if ip in _RESERVED or ip in _SITE_LOCAL:
        return "a reserved address"
    return ""


def _inside(ip: _IP) -> tuple[_IP, ...]:
    """The IPv4 address that an IPv6 address leads to."""
    if isinstance(ip, ipaddress.IPv4Address) or ip.is_loopback or ip.is_unspecified:
        return ()
    bits = int(ip)
    if any(ip in network for network in _LAST_BITS) or ip in _NAT64_LOCAL:
        return (ipaddress.IPv4Address(bits & 0xFFFFFFFF),)
    if ip in _SIX_TO_FOUR:
        return (ipaddress.IPv4Address(bits >> 80 & 0xFFFFFFFF),)
    if ip.teredo is not None:
        return ip.teredo
    return ()


def _literal(host: str) -> _IP | None:
    """The address that is written down, in any of the ways that a look-up takes for one; None for a name."""
    text = host.strip("[]").partition("%")[0]
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        pass
    try:
        # Such as 2852039166, 0xa9.254.169.254, 0251.0376.0251.0376 and 169.16689662.
        return ipaddress.IPv4Address(socket.inet_aton(text)) if text and " " not in text else None
    except (OSError, UnicodeError):
        return None

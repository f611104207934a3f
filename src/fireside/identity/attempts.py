"""Slows down those who guess passwords, codes and links, and nobody else. In memory: each process counts for itself.

A wrong try counts for the address, for the address together with the account, and for the account. The last one is
what stops a guess from a thousand addresses; it does not hold for an address from which somebody has signed in to the
account before, so that nobody can lock another person out.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from typing import TYPE_CHECKING

from fireside.core.errors import ResourceExhaustedError
from fireside.identity.buckets import Buckets

if TYPE_CHECKING:
    from collections.abc import Callable


class Attempts:
    """The tries that failed lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._of_address = Buckets(burst=30, every=2.0, clock=clock)
        self._of_pair = Buckets(burst=6, every=20.0, clock=clock)
        self._of_account = Buckets(burst=60, every=30.0, clock=clock)

    def check(self, address: str, account: str, *, known: bool = False) -> None:
        """Raises ResourceExhaustedError (TOO_MANY_ATTEMPTS) when it is too early for another try.

        `account` is what was typed: it need not exist, and whether it does makes no difference. `known`: somebody has
        signed in to it from this address before.
        """
        network, key = _network(address), _key(account)
        waits = [self._of_address.wait(network), self._of_pair.wait(f"{network} {key}")]
        if not known:
            waits.append(self._of_account.wait(key))
        if (wait := max(waits)) > 0:
            raise ResourceExhaustedError(
                "TOO_MANY_ATTEMPTS",
                "There were too many wrong tries. Wait a little and try again.",
                retry_after=max(1.0, wait),
            )

    def begin(self, address: str, account: str, *, known: bool = False) -> None:
        """Like `check`, and counts the try as a wrong one already: many at the same moment must not all be let through.

        When it was none, `undo` says so.
        """
        self.check(address, account, known=known)
        self.failed(address, account)

    def undo(self, address: str, account: str) -> None:
        """A try that `begin` counted was not wrong."""
        network, key = _network(address), _key(account)
        self._of_address.give(network)
        self._of_pair.give(f"{network} {key}")
        self._of_account.give(key)

    def failed(self, address: str, account: str) -> None:
        """A try was wrong."""
        network, key = _network(address), _key(account)
        self._of_address.take(network)
        self._of_pair.take(f"{network} {key}")
        self._of_account.take(key)

    def succeeded(self, address: str, account: str) -> None:
        """A try was right: what this address got wrong about this account is forgiven, what it got wrong elsewhere not."""
        self._of_pair.forget(f"{_network(address)} {_key(account)}")


def _network(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one: who has one address of it has them all."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False).network_address)
    return str(ip)


def _key(account: str) -> str:
    # What is typed may be as long as a request allows; and nobody needs the addresses of others in memory.
    return hashlib.sha256(account.strip().casefold().encode()).hexdigest()[:24]

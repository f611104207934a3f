"""Picks which of a runner's addresses takes a request. Not a proxy: the answer then comes straight from that address.

A router holds no connection and does no I/O. Whoever picks holds a lease until the answer ends, and says how it went.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from types import TracebackType

_FIRST_REST = 1.0
_LONGEST_REST = 30.0
# A session leaves its address when that has this many more answers under way than the least busy one: the prompt's
# prefix that is cached there is then worth less than the wait.
_SLACK = 4


@dataclass(slots=True, eq=False)
class _Place:
    """An address and what is known of it. Times are of the router's clock, in seconds."""

    address: str
    outstanding: int = 0
    failures: int = 0
    rests_until: float = 0.0


@dataclass(slots=True, eq=False)
class Lease:
    """One request's claim on an address. A context manager: leaving it gives the claim back."""

    _place: _Place
    _now: Callable[[], float]
    _held: bool = field(default=True)

    @property
    def address(self) -> str:
        """Where to send the request."""
        return self._place.address

    def succeeded(self) -> None:
        """The address answers: it is trusted again."""
        self._place.failures = 0
        self._place.rests_until = 0.0

    def failed(self) -> None:
        """The address is away or its process died: it is avoided for a while, twice as long each time up to 30 s."""
        place = self._place
        place.rests_until = self._now() + min(_FIRST_REST * 2**place.failures, _LONGEST_REST)
        place.failures = min(place.failures + 1, 8)

    def release(self) -> None:
        """Gives the claim back. Doing it again changes nothing."""
        if self._held:
            self._held = False
            self._place.outstanding -= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


class Router(Protocol):
    """What picks. A cluster's own would be another file."""

    def pick(self, model: str, session: str, avoid: Collection[str] = ()) -> Lease:
        """An address for a request of `session` (may be empty) to `model`, none of `avoid` unless all are."""
        ...


class LocalRouter:
    """One address, whatever its state: there is nothing to choose."""

    def __init__(self, address: str, now: Callable[[], float] = time.monotonic) -> None:
        """`now` is a clock in seconds."""
        self._place = _Place(address)
        self._now = now

    def pick(self, model: str, session: str, avoid: Collection[str] = ()) -> Lease:
        """The address."""
        _ = model, session, avoid
        self._place.outstanding += 1
        return Lease(self._place, self._now)


class StaticRouter:
    """A fixed list of addresses.

    A session stays with one address (rendezvous hashing: when addresses come or go, only their own sessions move), so
    that the prompt's prefix is still cached there. Without a session, or when that address is much busier than another,
    the one with the fewest answers under way is taken. An address that failed lately is avoided while another is there.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        serves: Callable[[str, str], bool] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`serves(address, model)` says whether an address has a model, as far as one knows; by default each has all."""
        self._places = [_Place(address) for address in dict.fromkeys(addresses)]
        self._serves = serves
        self._now = now

    def pick(self, model: str, session: str, avoid: Collection[str] = ()) -> Lease:
        """An address, by the rules above. When all rest, the one that rests least longer."""
        places = [place for place in self._places if place.address not in avoid] or self._places
        if self._serves is not None:
            serves = self._serves
            places = [place for place in places if serves(place.address, model)] or places
        now = self._now()
        awake = [place for place in places if place.rests_until <= now]
        chosen = _preferred(awake, session) if awake else min(places, key=lambda place: place.rests_until)
        chosen.outstanding += 1
        return Lease(chosen, self._now)


def _preferred(places: Sequence[_Place], session: str) -> _Place:
    least = min(places, key=lambda place: place.outstanding)
    if not session:
        return least
    own = max(places, key=lambda place: _weight(place.address, session))
    return own if own.outstanding <= least.outstanding + _SLACK else least


def _weight(address: str, session: str) -> bytes:
    return hashlib.blake2b(f"{address}\0{session}".encode(), digest_size=8).digest()


def router_for(addresses: Sequence[str], serves: Callable[[str, str], bool]) -> Router:
    """The router for a list of addresses."""
    return LocalRouter(addresses[0]) if len(set(addresses)) == 1 else StaticRouter(addresses, serves)

"""Token buckets: how often something may happen. Pure but for the clock that it is given."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Buckets:
    """One bucket for each key. A bucket holds `burst` tokens and gets one every `every` seconds.

    At most `most` buckets are kept, those used last: a flood of new keys costs no memory, and who floods is slowed by
    the key of their own that they keep using.
    """

    def __init__(self, burst: float, every: float, clock: Callable[[], float], most: int = 20_000) -> None:
        self._burst = burst
        self._every = every
        self._clock = clock
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until the key's bucket has a token; 0 when it has one. Takes none."""
        tokens = self._level(key)
        return 0.0 if tokens >= 1.0 else (1.0 - tokens) * self._every

    def take(self, key: str) -> None:
        """Takes a token, down to none."""
        self._buckets[key] = (max(0.0, self._level(key) - 1.0), self._clock())
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)

    def give(self, key: str) -> None:
        """Gives back a token that was taken."""
        if key in self._buckets:
            self._buckets[key] = (min(self._burst, self._level(key) + 1.0), self._clock())

    def forget(self, key: str) -> None:
        """Fills a bucket."""
        self._buckets.pop(key, None)

    def _level(self, key: str) -> float:
        found = self._buckets.get(key)
        if found is None:
            return self._burst
        tokens, then = found
        return min(self._burst, tokens + (self._clock() - then) / self._every)

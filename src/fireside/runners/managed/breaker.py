"""Leaves a backend alone that fails again and again. Not a retry and not a health check: it only counts and waits.

Closed: all requests pass. Open: none does, for a time that doubles with each opening. Half-open: that time is over and
one request may try; its outcome closes the breaker or opens it again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_REST = 60.0
_TRIAL_PATIENCE = 1.0


class Breaker:
    """One backend's. Times are in seconds; state changes contain no await."""

    def __init__(self, threshold: int, rest: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Opens after `threshold` failures in a row (0: never), for `rest` the first time."""
        self._threshold = threshold
        self._rest = rest
        self._clock = clock
        self._failures = 0
        self._openings = 0
        self._open = False
        self._until = 0.0
        self._trying = False
        self._unreachable = False
        # Why it failed last.
        self.problem = ""

    @property
    def failures(self) -> int:
        """How many there were in a row."""
        return self._failures

    @property
    def resting(self) -> bool:
        """Whether requests are refused now, but for the one that tries."""
        return self._open and (self._trying or self._clock() < self._until)

    def wait_time(self) -> float:
        """How long until a request may pass; 0 when one may now."""
        if not self._open:
            return 0.0
        left = self._until - self._clock()
        if left > 0:
            return left
        return _TRIAL_PATIENCE if self._trying else 0.0

    def begin(self) -> bool:
        """A request that may pass is about to be made. True when it is the one that tries; it has to end the trial."""
        if not self._open:
            return False
        self._trying = True
        return True

    def answered(self) -> None:
        """The backend has begun to answer: the others may come too."""
        self._open = self._trying = False

    def succeeded(self) -> None:
        """An answer came to its end: the next failure is the first one again."""
        self._open = self._trying = False
        self._failures = self._openings = 0
        self.problem = ""

    def failed(self, problem: str, *, unreachable: bool) -> None:
        """The backend failed. `unreachable`: it did not even take the request."""
        self._failures += 1
        self.problem = problem
        was_trial, self._trying = self._trying, False
        if self._open and not was_trial:
            return  # a request from before the opening: its news is old
        self._unreachable = unreachable
        if self._threshold and self._failures >= self._threshold:
            self._openings += 1
            self._open = True
            longest = max(self._rest, _LONGEST_REST)
            self._until = self._clock() + min(longest, self._rest * 2 ** min(self._openings - 1, 10))

    def abandoned(self) -> None:
        """The request that tried was given up without an outcome: another one may try."""
        self._trying = False

    def reachable(self) -> None:
        """It was found to answer again: if that was what was wrong, a request may try at once."""
        if self._open and self._unreachable:
            self._until = 0.0

"""How long a runner may take, and the watchdog that ends the wait for one that takes longer. Knows nothing of queues.

A watchdog is one lazily re-armed timer for an answer. A delta costs it two assignments and one look at the clock; the
timer looks at them now and then. It interrupts only while somebody waits for the runner, never in the consumer's code.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.core.errors import DeadlineExceededError

if TYPE_CHECKING:
    from fireside.core.errors import FiresideError

_NEVER = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """In seconds; 0 for no limit. The time in a queue counts for none of them.

    `first_token` is from the request to the first content, `between_tokens` from one delta to the next, `total` from the
    request to the end. How long a connection may take to be made is the adapter's matter.
    """

    first_token: float = 300.0
    between_tokens: float = 120.0
    total: float = 3600.0


class Watchdog:
    """Watches one answer. `waiter` and `since` are for the loop over the deltas to set: see ManagedRunner.generate."""

    __slots__ = (
        "_base", "_cancelling", "_deadline", "_due", "_first_waiter", "_interrupted", "_limit", "_loop", "_name", "_queued_wait", "_timeouts", "_timer",
        "attempts", "begun", "error", "since", "waiter",
    )  # fmt: skip

    def __init__(self, name: str, timeouts: Timeouts, queued_wait: float, deadline: float | None) -> None:
        """`name` is the runner's, for people. `queued_wait` limits what the backend may spend in its own queue.

        `deadline`, on the clock of time.monotonic, ends the answer in any case.
        """
        self._loop = asyncio.get_running_loop()
        self._name = name
        self._timeouts = timeouts
        self._queued_wait = queued_wait
        self._deadline = _NEVER if deadline is None else deadline
        # Who waits for the runner now, and since when, on the clock of time.monotonic.
        self.waiter: asyncio.Task[object] | None = asyncio.current_task()
        self.since = time.monotonic()
        # Why the answer is over, once it is.
        self.error: FiresideError | None = None
        self.attempts = 0
        # Whether there was content.
        self.begun = False
        self._base = self.since
        self._interrupted: asyncio.Task[object] | None = None
        # Cancellations that were asked for, and not taken back, before the answer began: more than those are news.
        self._first_waiter = self.waiter
        self._cancelling = self.waiter.cancelling() if self.waiter is not None else 0
        self._limit = ("", 0.0)
        self._due = _NEVER
        self._timer: asyncio.TimerHandle | None = None
        self.restart()

    def restart(self) -> None:
        """Another attempt begins, in the current task; its times start anew. Raises the error, if there is one by now."""
        self.check()
        self.waiter = asyncio.current_task()
        self.since = time.monotonic()
        self._begin_total()
        self._expect("first_token", self._timeouts.first_token)

    def queued(self) -> None:
        """The backend says that the request waits in its own queue."""
        if self._limit[0] != "queued":
            self._expect("queued", self._queued_wait)

    def working(self) -> None:
        """The backend has begun with the request, which brings no token yet."""
        if self._limit[0] == "queued":
            self._begin_total()
            self._expect("first_token", self._timeouts.first_token)

    def alive(self) -> None:
        """The backend writes what it does not show yet."""
        if self._limit[0] != "between_tokens":
            self._expect("between_tokens", self._timeouts.between_tokens)

    def writing(self) -> None:
        """The first token is there."""
        self.begun = True
        self._expect("between_tokens", self._timeouts.between_tokens)

    def interrupt(self, error: FiresideError) -> None:
        """Ends the wait with `error`; when nobody waits now, the next wait. Only the first one counts."""
        if self.error is not None:
            return
        self.error = error
        task = self.waiter
        if task is not None:
            self._interrupted = task
            if task is not self._first_waiter:
                self._cancelling = 0
            task.cancel()

    def check(self) -> None:
        """Raises the error, if there is one: for a wait that came to its own end."""
        self.waiter = None
        if self.error is not None:
            raise self.error

    def was_cancelled(self, error: BaseException) -> bool:
        """Whether an exception that came out of the wait may be the interruption's, or is another cancellation."""
        return self._interrupted is not None or isinstance(error, asyncio.CancelledError)

    def took(self) -> bool:
        """Takes the cancellation back that an interruption was. False when (also) somebody else has cancelled."""
        task, self._interrupted = self._interrupted, None
        return task is not None and task.uncancel() <= self._cancelling

    def end(self) -> None:
        """The answer is over."""
        self.waiter = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin_total(self) -> None:
        self._due = min(self._deadline, time.monotonic() + (self._timeouts.total or _NEVER))

    def _expect(self, what: str, limit: float) -> None:
        self._limit = (what, limit or _NEVER)
        self._base = time.monotonic()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._arm(min(self._limit[1], self._due - time.monotonic()))

    def _arm(self, delay: float) -> None:
        if delay < _NEVER:
            self._timer = self._loop.call_later(max(0.0, delay), self._look)

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        left = self._due - now
        if left <= 0:
            self.interrupt(self._late("total", self._timeouts.total))
            return
        what, limit = self._limit
        base = self._base
        if what == "between_tokens":
            # While nobody waits for the runner, it is the reader who is slow.
            base = now if self.waiter is None else self.since
        left_of_wait = base + limit - now
        if left_of_wait <= 0:
            self.interrupt(self._late(what, limit))
            return
        self._arm(min(left, left_of_wait))

    def _late(self, what: str, limit: float) -> DeadlineExceededError:
        reason, says = _SAYS[what]
        return DeadlineExceededError(
            reason, says.format(name=self._name, limit=_seconds(limit)), limit_seconds=f"{limit:g}"
        )


_SAYS = {
    "queued": (
        "QUEUE_TIMEOUT",
        "{name} has let the request wait in its queue for {limit}. Try again, or raise the runner's queue wait.",
    ),
    "first_token": (
        "RUNNER_FIRST_TOKEN_TIMEOUT",
        "{name} has not begun to answer within {limit}. Try again, or raise the runner's first-token timeout.",
    ),
    "between_tokens": (
        "RUNNER_STALLED",
        "{name} stopped in mid-answer: nothing came for {limit}. Continue the answer or try again.",
    ),
    "total": (
        "RUNNER_TOTAL_TIMEOUT",
        "{name} has written for longer than the {limit} that an answer may take. Continue it, or raise the total timeout.",
    ),
}


def _seconds(limit: float) -> str:
    return "1 second" if limit == 1 else f"{limit:g} seconds"

"""When readers are told of new text: at once, or by turns while the event loop has more to do than it can.

A token costs its wake-ups and its way through the network far more than its bytes. With too many of them every
reader gets them later and later, and who asks for a first token waits behind all of it. So a busy process tells the
readers of each log less often, of more at once: nobody waits for long, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

# While it is busy, so many logs take turns, one after the other; each has a turn in _TURNS beats.
_BEAT_SECONDS = 0.02
_TURNS = 5
# How often the load is looked at, and what counts as too much: the share of a core that the loop's thread uses, and
# how much later than asked for it comes to a timer. It has to be well below to be calm again.
LOOK_SECONDS = 0.1
_BUSY_SHARE, _CALM_SHARE = 0.85, 0.6
_BUSY_LAG, _CALM_LAG = 0.03, 0.01


class Told(Protocol):
    """Something whose readers can be told of news."""

    def tell(self) -> None:
        """Wakes all of them."""
        ...


@dataclass(frozen=True, slots=True)
class Load:
    """The load of an interval: the share of a core that was used, and how many seconds late its end came."""

    share: float
    lag: float


def is_busy(load: Load, *, was: bool) -> bool:
    """Whether readers are to be told by turns."""
    if was:
        return load.share > _CALM_SHARE or load.lag > _CALM_LAG
    return load.share > _BUSY_SHARE or load.lag > _BUSY_LAG


class Pulse:
    """The turns of one process. `run` is a task of whoever owns it."""

    def __init__(self, now: Callable[[], float] = time.monotonic, used: Callable[[], float] = time.thread_time) -> None:
        """`now` and `used` are clocks in seconds: the wall's, and that of the CPU time of the calling thread."""
        self._now = now
        self._used = used
        self.busy = False
        self._waiting: list[dict[Told, None]] = [{} for _ in range(_TURNS)]
        self._next = 0
        self._wanted = asyncio.Event()

    def turn(self) -> int:
        """A turn for a new log, so that the logs spread over the beats."""
        self._next = (self._next + 1) % _TURNS
        self._wanted.set()
        return self._next

    def defers(self, told: Told, turn: int) -> bool:
        """Whether `told` is told later, by turns; otherwise it is to be told now."""
        if not self.busy:
            return False
        self._waiting[turn][told] = None
        return True

    def rest(self) -> None:
        """There are no logs: nothing is looked at until one asks for its turn."""
        self._wanted.clear()

    def look(self, load: Load) -> None:
        """Takes note of the load. When it is calm again, everybody who waits is told."""
        self.busy = is_busy(load, was=self.busy)
        if not self.busy:
            for turn in range(_TURNS):
                self.beat(turn)

    def beat(self, turn: int) -> None:
        """Tells those whose turn it is."""
        waiting, self._waiting[turn] = self._waiting[turn], {}
        for told in waiting:
            told.tell()

    async def run(self) -> None:
        """Looks at the load and gives the turns, until it is cancelled."""
        turn = 0
        while True:
            await self._wanted.wait()
            began, used = self._now(), self._used()
            if self.busy:
                for _ in range(_TURNS):
                    await asyncio.sleep(_BEAT_SECONDS)
                    turn = (turn + 1) % _TURNS
                    self.beat(turn)
            else:
                await asyncio.sleep(LOOK_SECONDS)
            passed = self._now() - began
            self.look(Load((self._used() - used) / passed, passed - LOOK_SECONDS))

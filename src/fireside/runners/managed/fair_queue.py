"""The queue in front of a runner: fair between accounts, of bounded length. Not aware of what runs, nor of models.

Accounts take turns (round robin); within one account it is first come, first served. So an account that asks for a
hundred answers delays the next account's first one by one answer, not by a hundred.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from fireside.core.errors import ResourceExhaustedError

if TYPE_CHECKING:
    from fireside.core.errors import FiresideError

_LEARNING = 0.2
_LONGEST_HINT = 60.0
# With more than this many waiting, changes of place are told in groups: each costs as much as there are waiting.
_CROWD = 64
_CROWD_SECONDS = 0.25


class Turn:
    """A place in the queue, then a turn. Leave it in any case."""

    __slots__ = ("_moved", "_queue", "account", "began", "left", "told")

    def __init__(self, queue: FairQueue, account: str) -> None:
        self._queue = queue
        # Made by who waits: where turns are free nobody does.
        self._moved: asyncio.Event | None = None
        self.account = account
        # When its turn came, on the clock of time.monotonic; 0 while it waits.
        self.began = 0.0
        self.left = False
        # The place that its waiter has seen last.
        self.told = 0

    @property
    def place(self) -> int:
        """How many turns come until this one has its own, at the present state of the queue; 0 when it has come."""
        return 0 if self.began or self.left else self._queue.place_of(self)

    async def wait(self, seen: int, until: float) -> None:
        """Returns when the place is another than `seen`. `until` is on the clock of time.monotonic.

        Raises ResourceExhaustedError (QUEUE_TIMEOUT) when that comes first, and the error of `FairQueue.close`.
        """
        self.told = seen
        moved = self._moved = self._moved or asyncio.Event()
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                while self.place == seen and self._queue.closed is None:
                    moved.clear()
                    await moved.wait()
        except TimeoutError:
            if self.began:
                return
            raise ResourceExhaustedError(
                "QUEUE_TIMEOUT",
                "The model was busy with other answers for too long. Try again in a moment.",
                retry_after=self._queue.retry_after(),
            ) from None
        if not self.began and self._queue.closed is not None:
            raise self._queue.closed

    def wake(self) -> None:
        """Its waiter looks at the place again."""
        if self._moved is not None:
            self._moved.set()

    def leave(self) -> None:
        """Gives the place or the turn to the next one. Doing it twice does nothing."""
        self._queue.leave(self)


class FairQueue:
    """`concurrency` turns at once (0: any number), `length` more that wait. State changes contain no await."""

    def __init__(self, concurrency: int, length: int) -> None:
        self._concurrency = concurrency
        self._length = length
        # By account, in the order in which the accounts are served next. No account is without a waiting turn.
        self._waiting: OrderedDict[str, deque[Turn]] = OrderedDict()
        self._usual_seconds = 5.0
        self._places: dict[Turn, int] | None = {}
        self._telling: asyncio.Handle | None = None
        self.active = 0
        self.queued = 0
        self.closed: FiresideError | None = None

    def enter(self, account: str) -> Turn:
        """A turn if one is free, else a place. Raises ResourceExhaustedError (QUEUE_FULL)."""
        self.check_room()
        turn = Turn(self, account)
        if self._has_free:
            self._begin(turn)
        else:
            self._waiting.setdefault(account, deque()).append(turn)
            self.queued += 1
            self._changed()
        return turn

    def check_room(self) -> None:
        """Raises ResourceExhaustedError (QUEUE_FULL) if `enter` would now, and the error of `close`."""
        if self.closed is not None:
            raise self.closed
        if not self._has_free and self.queued >= self._length:
            raise ResourceExhaustedError(
                "QUEUE_FULL",
                f"The model is busy and {self.queued} more answers are waiting for it. Try again in a moment.",
                retry_after=self.retry_after(),
            )

    def place_of(self, turn: Turn) -> int:
        """From 1; 0 if it does not wait."""
        if self._places is None:
            self._places = {waiting: place for place, waiting in enumerate(self._in_order(), 1)}
        return self._places.get(turn, 0)

    def leave(self, turn: Turn) -> None:
        """See Turn.leave."""
        if turn.left:
            return
        turn.left = True
        if turn.began:
            self.active -= 1
            self._usual_seconds += _LEARNING * (time.monotonic() - turn.began - self._usual_seconds)
        else:
            self._remove(turn)
        while self.queued and self._has_free:
            self._begin(self._pop())

    def close(self, error: FiresideError) -> None:
        """Whoever waits or comes gets the error; those who have their turn keep it."""
        self.closed = error
        for turns in self._waiting.values():
            for turn in turns:
                turn.wake()

    def retry_after(self) -> float:
        """Seconds until a newcomer would likely have a turn, from how long answers took lately."""
        rounds = (self.queued + 1) / max(1, self._concurrency)
        return min(_LONGEST_HINT, max(1.0, self._usual_seconds * rounds))

    @property
    def _has_free(self) -> bool:
        return not self._concurrency or self.active < self._concurrency

    def _begin(self, turn: Turn) -> None:
        self.active += 1
        turn.began = time.monotonic()
        turn.wake()

    def _pop(self) -> Turn:
        account, turns = self._waiting.popitem(last=False)
        turn = turns.popleft()
        if turns:
            self._waiting[account] = turns
        self.queued -= 1
        self._changed()
        return turn

    def _remove(self, turn: Turn) -> None:
        turns = self._waiting[turn.account]
        turns.remove(turn)
        if not turns:
            del self._waiting[turn.account]
        self.queued -= 1
        self._changed()

    def _in_order(self) -> list[Turn]:
        """All that wait, as they will be served if nobody comes or goes."""
        rounds = [list(turns) for turns in self._waiting.values()]
        longest = max(map(len, rounds), default=0)
        return [turns[at] for at in range(longest) for turns in rounds if at < len(turns)]

    def _changed(self) -> None:
        self._places = None
        if self._telling is None and self.queued:
            loop = asyncio.get_running_loop()
            if self.queued <= _CROWD:
                self._telling = loop.call_soon(self._tell)
            else:
                self._telling = loop.call_later(_CROWD_SECONDS, self._tell)

    def _tell(self) -> None:
        self._telling = None
        for turns in self._waiting.values():
            for turn in turns:
                if self.place_of(turn) != turn.told:
                    turn.wake()

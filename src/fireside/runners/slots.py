"""The queue in front of a model's slots: first come, first served, of bounded length. Not aware of what runs in a slot.

A slot is a place for one answer at a time, with a cache of the prompt that it read last. A free slot that a session
used before is given to that session again; else the one that was left alone for longest.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from fireside.core.errors import ResourceExhaustedError


@dataclass(slots=True)
class _Slot:
    number: int
    session: str = ""
    left: float = 0.0


class Ticket:
    """A place in the queue, then a slot. Leave it in any case."""

    def __init__(self, queue: SlotQueue, session: str) -> None:
        self._queue = queue
        self.session = session
        self.slot: _Slot | None = None
        self.began = 0.0
        self.moved = asyncio.Event()

    @property
    def place(self) -> int:
        """From 1; 0 with a slot."""
        return 0 if self.slot is not None else self._queue.place_of(self)

    @property
    def slot_number(self) -> int:
        """The slot, from 0. Raises RuntimeError while queued."""
        if self.slot is None:
            message = "still queued"
            raise RuntimeError(message)
        return self.slot.number

    async def wait(self, until: float) -> None:
        """Returns when the place has changed. `until` is on the clock of time.monotonic.

        Raises ResourceExhaustedError (QUEUE_TIMEOUT) when that comes first.
        """
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                await self.moved.wait()
        except TimeoutError:
            raise ResourceExhaustedError(
                "QUEUE_TIMEOUT",
                "The model was busy with other answers for too long. Try again in a moment.",
                retry_after=self._queue.retry_after(),
            ) from None
        self.moved.clear()

    def leave(self) -> None:
        """Gives the place or the slot to the next one. Doing it twice does nothing."""
        self._queue.leave(self)


class SlotQueue:
    """`slots` answers at once, `length` more that wait. State changes contain no await."""

    def __init__(self, slots: int, length: int) -> None:
        self._count = slots
        self._length = length
        self._free = [_Slot(number) for number in range(slots)]
        self._waiting: deque[Ticket] = deque()
        self._usual_seconds = 5.0

    def enter(self, session: str) -> Ticket:
        """A ticket, with a slot if one is free. Raises ResourceExhaustedError (QUEUE_FULL)."""
        self.check_room()
        ticket = Ticket(self, session)
        if self._free:
            self._give(ticket)
        else:
            self._waiting.append(ticket)
        return ticket

    def check_room(self) -> None:
        """Raises ResourceExhaustedError (QUEUE_FULL) if `enter` would now."""
        if not self._free and len(self._waiting) >= self._length:
            raise ResourceExhaustedError(
                "QUEUE_FULL",
                f"The model is busy and {len(self._waiting)} more answers are waiting for it. Try again in a moment.",
                retry_after=self.retry_after(),
            )

    def place_of(self, ticket: Ticket) -> int:
        """From 1; 0 if it does not wait."""
        return self._waiting.index(ticket) + 1 if ticket in self._waiting else 0

    def leave(self, ticket: Ticket) -> None:
        """See Ticket.leave."""
        if ticket.slot is not None:
            now = time.monotonic()
            self._usual_seconds += 0.2 * (now - ticket.began - self._usual_seconds)
            ticket.slot.left = now
            self._free.append(ticket.slot)
            ticket.slot = None
            if self._waiting:
                self._give(self._waiting.popleft())
        elif ticket in self._waiting:
            self._waiting.remove(ticket)
        else:
            return
        for waiting in self._waiting:
            waiting.moved.set()

    def retry_after(self) -> float:
        """Seconds until a newcomer would likely get a slot, from how long answers took lately."""
        return min(60.0, max(1.0, self._usual_seconds * (len(self._waiting) + 1) / self._count))

    def _give(self, ticket: Ticket) -> None:
        own = [slot for slot in self._free if ticket.session and slot.session == ticket.session]
        slot = max(own, key=lambda slot: slot.left) if own else min(self._free, key=lambda slot: slot.left)
        self._free.remove(slot)
        slot.session = ticket.session
        ticket.slot = slot
        ticket.began = time.monotonic()
        ticket.moved.set()

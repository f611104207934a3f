"""Which of a model's slots an answer gets: the one that its session used before. No queue: managed/fair_queue.py.

A slot is a place for one answer at a time, with a cache of the prompt that it read last. A free slot that a session
used before is given to that session again; else the one that was left alone for longest.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from fireside.core.errors import ResourceExhaustedError


@dataclass(slots=True)
class Slot:
    """A place for one answer. `number` counts from 0."""

    number: int
    session: str = ""
    left: float = 0.0


class Slots:
    """The slots of one model. Whoever wraps the runner sees to it that no more answers come than there are slots."""

    def __init__(self, count: int) -> None:
        """All of them are free."""
        self._free = [Slot(number) for number in range(count)]

    def take(self, session: str) -> Slot:
        """The best free slot. Raises ResourceExhaustedError (QUEUE_FULL) when there is none."""
        if not self._free:
            raise ResourceExhaustedError(
                "QUEUE_FULL", "The model is busy with other answers. Try again in a moment.", retry_after=5.0
            )
        own = [slot for slot in self._free if session and slot.session == session]
        slot = max(own, key=_left) if own else min(self._free, key=_left)
        self._free.remove(slot)
        slot.session = session
        return slot

    def give_back(self, slot: Slot) -> None:
        """The slot is free again. Call it once."""
        slot.left = time.monotonic()
        self._free.append(slot)


def _left(slot: Slot) -> float:
    return slot.left

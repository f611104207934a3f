"""The pulse looks at the load by itself: when there is something to tell, and not otherwise."""

from __future__ import annotations

import asyncio

import pytest

from fireside.chat.pulse import Pulse


class Reader:
    """Knows when it was told."""

    def __init__(self) -> None:
        self.told = asyncio.Event()

    def tell(self) -> None:
        self.told.set()


class Ticks:
    """A clock that goes on by `step` seconds at each look; `looked` is set at the second one."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._looks = 0
        self.looked = asyncio.Event()

    def __call__(self) -> float:
        self._looks += 1
        if self._looks > 1:
            self.looked.set()
        return self._looks * self._step


async def test_it_looks_at_the_load_by_itself_once_there_is_a_log() -> None:
    now, used = Ticks(0.11), Ticks(0.109)
    pulse = Pulse(now, used)
    work = asyncio.create_task(pulse.run())
    reader, turn = Reader(), pulse.turn()
    async with asyncio.timeout(30):
        await used.looked.wait()
        assert pulse.defers(reader, turn)
        await reader.told.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

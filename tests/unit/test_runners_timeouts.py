"""The watchdog: whom it interrupts, and that it takes its own cancellation back and nobody else's."""

from __future__ import annotations

import asyncio

import pytest

from fireside.core.errors import UnavailableError
from fireside.runners.managed.timeouts import Timeouts, Watchdog

NO_LIMITS = Timeouts(first_token=0, between_tokens=0, total=0)
GONE = UnavailableError("RUNNER_REMOVED", "gone")


class Waiter:
    """Somebody who waits for a runner, watched."""

    def __init__(self) -> None:
        self.watching = asyncio.Event()
        self.watch: Watchdog | None = None
        self.took: bool | None = None
        self.task = asyncio.create_task(self._wait())

    async def begun(self) -> Watchdog:
        await self.watching.wait()
        assert self.watch is not None
        return self.watch

    async def _wait(self) -> str:
        self.watch = Watchdog("it", NO_LIMITS, 0, None)
        self.watching.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.took = self.watch.took()
            if not self.took:
                raise
        finally:
            self.watch.end()
        return "interrupted"


async def test_an_interruption_is_taken_back() -> None:
    waiter = Waiter()
    (await waiter.begun()).interrupt(GONE)
    assert await waiter.task == "interrupted"
    assert waiter.task.cancelling() == 0


@pytest.mark.parametrize("interrupted_first", [True, False])
async def test_a_cancellation_at_the_same_moment_is_not_lost(interrupted_first: bool) -> None:
    waiter = Waiter()
    watch = await waiter.begun()
    if interrupted_first:
        watch.interrupt(GONE)
    waiter.task.cancel()
    if not interrupted_first:
        watch.interrupt(GONE)
    with pytest.raises(asyncio.CancelledError):
        await waiter.task
    assert waiter.took is False


async def test_nobody_is_interrupted_while_nobody_waits() -> None:
    watch = Watchdog("it", NO_LIMITS, 0, None)
    watch.waiter = None
    watch.interrupt(GONE)
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        watch.check()
    watch.end()


async def test_the_first_reason_counts() -> None:
    watch = Watchdog("it", NO_LIMITS, 0, None)
    watch.waiter = None
    watch.interrupt(GONE)
    watch.interrupt(UnavailableError("OTHER", "other"))
    assert watch.error is GONE
    watch.end()

"""Work that must not stop half-way because whoever asked for it went away: what was committed has to be acted upon."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Finishing:
    """The owner of such work."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs `work` to its end and returns what it returns; a caller who is cancelled leaves it running."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)
            raise

    async def join(self) -> None:
        """Waits for all that is under way."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.info("What nobody waited for any more failed: %s", error)
        # What it came through may hold it in a variable: a circle, until it is collected.
        error.__traceback__ = None

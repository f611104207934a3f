"""One answer on its way out of a worker: whatever the runner has ready travels in one message. Knows no RPC.

A message costs the peer far more than the tokens in it. Nothing is held back for that: while one message is being
sent, the runner goes on, and the next message has what came meanwhile.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from fireside.runners.worker.wire import response_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fireside.runners.base import Delta

EMPTY = b""
"""A serialised GenerateResponse without deltas."""

# With so much ready, the runner waits for the reader: some 64 KiB of text, far more than a reader in step is behind.
_AHEAD = 4096
_IN_ONE_MESSAGE = 1024


class Answer:
    """Pulls a runner's answer in a task of its own. Close it in any case: that frees the runner."""

    def __init__(self, deltas: AsyncGenerator[Delta], *, coalesce: bool = True) -> None:
        """Starts nothing; the first `take` does."""
        self._deltas = deltas
        self._most = _IN_ONE_MESSAGE if coalesce else 1
        self._ready: list[Delta] = []
        self._came = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._task: asyncio.Task[None] | None = None

    async def take(self) -> bytes:
        """What is ready, once something is: a serialised GenerateResponse, empty after the end.

        Raises what the runner raised, once all that came before it was taken.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._pull(), name="answer")
        while not self._ready:
            if self._task.done():
                self._task.result()
                return EMPTY
            self._came.clear()
            await self._came.wait()
        taken, self._ready = self._ready[: self._most], self._ready[self._most :]
        if len(self._ready) < _AHEAD:
            self._room.set()
        return response_bytes(taken)

    async def aclose(self) -> None:
        """Ends the runner's generator and waits until it is closed."""
        task = self._task
        if task is None:
            await self._deltas.aclose()
            return
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # it was told, or nobody is left to be told

    async def _pull(self) -> None:
        try:
            async with aclosing(self._deltas) as deltas:
                async for delta in deltas:
                    self._ready.append(delta)
                    self._came.set()
                    if len(self._ready) >= _AHEAD:
                        self._room.clear()
                        await self._room.wait()
        finally:
            self._came.set()

"""Keeps the embedding model's child process as it should be, and gives it texts: questions at once, passages by turns.

Started when needed, restarted when it died, stopped when idle. A text whose process died is given to the next one, once:
what kills two processes is refused. Only as many passages are with the child as it has threads, and one more, so that
whoever stops waiting leaves nothing behind to compute.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fireside.core.errors import DeadlineExceededError, InvalidArgumentError, UnavailableError
from fireside.runners.child_process import StartError
from fireside.runners.e5.frames import Asked
from fireside.runners.e5.process import E5Process

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_BACKOFF: Final = 30.0
_TRIES: Final = 2


@dataclass(frozen=True, slots=True)
class E5Options:
    """How the model runs. Times are in seconds.

    `threads` embed passages (0: all cores but one) beside the one for questions. After `idle_stop` without a text the
    process ends; it has `start_timeout` to load, and is taken for hung when it is silent for `stall_timeout`.
    """

    threads: int = 0
    idle_stop: float = 300.0
    start_timeout: float = 60.0
    stall_timeout: float = 60.0


class E5Engine:
    """The engine. It belongs to one event loop."""

    def __init__(self, options: E5Options) -> None:
        """Starts nothing yet."""
        self._options = options
        self._threads = options.threads or max(1, (os.cpu_count() or 1) - 1)
        self._window = asyncio.Semaphore(self._threads + 1)
        self._process: E5Process | None = None
        self._starting: asyncio.Task[E5Process] | None = None
        self._watchers: set[asyncio.Task[None]] = set()
        self._waiting: dict[int, tuple[E5Process, asyncio.Future[bytes]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._last_answer = 0.0
        self._number = 0
        self._failures = 0
        self._not_before = 0.0
        self._closed = False

    @property
    def pid(self) -> int:
        """The child's process id; 0 when there is none."""
        return self._process.pid if self._process else 0

    async def embed(self, text: str, *, question: bool, urgent: bool) -> bytes:
        """The vector of a text as 32-bit floats.

        Raises UnavailableError (RUNNER_UNAVAILABLE, RUNNER_DIED), DeadlineExceededError (RUNNER_STALLED) and
        InvalidArgumentError (RUNNER_REFUSED).
        """
        if urgent:
            return await self._ask(text, question=question, urgent=True)
        async with self._window:
            return await self._ask(text, question=question, urgent=False)

    async def aclose(self) -> None:
        """Ends the process and waits until it is gone."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        self._stop()
        await asyncio.gather(*self._watchers)

    async def _ask(self, text: str, *, question: bool, urgent: bool) -> bytes:
        for attempt in range(_TRIES):
            process = await self._ready()
            self._number = self._number % 0xFFFF_FFFF + 1
            number = self._number
            future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            if not self._waiting:
                # From here on it is expected to say something.
                self._last_answer = time.monotonic()
            first = not self._waiting
            self._waiting[number] = (process, future)
            if first:
                self._watch_time()
            process.ask(Asked(number, question, urgent, text))
            try:
                raw = await future
            except UnavailableError:
                if attempt + 1 == _TRIES:
                    raise
                continue
            finally:
                self._waiting.pop(number, None)
                if not self._waiting:
                    self._watch_time()
            if not raw:
                raise InvalidArgumentError("RUNNER_REFUSED", "The embedding model could not read this text.")
            self._failures = 0
            return raw
        raise AssertionError

    async def _ready(self) -> E5Process:
        if self._closed:
            raise UnavailableError("RUNNER_UNAVAILABLE", "The server is shutting down.")
        if self._process is not None and self._process.ready.done() and not self._process.ended.is_set():
            return self._process
        if self._starting is None:
            self._starting = asyncio.create_task(self._start(), name="start the embedding model")
            self._starting.add_done_callback(self._started)
        return await asyncio.shield(self._starting)

    async def _start(self) -> E5Process:
        await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
        process = self._process = E5Process(self._threads, self._answered)
        watcher = asyncio.create_task(self._watch(process), name="watch the embedding model")
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        try:
            async with asyncio.timeout(self._options.start_timeout):
                await asyncio.shield(process.ready)
        except (StartError, TimeoutError) as error:
            problem = str(error) or f"it was not ready after {self._options.start_timeout:.0f} seconds"
            process.kill()
            raise UnavailableError("RUNNER_UNAVAILABLE", f"The embedding model did not start: {problem}.") from error
        except asyncio.CancelledError:
            process.kill()
            raise
        return process

    def _started(self, task: asyncio.Task[E5Process]) -> None:
        self._starting = None
        if not task.cancelled():
            # Whoever waits gets it.
            task.exception()

    async def _watch(self, process: E5Process) -> None:
        """Waits for the death of a process, and tells those who waited for its answers."""
        await process.ended.wait()
        if self._process is process:
            self._process = None
            self._failures += 1
            delay = 0.0 if self._failures == 1 else min(_LONGEST_BACKOFF, 0.25 * 2 ** min(self._failures, 10))
            self._not_before = time.monotonic() + delay
        self._fail(
            process,
            lambda: UnavailableError(
                "RUNNER_DIED", "The embedding model's process died. Try again: it is started anew."
            ),
        )

    def _fail(self, process: E5Process, error: Callable[[], Exception]) -> None:
        for owner, future in list(self._waiting.values()):
            if owner is process and not future.done():
                future.set_exception(error())

    def _answered(self, number: int, raw: bytes) -> None:
        self._last_answer = time.monotonic()
        _, future = self._waiting.get(number, (None, None))
        if future is not None and not future.done():
            future.set_result(raw)

    def _watch_time(self) -> None:
        """Looks now and then whether the process hangs or has nothing to do."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._closed:
            wait = self._options.stall_timeout if self._waiting else self._options.idle_stop
            due = max(0.01, self._last_answer + wait - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(due, self._look)

    def _look(self) -> None:
        self._timer = None
        process, silent = self._process, time.monotonic() - self._last_answer
        if process is None or self._closed:
            return
        if self._waiting and silent >= self._options.stall_timeout:
            seconds = f"{self._options.stall_timeout:.0f}"
            self._fail(
                process,
                lambda: DeadlineExceededError(
                    "RUNNER_STALLED", f"The embedding model said nothing for {seconds} seconds."
                ),
            )
            process.kill()
        elif not self._waiting and silent >= self._options.idle_stop:
            self._stop()
        else:
            self._watch_time()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()

"""Keeps one model's child process as it should be: started when needed, restarted when it died, stopped when idle.

Not the conversation with it (runner.py) and not the process itself (process.py).
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.core.errors import DeadlineExceededError, FiresideError, UnavailableError
from fireside.runners.child_process import StartError
from fireside.runners.llama.process import LlamaProcess, Settings
from fireside.runners.llama.slots import Slots
from fireside.runners.llama.weight_files import Verdict, Weights, check

if TYPE_CHECKING:
    from pathlib import Path

    from fireside.runners.llama.process import Address

_LONGEST_BACKOFF = 30.0
_PATIENCE_IN_BACKOFF = 2.0
_DEATH_NOTICE = 1.0


@dataclass(frozen=True, slots=True)
class LlamaOptions:
    """How the local model runs. Times are in seconds.

    `models_dir` is where the weights lie. `slots` answers are written at once and share `context_tokens`.
    `max_tokens` ends an answer whose request gives no limit.
    `threads` write (0: all cores but one) and `batch_threads` read prompts (0: all cores). `batch_tokens` are read
    between two looks at whether somebody cancelled (0: as many as take about 0.1 s for a model of half a billion weights).
    After `idle_stop` without an answer the process ends; it has `start_timeout` to load, and is taken for hung when no
    answer moves for `stall_timeout`. `cache_ram_mib` MiB keep prompts of conversations that have lost their slot.
    """

    models_dir: Path
    slots: int = 4
    context_tokens: int = 32_768
    max_tokens: int = 2_048
    threads: int = 0
    batch_threads: int = 0
    batch_tokens: int = 0
    cache_ram_mib: int = 256
    idle_stop: float = 600.0
    start_timeout: float = 180.0
    stall_timeout: float = 60.0


class LlamaEngine:
    """The engine of one model."""

    def __init__(self, weights: Weights, options: LlamaOptions) -> None:
        """Starts nothing yet."""
        self.weights = weights
        self.slots = Slots(options.slots)
        self._options = options
        self._process: LlamaProcess | None = None
        self._starting: asyncio.Task[Address] | None = None
        self._watchers: set[asyncio.Task[None]] = set()
        self._idle_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._last_event = 0.0
        self._hung_key = ""
        self._answering = 0
        self._users = 0
        self._failures = 0
        self._not_before = 0.0
        self._problem = ""
        self._closed = False

    @property
    def pid(self) -> int:
        """The child's process id; 0 when there is none."""
        return self._process.pid if self._process else 0

    @property
    def ready(self) -> bool:
        """Whether a request would be taken at once."""
        return self._starting is not None and self._starting.done()

    @property
    def problem(self) -> str:
        """Why the last start failed, while it is too early for the next one; else empty."""
        return self._problem if time.monotonic() < self._not_before else ""

    def hold(self) -> None:
        """Keeps the process from being stopped as idle. Release as often."""
        self._users += 1
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def release(self) -> None:
        """The last one starts the idle time."""
        self._users -= 1
        if self._users == 0 and not self._closed:
            self._idle_timer = asyncio.get_running_loop().call_later(self._options.idle_stop, self.stop)

    async def address(self) -> Address:
        """Where the model listens, started if need be; a start goes on when a caller is cancelled.

        Raises UnavailableError (RUNNER_UNAVAILABLE, WEIGHTS_MISSING, WEIGHTS_DAMAGED).
        """
        if self._closed:
            raise UnavailableError("RUNNER_UNAVAILABLE", "The server is shutting down.")
        if self._starting is None:
            self._starting = asyncio.create_task(self._start(), name=f"start {self.weights.model}")
            self._starting.add_done_callback(self._started)
        return await asyncio.shield(self._starting)

    def succeeded(self) -> None:
        """An answer came to its end: the next failure is the first one again."""
        self._failures = 0

    def begin_answer(self) -> None:
        """A request is sent. While one is, the engine has to show signs of life."""
        self._answering += 1
        self.moved()
        if self._stall_timer is None:
            self._watch_for_stall()

    def moved(self) -> None:
        """Some answer has gone on."""
        self._last_event = time.monotonic()

    def end_answer(self) -> None:
        """The request is over, however."""
        self._answering -= 1

    async def loss(self, address: Address) -> FiresideError:
        """The error for a connection that broke. Returns after the death was noticed, so that the next request works."""
        process = self._process
        if process is not None and process.key == address.key:
            with suppress(TimeoutError):
                async with asyncio.timeout(_DEATH_NOTICE):
                    await process.ended.wait()
            # Alive but deaf is no use to anybody; and a dead one must not be asked again.
            self._discard(process, "it broke off")
        if address.key == self._hung_key:
            return DeadlineExceededError(
                "RUNNER_STALLED",
                f"The local model said nothing for {self._options.stall_timeout:.0f} seconds and was stopped. Try again.",
            )
        return UnavailableError(
            "RUNNER_DIED", "The local model's process died while it was answering. Try again: it is started anew."
        )

    def stop(self) -> None:
        """Ends the process; the next request starts it again."""
        process, self._process, self._starting = self._process, None, None
        if process is not None:
            process.kill()

    async def aclose(self) -> None:
        """Ends the process and waits until it is gone."""
        self._closed = True
        for timer in (self._idle_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        starting, process = self._starting, self._process
        if starting is not None and not starting.done():
            starting.cancel()
            with suppress(asyncio.CancelledError, FiresideError):
                await starting
        process = self._process or process
        self.stop()
        if process is not None:
            await process.ended.wait()
        await asyncio.gather(*self._watchers)

    async def _start(self) -> Address:
        await self._back_off()
        verdict = await asyncio.to_thread(check, self.weights, self._options.models_dir)
        if verdict is not Verdict.GENUINE:
            raise _weights_problem(self.weights, verdict)
        process = self._process = LlamaProcess(settings_of(self.weights, self._options))
        watcher = asyncio.create_task(self._watch(process), name=f"watch {self.weights.model}")
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        try:
            async with asyncio.timeout(self._options.start_timeout):
                return await asyncio.shield(process.ready)
        except (StartError, TimeoutError) as error:
            problem = str(error) or f"it was not ready after {self._options.start_timeout:.0f} seconds"
            self._discard(process, problem)
            raise UnavailableError(
                "RUNNER_UNAVAILABLE",
                f"The local model did not start: {problem}. `fireside doctor` looks for the cause.",
                retry_after=max(1.0, self._not_before - time.monotonic()),
            ) from error
        except asyncio.CancelledError:
            process.kill()
            raise

    async def _back_off(self) -> None:
        delay = self._not_before - time.monotonic()
        if delay > _PATIENCE_IN_BACKOFF:
            raise UnavailableError(
                "RUNNER_UNAVAILABLE",
                f"The local model has failed {self._failures} times in a row, the last time because {self._problem}. "
                f"The next try is in {delay:.0f} seconds.",
                retry_after=delay,
            )
        await asyncio.sleep(max(0.0, delay))

    def _watch_for_stall(self) -> None:
        """Looks again when the engine could have been silent for too long; ends it when it has."""
        self._stall_timer = None
        process = self._process
        if self._answering == 0 or process is None:
            return
        silent = time.monotonic() - self._last_event
        if silent >= self._options.stall_timeout:
            # Its connections break by that, and each answer learns the reason from `loss`.
            self._hung_key = process.key
            process.kill()
            return
        loop = asyncio.get_running_loop()
        self._stall_timer = loop.call_later(self._options.stall_timeout - silent, self._watch_for_stall)

    def _started(self, task: asyncio.Task[Address]) -> None:
        """A start that failed is forgotten, so that the next request tries again."""
        if (task.cancelled() or task.exception() is not None) and self._starting is task:
            self._starting = None

    async def _watch(self, process: LlamaProcess) -> None:
        await process.ended.wait()
        self._discard(process, process.log_tail() or "its process died")

    def _discard(self, process: LlamaProcess, problem: str) -> None:
        """Counts a failure of the current process, once, and forgets it."""
        process.kill()
        if self._process is not process:
            return
        self._process = None
        if self._starting is not None and self._starting.done():
            self._starting = None
        self._problem = problem
        self._failures += 1
        # The first failure costs no wait: most often it is the only one.
        delay = 0.0 if self._failures == 1 else min(_LONGEST_BACKOFF, 0.5 * 2 ** min(self._failures - 1, 10))
        self._not_before = time.monotonic() + delay


def slot_context(weights: Weights, options: LlamaOptions) -> int:
    """Tokens of prompt and answer that one slot holds."""
    return min(weights.context_length, options.context_tokens // options.slots)


def settings_of(weights: Weights, options: LlamaOptions) -> Settings:
    """What the options come to on this machine."""
    cores = _cores()
    batch_threads = options.batch_threads or cores
    # A cancelled prompt is noticed between two batches, so a batch must be short: three tokens a thread take about 0.1 s.
    batch_tokens = options.batch_tokens or min(64, max(options.slots, 3 * batch_threads))
    return Settings(
        model=str(options.models_dir / weights.file),
        slots=options.slots,
        slot_context=slot_context(weights, options),
        batch_tokens=batch_tokens,
        threads=options.threads or max(1, cores - 1),
        batch_threads=batch_threads,
        cache_ram_mib=options.cache_ram_mib,
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _weights_problem(weights: Weights, verdict: Verdict) -> UnavailableError:
    if verdict is Verdict.MISSING:
        return UnavailableError(
            "WEIGHTS_MISSING",
            f"The weights of {weights.display_name} are not installed. Run `make weights`.",
            retry_after=60.0,
        )
    return UnavailableError(
        "WEIGHTS_DAMAGED",
        f"The weights of {weights.display_name} are not the published ones, so they are not used. "
        "Run `make weights` to install them again.",
        retry_after=60.0,
    )

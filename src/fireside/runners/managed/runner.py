"""A runner with what keeps it well: a fair queue, timeouts, a retry, a circuit breaker and health checks.

Wraps any runner; knows no protocol. Which runner serves a model, and which stands in for it, is the catalog's matter.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fireside.core.errors import DeadlineExceededError, NotFoundError, UnavailableError
from fireside.runners.base import Activity, Finished, Progress, is_content
from fireside.runners.managed.breaker import Breaker
from fireside.runners.managed.fair_queue import FairQueue
from fireside.runners.managed.health import Health
from fireside.runners.managed.timeouts import Timeouts, Watchdog

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from fireside.gen.v1 import model_pb2, runner_pb2
    from fireside.runners.base import Delta, Embeddings, GenerateRequest, Runner, RunnerInfo
    from fireside.runners.managed.fair_queue import Turn

# A retry that would have to wait for longer is for the person to make.
_RETRY_PATIENCE = 2.0
_FIRST_RETRY = 0.1
# The backend took nothing of the request, so that asking again costs nothing.
_RETRIED = frozenset({"RUNNER_UNAVAILABLE", "RUNNER_DIED"})
_UNREACHABLE = frozenset({"RUNNER_UNAVAILABLE", "RUNNER_CONNECT_TIMEOUT"})
# Failures that say something of the backend, rather than of the request.
_BACKEND = (UnavailableError, DeadlineExceededError)
_NOT_ITS_FAULT = frozenset({"RUNNER_REMOVED", "RUNNER_RESTING", "RUNNER_TOTAL_TIMEOUT", "QUEUE_TIMEOUT"})
# Looked up once: the loop over the deltas asks for each of them.
now = time.monotonic
current_task = asyncio.current_task


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedOptions:
    """How a runner is used. Times are in seconds.

    `concurrency` answers are written at once (0: any number); `queue_length` more wait, each for at most `queue_wait`.
    `retries` are made when the backend does not take a request. After `failures_to_rest` failures in a row (0: never)
    it is left alone for `rest`, and for twice as long each time that it fails again. `fallback`: the next runner with a model of the same name may stand in. It is looked at
    every `check_interval` (0: on request only), more often while it is down. `position` orders runners; `display_name` is for people.
    """

    concurrency: int = 0
    queue_length: int = 32
    queue_wait: float = 120.0
    timeouts: Timeouts = field(default_factory=Timeouts)
    retries: int = 1
    failures_to_rest: int = 5
    rest: float = 1.0
    check_interval: float = 30.0
    fallback: bool = False
    display_name: str = ""
    position: int = 0


class ManagedRunner:
    """One runner, managed. It belongs to the catalog that it is given to."""

    def __init__(
        self,
        runner: Runner,
        options: ManagedOptions | None = None,
        refuse: Callable[[str], None] | None = None,
    ) -> None:
        """Starts nothing: the first request or look does.

        `refuse` is for runners in this process: it is given a model's own name, and raises what a request would at once.
        """
        self.runner = runner
        self._refuse = refuse
        self.options = options or ManagedOptions()
        self._queue = FairQueue(self.options.concurrency, self.options.queue_length)
        self._breaker = Breaker(self.options.failures_to_rest, self.options.rest)
        self._health = Health(runner, self.options.check_interval, self._breaker.reachable)
        self._running: set[Watchdog] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False

    @property
    def name(self) -> str:
        """The prefix of its model ids."""
        return self.runner.name

    @property
    def display_name(self) -> str:
        """The name for people."""
        return self.options.display_name or self.runner.name

    @property
    def known(self) -> RunnerInfo | None:
        """What it offered when it was last looked at; None before the first look."""
        return self._health.known

    @property
    def usable(self) -> bool:
        """Whether a request would likely be taken: it does not rest, and answered when it was last looked at."""
        return not self._closing and not self._breaker.resting and not self._health.down

    def knows(self, model: str) -> bool | None:
        """Whether it has a model of this name (its own, without prefix); None when it was not reached to say so."""
        return self._health.knows(model)

    def listed(self, model: str) -> model_pb2.Model | None:
        """What it said of a model, by a name of its own, when it was last looked at; None when it did not list it."""
        return self._health.model(model)

    async def info(self) -> RunnerInfo:
        """What it offers, as it was a moment ago. Returns within about a second, however slow the backend is."""
        return await self._health.info()

    def look(self) -> None:
        """Begins to find out what it offers, if that is not known, and does not wait for it."""
        self._health.look()

    async def check(self) -> RunnerInfo:
        """Looks at it now and returns when it has answered or is known not to."""
        return await self._health.check()

    def status(self) -> runner_pb2.RunnerStatus:
        """How it is now."""
        resting = self._breaker.wait_time() if self._breaker.resting else 0.0
        status = self._health.status(self._breaker.problem, resting)
        status.active, status.queued = self._queue.active, self._queue.queued
        return status

    def on_change(self, callback: Callable[[], None]) -> None:
        """`callback` is called whenever what it offers has changed. There is one; the last one counts."""
        self._health.changed = callback

    def admit(self, model: str, account: str) -> None:
        """Raises what `generate` would raise now, so that a request is refused before it is accepted.

        NotFoundError (MODEL_NOT_FOUND), UnavailableError (RUNNER_RESTING), ResourceExhaustedError (QUEUE_FULL).
        """
        del account  # all accounts have the same room
        if self.knows(model) is False:
            raise _not_found(self, model)
        self._refuse_resting()
        if self._refuse is not None:
            self._refuse(model)
        self._queue.check_room()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        """Runs the model when it is the account's turn; see the seam. Adds the reasons of the parts that this is made of.

        QUEUE_FULL, QUEUE_TIMEOUT, RUNNER_FIRST_TOKEN_TIMEOUT, RUNNER_STALLED, RUNNER_TOTAL_TIMEOUT, RUNNER_RESTING,
        RUNNER_REMOVED.
        """
        self._refuse_resting()
        turn = self._enter(request.account)
        watch: Watchdog | None = None
        loop = asyncio.get_running_loop()
        try:
            told, until = 0, time.monotonic() + self.options.queue_wait
            while place := turn.place:
                told = place
                yield Progress(Activity.QUEUED, place)
                await turn.wait(place, until)
            if told:
                yield Progress(Activity.PREFILLING)
            watch = self._watch(request.deadline)
            request = self._with_deadline(request)
            while True:
                self._begin_attempt()
                try:
                    async with aclosing(self.runner.generate(request)) as deltas:
                        # From here to the end of the loop is what every token costs.
                        async for delta in deltas:
                            watch.waiter = None
                            if watch.error is not None:
                                watch.check()
                            if not watch.begun or type(delta) is Finished:
                                self._note(watch, delta)
                            yield delta
                            watch.since = now()
                            watch.waiter = current_task(loop)
                    watch.check()
                except BaseException as error:
                    delay = self._outcome(watch, error)
                    if delay is None:
                        raise
                else:
                    return
                await asyncio.sleep(delay)
                watch.restart()
        finally:
            self._leave(turn, watch)

    async def embed(self, model: str, texts: Sequence[str], account: str = "") -> Embeddings:
        """Turns texts into vectors, when it is the account's turn. Errors as `generate`, and those of the seam's `embed`."""
        self._refuse_resting()
        turn = self._enter(account)
        watch: Watchdog | None = None
        try:
            until = time.monotonic() + self.options.queue_wait
            while place := turn.place:
                await turn.wait(place, until)
            watch = self._watch()
            while True:
                self._begin_attempt()
                try:
                    embeddings = await self.runner.embed(model, texts)
                    watch.check()
                except BaseException as error:
                    delay = self._outcome(watch, error)
                    if delay is None:
                        raise
                else:
                    self._breaker.succeeded()
                    self._health.answered()
                    return embeddings
                await asyncio.sleep(delay)
                watch.restart()
        finally:
            self._leave(turn, watch)

    async def drain(self) -> None:
        """Returns when nothing runs and nobody waits."""
        while self._queue.active or self._queue.queued:
            self._idle.clear()
            await self._idle.wait()

    async def aclose(self) -> None:
        """Ends what runs (UnavailableError, RUNNER_REMOVED) and frees the runner. `drain` before lets it end by itself."""
        self._closing = True
        error = UnavailableError("RUNNER_REMOVED", f"{self.display_name} has been removed or the server shuts down.")
        self._queue.close(error)
        for watch in list(self._running):
            watch.interrupt(error)
        await self._health.aclose()
        await self.runner.aclose()

    def _enter(self, account: str) -> Turn:
        turn = self._queue.enter(account)
        self._idle.clear()
        return turn

    def _leave(self, turn: Turn, watch: Watchdog | None) -> None:
        if watch is not None:
            watch.end()
            self._running.discard(watch)
        turn.leave()
        if not self._queue.active and not self._queue.queued:
            self._idle.set()

    def _watch(self, deadline: float | None = None) -> Watchdog:
        watch = Watchdog(self.display_name, self.options.timeouts, self.options.queue_wait, deadline)
        self._running.add(watch)
        return watch

    def _with_deadline(self, request: GenerateRequest) -> GenerateRequest:
        """The request as the backend gets it: it may know when it is given up at the latest, its own queue included."""
        total = self.options.timeouts.total
        if request.deadline is not None or not total:
            return request
        return replace(request, deadline=time.monotonic() + total + self.options.queue_wait)

    def _refuse_resting(self) -> None:
        wait = self._breaker.wait_time()
        if wait:
            raise UnavailableError(
                "RUNNER_RESTING",
                f"{self.display_name} has failed {self._breaker.failures} times in a row, the last time with: "
                f"{self._breaker.problem} It is tried again in {math.ceil(wait)} s.",
                retry_after=wait,
                runner=self.name,
            )

    def _begin_attempt(self) -> None:
        """In the queue and between two attempts the runner may have been found to fail."""
        self._refuse_resting()
        self._breaker.begin()

    def _note(self, watch: Watchdog, delta: Delta) -> None:
        """What a delta before the first content, or the last one, says of the runner."""
        if isinstance(delta, Progress):
            if delta.activity is Activity.QUEUED:
                watch.queued()
            else:
                watch.working()
            return
        if not is_content(delta):
            watch.alive()
            return
        if not watch.begun:
            watch.writing()
            self._breaker.answered()
            self._health.answered()
        if isinstance(delta, Finished):
            self._breaker.succeeded()

    def _outcome(self, watch: Watchdog, error: BaseException) -> float | None:
        """What an attempt's end means: None to raise its error, or the seconds until the next attempt.

        Raises the watchdog's error in the place of the cancellation that was its way to end the wait.
        """
        watch.waiter = None
        if isinstance(error, GeneratorExit) or (watch.was_cancelled(error) and not watch.took()):
            self._breaker.abandoned()
            return None
        problem = watch.error or error
        if isinstance(problem, _BACKEND) and problem.reason not in _NOT_ITS_FAULT:
            self._breaker.failed(problem.message, unreachable=problem.reason in _UNREACHABLE)
            self._health.failed()
        else:
            self._breaker.abandoned()
        if watch.error is not None:
            if error is watch.error:
                return None
            raise watch.error from error
        watch.attempts += 1
        if watch.begun or watch.attempts > self.options.retries or not _worth_retrying(error):
            return None
        return _FIRST_RETRY * 2 ** (watch.attempts - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - no secret


def _worth_retrying(error: BaseException) -> bool:
    return isinstance(error, UnavailableError) and error.reason in _RETRIED and error.retry_after <= _RETRY_PATIENCE


def _not_found(runner: ManagedRunner, model: str) -> NotFoundError:
    return NotFoundError("MODEL_NOT_FOUND", f"{runner.display_name} has no model named {model!r}.", model=model)

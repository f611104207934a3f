"""Looks after a backend: asks it for what it offers, now and then, and remembers the answer. Knows nothing of requests.

Quiet while the backend is well and in use; quick, then slower and slower, after a failure.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from fireside.core.clock import now_us
from fireside.gen.v1 import model_pb2, runner_pb2
from fireside.runners.base import RunnerInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.runners.base import Runner

logger = logging.getLogger(__name__)

# A listing that is younger is not asked for again.
FRESH_SECONDS = 2.0
_FIRST_WAIT = 1.0
_LATER_WAIT = 0.25
_CHECK_TIMEOUT = 15.0
_FIRST_BACKOFF = 1.0
# A backend in use shows by that that it is well; its list of models is read again this rarely then, in check intervals.
_IN_USE = 10


class Health:
    """One backend's. Owns the checks: `aclose` ends them."""

    def __init__(self, runner: Runner, interval: float, on_reachable: Callable[[], None]) -> None:
        """Starts nothing. `interval` is in seconds, 0 for looks on request only; `on_reachable` is called after each check that went well."""
        self._runner = runner
        self._interval = interval
        self._on_reachable = on_reachable
        self._checking: asyncio.Task[RunnerInfo] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._checked = 0.0
        self._check_time_us = 0
        self._latency = 0.0
        self._failures = 0
        self._used = 0.0
        self._models: dict[str, model_pb2.Model] = {}
        self.known: RunnerInfo | None = None
        self.changed: Callable[[], None] = _nobody

    @property
    def down(self) -> bool:
        """Whether it did not answer when it was last looked at."""
        return self.known is not None and bool(self.known.problem)

    def knows(self, model: str) -> bool | None:
        """Whether there is a model of this name; None when that cannot be said."""
        info = self.known
        if info is None:
            return None
        if model in self._models or (info.unlisted is not None and info.unlisted.fullmatch(model) is not None):
            return True
        return None if info.problem else False

    def model(self, name: str) -> model_pb2.Model | None:
        """What was listed under this name (without prefix), or under the one that it stands for."""
        return self._models.get(name)

    def look(self) -> None:
        """Begins a look if there was none yet, and does not wait for it."""
        if self.known is None and not self._closed:
            self._begin_check()

    async def info(self) -> RunnerInfo:
        """What is known, after a short wait for news of a backend that is well."""
        if self.known is not None and (self._closed or time.monotonic() - self._checked < FRESH_SECONDS):
            return self.known
        task = self._begin_check()
        patience = _FIRST_WAIT if self.known is None else 0.0 if self.down else _LATER_WAIT
        if patience:
            await asyncio.wait([task], timeout=patience)
        return self.known or RunnerInfo(problem="It has not answered yet.")

    async def check(self) -> RunnerInfo:
        """Looks now and returns when that is done."""
        return await asyncio.shield(self._begin_check())

    def answered(self) -> None:
        """A request was answered: it is well."""
        self._used = time.monotonic()
        if self.down:
            self._look_in(0.0)

    def failed(self) -> None:
        """A request failed: look soon."""
        if self._failures == 0 and self._checked:
            self._look_in(_FIRST_BACKOFF)

    def status(self, problem: str, resting: float) -> runner_pb2.RunnerStatus:
        """How it is. `problem` is what requests ran into lately; it rests for `resting` more seconds."""
        info = self.known
        status = runner_pb2.RunnerStatus()
        if info is not None:
            status.health = runner_pb2.RUNNER_HEALTH_OK
            status.check_time.FromMicroseconds(self._check_time_us)
            status.latency.FromMicroseconds(int(self._latency * 1e6))
            status.version, status.model_count = info.version, len(info.models)
            ready = any(model.state == model_pb2.MODEL_STATE_READY for model in info.models)
            if info.problem:
                status.health, status.message = runner_pb2.RUNNER_HEALTH_DOWN, info.problem
            elif not ready:
                status.health = runner_pb2.RUNNER_HEALTH_DEGRADED
                status.message = info.hint or "It answers, but has no model that is ready."
        if problem and not status.message:
            status.health, status.message = runner_pb2.RUNNER_HEALTH_DEGRADED, problem
        if resting:
            status.health, status.message = runner_pb2.RUNNER_HEALTH_DOWN, problem or status.message
            status.retry_time.FromMicroseconds(now_us() + int(resting * 1e6))
        return status

    async def aclose(self) -> None:
        """Ends the checks."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.gather(self._checking, return_exceptions=True)

    def _begin_check(self) -> asyncio.Task[RunnerInfo]:
        if self._checking is None:
            self._checking = asyncio.create_task(self._check(), name=f"check {self._runner.name}")
        return self._checking

    async def _check(self) -> RunnerInfo:
        began = time.monotonic()
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT):
                info = await self._runner.info()
        except TimeoutError:
            info = RunnerInfo(problem=f"It did not answer within {_CHECK_TIMEOUT:.0f} seconds.")
        except Exception as error:  # a defect of the adapter must not end the checks
            logger.exception("Looking at the runner %s failed", self._runner.name)
            info = RunnerInfo(problem=f"Looking at it failed: {error}")
        finally:
            self._checking = None
        self._take(info, time.monotonic() - began)
        return self.known or info

    def _take(self, info: RunnerInfo, latency: float) -> None:
        """Remembers what a check has found. Models that a backend had before it went away stay listed as such."""
        before = self.known
        if info.problem and not info.models and before is not None:
            models = tuple(_away(model, info.problem) for model in before.models)
            info = replace(info, models=models, other_names=before.other_names)
        self.known = info
        self._checked = time.monotonic()
        self._check_time_us, self._latency = now_us(), latency
        prefix = len(self._runner.name) + 1
        listed = {model.id[prefix:]: model for model in info.models}
        self._models = {other: listed[name] for other, name in info.other_names.items() if name in listed} | listed
        self._failures = self._failures + 1 if info.problem else 0
        if not info.problem:
            self._on_reachable()
        backoff = min(self._interval, _FIRST_BACKOFF * 2 ** min(max(self._failures - 1, 0), 10))
        self._look_in(backoff if self._failures else self._interval)
        if info != before:
            self.changed()

    def _look_in(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._interval or self._closed:
            return
        spread = delay * random.uniform(0.8, 1.2)  # noqa: S311 - so that runners are not looked at in step
        self._timer = asyncio.get_running_loop().call_later(spread, self._look)

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        in_use = self._failures == 0 and now - self._used < self._interval
        if in_use and now - self._checked < self._interval * _IN_USE:
            self._look_in(self._interval)
        elif not self._closed:
            self._begin_check()


def _away(model: model_pb2.Model, problem: str) -> model_pb2.Model:
    away = model_pb2.Model()
    away.CopyFrom(model)
    away.state, away.state_message, away.loaded = model_pb2.MODEL_STATE_UNAVAILABLE, problem, False
    return away


def _nobody() -> None:
    """Nobody wants to know."""

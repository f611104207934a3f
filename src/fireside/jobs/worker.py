"""Takes jobs and runs their handlers, as many at once as it is told. Not what jobs do: whoever registers a kind says that.

A job is taken under a lease that is renewed while it runs, so that a job of a process that died is taken over when the
lease ends, or at once when the death was seen. Whoever lost a job is cancelled, and can write nothing for it any more
(store/jobs.py `hold`). Every step may be run twice, so handlers look at what is there before they do something.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from fireside.core.clock import now_us
from fireside.core.ids import new_id
from fireside.jobs.backoff import Backoff, failure_of
from fireside.store import jobs
from fireside.store.dialects.base import MISSED
from fireside.store.jobs import JobLostError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from fireside.gen.v1.message_pb2 import Failure
    from fireside.store.db import Database
    from fireside.store.jobs import Job, Lane
    from fireside.store.tx import Tx

    Handler: TypeAlias = Callable[[Job], Awaitable[None]]
    GivenUp: TypeAlias = Callable[[Tx, Job, Failure], Awaitable[Callable[[], None]]]

logger = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 1.0
_LANES_KNOWN: Final = 10_000
_PRUNE_SECONDS: Final = 600.0
_DEAD_KEPT_US: Final = 30 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How jobs are run by this process."""

    workers: int = 1
    """Jobs at once, and one more that is urgent; 0 leaves them to other processes."""

    holder: str = field(default_factory=new_id)
    """This run of this process, in leases."""

    members: tuple[str, ...] = ()
    """The holders of all processes, where no other server can be on the store."""

    dead: tuple[str, ...] = ()
    """Holders whose death was seen."""

    lease: float = 30.0
    """Seconds that a job is kept without renewal."""

    look: float = 3.0
    """After so many seconds it looks for jobs that nobody told it of, and for those that are not wanted any more."""

    backoff: Backoff = field(default_factory=Backoff)


class Room(Enum):
    """What else may run now."""

    NONE = 0
    URGENT = 1
    ANY = 2


class _Kind(NamedTuple):
    handler: Handler
    given_up: GivenUp | None


class _Running(NamedTuple):
    job: Job
    task: asyncio.Task[None]

    def cancel(self) -> None:
        """Ends it, once: what it has begun to clean up it ends."""
        if not self.task.cancelling():
            self.task.cancel()


class Worker:
    """The jobs of this process. `register` the kinds, then `open`; `drain` and `aclose` at the end."""

    def __init__(self, db: Database, options: WorkerOptions) -> None:
        self._db = db
        self._options = options
        self._kinds: dict[str, _Kind] = {}
        self._running: dict[str, _Running] = {}
        # Those of them whose handlers have ended, by their ids.
        self._ending: set[str] = set()
        self._bell = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._served: dict[str, int] = {}
        self._turn = 0
        self._draining = self._ended = False
        self._renewed = self._pruned = time.monotonic()

    def register(self, kind: str, handler: Handler, given_up: GivenUp | None = None) -> None:
        """Has jobs of a kind run by `handler`; `given_up` stores, in the transaction that gives one up, what that means.

        What `given_up` returns is called after the commit.
        """
        self._kinds[kind] = _Kind(handler, given_up)

    async def open(self) -> None:
        """Takes over what dead processes left, and takes jobs from now on."""
        options = self._options

        async def body(tx: Tx) -> None:
            if self._db.exclusive:
                await jobs.release_others(tx, [options.holder])
            elif options.members:
                await jobs.release_others(tx, options.members)
            if options.dead:
                await jobs.release(tx, options.dead)

        await self._db.write(body)
        await self._db.listen(self._hear)
        self._loop = asyncio.create_task(self._work(), name="run jobs")

    def wake(self) -> None:
        """Looks at once: there is a job, or one that runs here is not wanted any more."""
        self._bell.set()

    async def bury(self, holder: str) -> None:
        """Has what a process of this server had taken when it died run again at once."""
        if await self._db.write(lambda tx: jobs.release(tx, [holder])):
            self.wake()

    @property
    def running(self) -> list[Job]:
        """The jobs that run here now."""
        return [item.job for item in self._running.values()]

    async def drain(self, grace: float) -> None:
        """Takes no more jobs, lets running ones end for `grace` seconds and gives the rest back."""
        self._draining = True
        if grace > 0 and self._running:
            await asyncio.wait([item.task for item in self._running.values()], timeout=grace)
        given_back = list(self._running.values())
        for item in given_back:
            item.cancel()
        await asyncio.gather(*(item.task for item in given_back), return_exceptions=True)

        async def body(tx: Tx) -> None:
            for item in given_back:
                await jobs.give_back(tx, item.job)

        if given_back:
            try:
                await self._db.write(body)
            except Exception:  # the store may be away: then others take them when the leases end
                logger.exception("Jobs could not be given back")

    async def aclose(self) -> None:
        """Ends everything."""
        await self.drain(0)
        if self._loop is not None and not self._loop.done():
            # What it is doing just now it does to its end, so that no job stays taken by nobody.
            self._ended = True
            self.wake()
            await asyncio.wait([self._loop])

    def _hear(self, topic: str, _payload: str) -> None:
        if topic in (jobs.TOPIC, MISSED):
            self.wake()

    async def _work(self) -> None:
        while not self._ended:
            self._bell.clear()
            try:
                await self._keep()
                wait = await self._fill()
            except Exception:  # the store may be away for a while; the next turn tries again
                logger.exception("Looking for jobs failed; trying again")
                wait = _RETRY_SECONDS
            if self._ended:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._bell.wait()

    async def _keep(self) -> None:
        """Renews the leases in time, and ends what is somebody else's or nobody's now."""
        options, ids = self._options, [name for name in self._running if name not in self._ending]
        if ids and time.monotonic() - self._renewed >= options.lease / 3:
            self._renewed = time.monotonic()
            until = self._until()
            lost = await self._db.write(lambda tx: jobs.renew(tx, ids, options.holder, until))
        else:
            held = await self._db.read(lambda tx: jobs.held(tx, ids, options.holder)) if ids else set[str]()
            lost = set(ids) - held
        for job_id in lost:
            # One that is ending is held no more either, and has still to tell of it.
            if (item := self._running.get(job_id)) is not None and job_id not in self._ending:
                item.cancel()
        if time.monotonic() - self._pruned >= _PRUNE_SECONDS:
            self._pruned = time.monotonic()
            await self._db.write(lambda tx: jobs.prune(tx, now_us() - _DEAD_KEPT_US))

    async def _fill(self) -> float:
        """Takes jobs while there is room; returns after how many seconds there may be more to do."""
        options, kinds = self._options, list(self._kinds)
        while kinds and not self._draining and (room := self._room()) is not Room.NONE:
            lanes = await self._db.read(lambda tx: jobs.due(tx, kinds))
            if not lanes:
                following = await self._db.read(lambda tx: jobs.next_time(tx, kinds))
                soon = options.look if following is None else (following - now_us()) / 1e6
                return min(options.look, max(0.01, soon))
            lanes = [lane for lane in lanes if room is Room.ANY or _is_urgent(lane.name)]
            if not lanes:
                break
            # Another process may be quicker with it; then there may be others.
            if (job := await self._take(min(lanes, key=self._order))) is not None:
                await self._begin(job)
        return options.look

    def _room(self) -> Room:
        """There is a place more than there are workers, for what is urgent: no book keeps an answer waiting."""
        workers, running = self._options.workers, [_is_urgent(item.job.lane) for item in self._running.values()]
        if not workers or len(running) > workers:
            return Room.NONE
        return Room.ANY if running.count(False) < workers else Room.URGENT

    def _order(self, lane: Lane) -> tuple[bool, int, int, int]:
        """What is urgent first, then those with the least running, then those who were served longest ago."""
        return (
            not _is_urgent(lane.name),
            lane.running,
            self._served.get(lane.name, 0),
            lane.since_us,
        )

    async def _take(self, lane: Lane) -> Job | None:
        kinds, holder, until = list(self._kinds), self._options.holder, self._until()
        job = await self._db.write(lambda tx: jobs.take(tx, lane.name, kinds, holder, until))
        if job is not None:
            self._turn += 1
            self._served[lane.name] = self._turn
            while len(self._served) > _LANES_KNOWN:
                del self._served[next(iter(self._served))]
        return job

    def _until(self) -> int:
        return now_us() + int(self._options.lease * 1e6)

    async def _begin(self, job: Job) -> None:
        if self._draining:
            # It was being taken when stopping began.
            await self._db.write(lambda tx: jobs.give_back(tx, job))
            return
        task = asyncio.create_task(self._run(job), name=f"job {job.kind} {job.subject}")
        self._running[job.id] = _Running(job, task)

    async def _run(self, job: Job) -> None:
        kind = self._kinds[job.kind]
        try:
            self._options.backoff.require_chance(job.attempts)
            await kind.handler(job)
            self._ending.add(job.id)
            await self._db.write(lambda tx: jobs.done(tx, job))
        except JobLostError:
            logger.info("A job (%s) was taken over or is not wanted any more", job.kind)
        except Exception as error:  # noqa: BLE001 - it is the job's end, whatever it is
            self._ending.add(job.id)
            await self._failed(job, kind, error)
        finally:
            self._running.pop(job.id, None)
            self._ending.discard(job.id)
            self.wake()

    async def _failed(self, job: Job, kind: _Kind, error: Exception) -> None:
        failure = failure_of(error)
        delay = self._options.backoff.delay(job.attempts, error, random.random())  # noqa: S311 - no secret
        if failure.reason == "INTERNAL":
            logger.error("A job (%s) failed", job.kind, exc_info=error)
        else:
            logger.info("A job (%s) failed: %s %s", job.kind, failure.reason, failure.message)
        text = f"{failure.reason}: {failure.message}"

        async def body(tx: Tx) -> Callable[[], None] | None:
            if delay is not None:
                await jobs.retry(tx, job, text, now_us() + int(delay * 1e6))
                return None
            told = await kind.given_up(tx, job, failure) if kind.given_up is not None else None
            # Last, so that what it stored is taken back when the job is somebody else's now.
            if not await jobs.give_up(tx, job, text):
                raise JobLostError
            return told

        try:
            if (told := await self._db.write(body)) is not None:
                told()
        except JobLostError:
            logger.info("A job (%s) was taken over or is not wanted any more", job.kind)
        except Exception:  # the store may be away: the lease ends, and somebody tries again
            logger.exception("That a job failed could not be stored")


def _is_urgent(lane: str) -> bool:
    return lane.startswith(jobs.URGENT)

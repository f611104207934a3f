"""Jobs as processes run them, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from fireside.core.errors import InvalidArgumentError, UnavailableError
from fireside.gen.v1.message_pb2 import Failure
from fireside.jobs.backoff import Backoff, failure_of
from fireside.jobs.worker import Worker, WorkerOptions
from fireside.store import jobs
from fireside.store.db import Database
from fireside.store.jobs import Job
from fireside.store.tx import Tx

QUICK = Backoff(attempts=3, first=0.01)


class Desk:
    """What a handler was given, and what it does with it."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[Job] = asyncio.Queue()
        self.ended: asyncio.Queue[Job] = asyncio.Queue()
        self.cancelled: asyncio.Queue[Job] = asyncio.Queue()
        self.given_up: asyncio.Queue[Failure] = asyncio.Queue()
        self.errors: list[Exception] = []
        self.go = asyncio.Event()
        self.go.set()

    async def handle(self, job: Job) -> None:
        self.begun.put_nowait(job)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.put_nowait(job)
            raise
        if self.errors:
            raise self.errors.pop(0)
        self.ended.put_nowait(job)

    async def tell(self, _tx: Tx, _job: Job, failure: Failure) -> Callable[[], None]:
        return lambda: self.given_up.put_nowait(failure)


@asynccontextmanager
async def working(db: Database, desk: Desk, options: WorkerOptions | None = None) -> AsyncIterator[Worker]:
    worker = Worker(db, options or WorkerOptions(backoff=QUICK))
    worker.register("read", desk.handle, desk.tell)
    await worker.open()
    try:
        yield worker
    finally:
        await worker.aclose()


async def ask(db: Database, *subjects: str, lane: str = "") -> None:
    async def body(tx: Tx) -> None:
        for subject in subjects:
            await jobs.enqueue(tx, "read", subject, lane=lane)

    await db.write(body)


async def left(db: Database, subject: str = "d") -> Job | None:
    return await db.read(lambda tx: jobs.get(tx, "read", subject))


async def test_a_job_is_run_once_and_its_row_goes(db: Database) -> None:
    desk = Desk()
    await ask(db, "before")
    async with working(db, desk) as worker:
        assert (await desk.ended.get()).subject == "before"
        await ask(db, "d")
        worker.wake()
        assert (await desk.ended.get()).subject == "d"
        await worker.drain(10)
        assert await left(db) is None
    assert desk.begun.qsize() == 2


async def test_it_is_seen_also_when_nobody_told(db: Database) -> None:
    desk = Desk()
    async with working(db, desk, WorkerOptions(look=0.02)):
        await ask(db, "d")
        await desk.ended.get()


async def test_a_failure_is_tried_again_and_then_given_up(db: Database) -> None:
    desk = Desk()
    desk.errors = [
        UnavailableError("AWAY", "The shed is away.", retry_after=0),
        ValueError("a defect"),
        OSError("disk"),
    ]
    await ask(db, "d")
    async with working(db, desk):
        failure = await desk.given_up.get()
    assert [(await desk.begun.get()).attempts for _ in range(3)] == [1, 2, 3]
    assert (failure.reason, failure.retryable) == ("INTERNAL", True)
    ((dead, reason),) = await db.read(lambda tx: jobs.dead(tx, 10))
    assert (dead.subject, reason.partition(":")[0]) == ("d", "INTERNAL")


async def test_what_cannot_help_is_not_tried(db: Database) -> None:
    desk = Desk()
    desk.errors = [InvalidArgumentError("DOCUMENT_DAMAGED", "It is torn.")]
    await ask(db, "d")
    async with working(db, desk):
        assert await desk.given_up.get() == Failure(reason="DOCUMENT_DAMAGED", message="It is torn.")
    assert desk.begun.qsize() == 1


async def test_the_end_of_a_job_is_told_also_while_others_are_looked_after(db: Database) -> None:
    desk = Desk()
    desk.errors = [InvalidArgumentError("BAD", "It is torn.") for _ in range(40)]
    await ask(db, *(str(number) for number in range(40)))

    async def look(worker: Worker) -> None:
        # One that was given up is held no more: whoever looks then must not take it for one that was taken away.
        while True:
            worker.wake()
            await asyncio.sleep(0)

    async with working(db, desk, WorkerOptions(workers=4, backoff=QUICK)) as worker:
        looking = asyncio.create_task(look(worker))
        assert [(await desk.given_up.get()).reason for _ in range(40)] == ["BAD"] * 40
        looking.cancel()


async def test_whoever_asks_again_has_it_begun_again(db: Database) -> None:
    desk = Desk()
    desk.go.clear()
    await ask(db, "d")
    async with working(db, desk) as worker:
        first = await desk.begun.get()
        await ask(db, "d")
        worker.wake()
        assert await desk.cancelled.get() == first
        desk.go.set()
        second = await desk.ended.get()
        assert (second.id != first.id, second.attempts) == (True, 1)


async def test_one_that_is_not_wanted_any_more_ends_at_once(db: Database) -> None:
    desk = Desk()
    desk.go.clear()
    await ask(db, "d")
    async with working(db, desk) as worker:
        await desk.begun.get()
        await db.write(lambda tx: jobs.forget(tx, "read", "d"))
        worker.wake()
        await desk.cancelled.get()
        assert desk.given_up.empty()


async def test_stopping_lets_jobs_end(db: Database) -> None:
    desk = Desk()
    desk.go.clear()
    await ask(db, "d", "next")
    async with working(db, desk) as worker:
        await desk.begun.get()
        asyncio.get_running_loop().call_later(0.05, desk.go.set)
        await worker.drain(10)
        assert desk.ended.qsize() == 1
        assert await left(db) is None
        # It takes no more.
        assert (await left(db, "next")) is not None


async def test_stopping_gives_back_what_does_not_end(db: Database) -> None:
    desk = Desk()
    desk.go.clear()
    await ask(db, "d")
    async with working(db, desk) as worker:
        await desk.begun.get()
        await worker.drain(0)
        job = await left(db)
        assert job is not None
        assert (job.holder, job.attempts) == ("", 0)


async def test_a_job_is_not_taken_while_it_is_renewed(db: Database) -> None:
    desk = Desk()
    desk.go.clear()
    await ask(db, "d")
    loop = asyncio.get_running_loop()
    # The lease is shorter than the time that the job takes.
    async with working(db, desk, WorkerOptions(lease=0.2, look=0.02)):
        await desk.begun.get()
        end = loop.time() + 0.5
        while loop.time() < end:
            assert await db.write(lambda tx: jobs.take(tx, "", ["read"], "thief", 2**62)) is None
        desk.go.set()
        await desk.ended.get()


async def test_a_job_whose_process_was_seen_to_die_is_run_at_once(db: Database) -> None:
    desk = Desk()
    await ask(db, "d")
    await db.write(lambda tx: jobs.take(tx, "", ["read"], "dead", 2**62))
    async with working(db, desk, WorkerOptions(members=("dead",))) as worker:
        if db.exclusive:
            # Nobody else can be on the store: whoever had it is dead.
            await desk.ended.get()
            return
        assert desk.begun.empty()
        await worker.bury("dead")
        assert (await desk.ended.get()).attempts == 2


@pytest.mark.parametrize("dead", [True, False], ids=["named dead", "not a member"])
async def test_what_the_dead_left_is_run_at_the_start(db: Database, dead: bool) -> None:
    desk = Desk()
    await ask(db, "d")
    await db.write(lambda tx: jobs.take(tx, "", ["read"], "dead", 2**62))
    options = WorkerOptions(holder="me", members=("me", "dead") if dead else ("me",), dead=("dead",) if dead else ())
    async with working(db, desk, options):
        assert (await desk.ended.get()).attempts == 2


async def test_a_job_that_kills_its_processes_is_given_up(db: Database) -> None:
    desk = Desk()
    await ask(db, "d")
    for _ in range(QUICK.attempts):
        await db.write(lambda tx: jobs.take(tx, "", ["read"], "dead", 1))
    async with working(db, desk):
        assert (await desk.given_up.get()).reason == "WORN_OUT"
    assert desk.begun.empty()


async def test_lanes_take_turns(db: Database) -> None:
    desk = Desk()
    await ask(db, "a1", "a2", "a3", "a4", lane="a")
    await ask(db, "b1", "b2", lane="b")
    async with working(db, desk):
        order = [(await desk.ended.get()).subject for _ in range(6)]
    assert order == ["a1", "b1", "a2", "b2", "a3", "a4"]


async def test_so_many_run_at_once(db: Database) -> None:
    desk = Desk()
    desk.go.clear()
    await ask(db, "a1", "a2", lane="a")
    await ask(db, "b1", lane="b")
    async with working(db, desk, WorkerOptions(workers=2)) as worker:
        assert {(await desk.begun.get()).subject for _ in range(2)} == {"a1", "b1"}
        assert len(worker.running) == 2
        desk.go.set()
        assert (await desk.begun.get()).subject == "a2"


async def test_what_is_urgent_has_a_place_of_its_own(db: Database) -> None:
    desk = Desk()
    desk.go.clear()
    await ask(db, "book", "another book")
    async with working(db, desk, WorkerOptions(look=0.05)) as worker:
        assert (await desk.begun.get()).subject == "book"
        await ask(db, "question 1", "question 2", lane="!ann")
        worker.wake()
        assert (await desk.begun.get()).subject == "question 1"
        assert [job.subject for job in worker.running] == ["book", "question 1"]
        desk.go.set()
        # It goes before what has waited longer.
        assert [(await desk.begun.get()).subject for _ in range(2)] == ["question 2", "another book"]


async def test_a_process_without_workers_takes_none(db: Database) -> None:
    desk, other = Desk(), Desk()
    await ask(db, "d")
    async with working(db, desk, WorkerOptions(workers=0, look=0.01)), working(db, other):
        await other.ended.get()
    assert desk.begun.empty()


def test_waits_grow_and_are_not_the_same_for_all() -> None:
    backoff, error = Backoff(attempts=4, first=1.0, longest=10.0), OSError()
    assert [backoff.delay(attempts, error, 0.5) for attempts in (1, 2, 3, 4)] == [1.0, 4.0, 10.0, None]
    assert (backoff.delay(1, error, 0.0), backoff.delay(1, error, 1.0)) == (0.75, 1.25)
    assert backoff.delay(1, UnavailableError("BUSY", "Wait.", retry_after=30), 0.5) == 30
    assert backoff.delay(1, InvalidArgumentError("BAD", "No."), 0.5) is None


def test_a_defect_says_no_more_than_that() -> None:
    assert "secret" not in failure_of(ValueError("secret")).message

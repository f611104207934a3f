"""The queue of jobs on both databases."""

from __future__ import annotations

import asyncio

import pytest

from fireside.core.clock import now_us
from fireside.store import jobs
from fireside.store.db import Database
from fireside.store.jobs import Job, JobLostError, Lane
from fireside.store.tx import Tx

KINDS = ["read"]
LATER = now_us() + 3_600_000_000


async def ask(db: Database, subject: str = "d", lane: str = "", run_us: int = 0, kind: str = "read") -> str:
    return await db.write(lambda tx: jobs.enqueue(tx, kind, subject, b"how", run_us, lane))


async def take(db: Database, holder: str = "one", lane: str = "", until: int = LATER) -> Job | None:
    return await db.write(lambda tx: jobs.take(tx, lane, KINDS, holder, until))


async def taken(db: Database, holder: str = "one", lane: str = "", until: int = LATER) -> Job:
    job = await take(db, holder, lane, until)
    assert job is not None
    return job


async def test_a_job_is_taken_by_one(db: Database) -> None:
    made = await ask(db)
    found = await asyncio.gather(*(take(db, f"holder {number}") for number in range(8)))
    (job,) = [item for item in found if item is not None]
    assert (job.id, job.kind, job.subject, job.attempts, job.payload) == (made, "read", "d", 1, b"how")
    assert await db.read(lambda tx: jobs.due(tx, KINDS)) == []


async def test_what_is_done_is_gone(db: Database) -> None:
    await ask(db)
    job = await taken(db)
    assert await db.write(lambda tx: jobs.done(tx, job))
    assert await db.read(lambda tx: jobs.get(tx, "read", "d")) is None
    assert not await db.write(lambda tx: jobs.done(tx, job))


async def test_the_lease_of_a_dead_process_runs_out(db: Database) -> None:
    await ask(db)
    dead = await taken(db, "dead", until=now_us() - 1)
    again = await taken(db, "alive")
    assert (again.id, again.attempts, again.holder) == (dead.id, 2, "alive")
    with pytest.raises(JobLostError):
        await db.write(lambda tx: jobs.hold(tx, dead))
    assert not await db.write(lambda tx: jobs.done(tx, dead))
    assert not await db.write(lambda tx: jobs.retry(tx, dead, "late", 0))
    assert not await db.write(lambda tx: jobs.give_up(tx, dead, "late"))
    assert not await db.write(lambda tx: jobs.give_back(tx, dead))
    await db.write(lambda tx: jobs.hold(tx, again))


async def test_a_renewed_lease_does_not(db: Database) -> None:
    await ask(db)
    job = await taken(db, until=now_us() - 1)
    assert await db.write(lambda tx: jobs.renew(tx, [job.id, "gone"], "one", LATER)) == {"gone"}
    assert await take(db, "two") is None
    assert await db.read(lambda tx: jobs.held(tx, [job.id, "gone"], "one")) == {job.id}
    assert await db.read(lambda tx: jobs.held(tx, [job.id], "two")) == set()


async def test_asking_again_takes_it_from_whoever_runs_it(db: Database) -> None:
    first = await ask(db)
    job = await taken(db)
    second = await ask(db, lane="other")
    assert second != first
    assert await db.write(lambda tx: jobs.renew(tx, [job.id], "one", LATER)) == {job.id}
    with pytest.raises(JobLostError):
        await db.write(lambda tx: jobs.hold(tx, job))
    assert not await db.write(lambda tx: jobs.done(tx, job))
    again = await taken(db, "two", lane="other")
    assert (again.id, again.attempts) == (second, 1)


async def test_what_is_written_for_a_lost_job_is_taken_back(db: Database) -> None:
    await ask(db)
    job = await taken(db)
    await db.write(lambda tx: jobs.forget(tx, "read", "d"))

    async def body(tx: Tx) -> None:
        await jobs.enqueue(tx, "read", "half")
        await jobs.hold(tx, job)

    with pytest.raises(JobLostError):
        await db.write(body)
    assert await db.read(lambda tx: jobs.get(tx, "read", "half")) is None


async def test_a_failed_job_waits(db: Database) -> None:
    await ask(db)
    job = await taken(db)
    later = now_us() + 60_000_000
    assert await db.write(lambda tx: jobs.retry(tx, job, "AWAY: the store", later))
    assert await db.read(lambda tx: jobs.due(tx, KINDS)) == []
    assert await take(db) is None
    assert await db.read(lambda tx: jobs.next_time(tx, KINDS)) == later
    waiting = await db.read(lambda tx: jobs.get(tx, "read", "d"))
    assert waiting is not None
    assert (waiting.attempts, waiting.holder) == (1, "")


async def test_one_that_is_given_back_was_not_begun(db: Database) -> None:
    await ask(db)
    job = await taken(db)
    assert await db.write(lambda tx: jobs.give_back(tx, job))
    again = await taken(db, "two")
    assert (again.id, again.attempts) == (job.id, 1)


async def test_one_that_was_given_up_says_why_until_it_is_asked_for_again(db: Database) -> None:
    await ask(db)
    job = await taken(db)
    assert await db.write(lambda tx: jobs.give_up(tx, job, "BAD: it is broken"))
    assert await db.read(lambda tx: jobs.due(tx, KINDS)) == []
    assert await db.read(lambda tx: jobs.next_time(tx, KINDS)) is None
    ((dead, reason),) = await db.read(lambda tx: jobs.dead(tx, 10))
    assert (dead.subject, reason) == ("d", "BAD: it is broken")
    await ask(db)
    assert (await taken(db)).attempts == 1
    assert await db.read(lambda tx: jobs.dead(tx, 10)) == []


async def test_those_that_were_given_up_long_ago_are_forgotten(db: Database) -> None:
    await ask(db)
    job = await taken(db)
    await db.write(lambda tx: jobs.give_up(tx, job, "BAD"))
    assert await db.write(lambda tx: jobs.prune(tx, now_us() - 1_000_000_000)) == 0
    await ask(db, "waiting")
    assert await db.write(lambda tx: jobs.prune(tx, now_us() + 1)) == 1
    assert await db.read(lambda tx: jobs.get(tx, "read", "waiting")) is not None


async def test_lanes_say_what_runs_and_since_when_the_next_waits(db: Database) -> None:
    for subject in ("a1", "a2", "a3"):
        await ask(db, subject, lane="a")
    await ask(db, "b1", lane="b")
    await ask(db, "elsewhere", lane="c", kind="write")
    await ask(db, "later", lane="d", run_us=LATER)
    first = await taken(db, lane="a")
    assert first.subject == "a1"
    lanes = sorted(await db.read(lambda tx: jobs.due(tx, KINDS)), key=lambda lane: lane.name)
    assert [(lane.name, lane.running) for lane in lanes] == [("a", 1), ("b", 0)]
    assert lanes[0].since_us < lanes[1].since_us
    await taken(db, lane="b")
    assert [lane.name for lane in await db.read(lambda tx: jobs.due(tx, KINDS))] == ["a"]
    assert isinstance(lanes[0], Lane)


async def test_what_dead_processes_had_is_let_go(db: Database) -> None:
    for subject in ("a", "b", "c"):
        await ask(db, subject)
    for holder in ("dead", "member", "stranger"):
        await taken(db, holder)
    assert await db.write(lambda tx: jobs.release(tx, ["dead"])) == 1
    assert (await taken(db, "two")).subject == "a"
    assert await db.write(lambda tx: jobs.release_others(tx, ["member", "two"])) == 1
    assert (await taken(db, "two")).subject == "c"
    assert await take(db, "two") is None


async def test_removing_one_says_whether_there_was_one(db: Database) -> None:
    await ask(db)
    assert await db.write(lambda tx: jobs.forget(tx, "read", "d"))
    assert not await db.write(lambda tx: jobs.forget(tx, "read", "d"))

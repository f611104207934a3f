"""The queue of jobs: what is to be done in the background, by whichever process has time. Not the work: jobs/worker.py.

There is at most one job for a kind and a subject. Asking for it again makes it another job with another id, so that
whoever runs the one before has lost it, and what it did half is done once more from the start. A job is run at least
once; what it writes it writes under `hold`, which fails for whoever lost it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fireside.core.clock import now_us
from fireside.core.errors import AbortedError
from fireside.core.ids import new_id
from fireside.store.chunks import chunks, marks
from fireside.store.records import bytes_of, int_of, str_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.tx import Tx, Value

TOPIC: Final = "jobs"
"""What other processes are told (Tx.notify) when there is work, or when a job that one of them runs is not wanted any more."""

INGEST: Final = "ingest"
"""The kind of the job that reads a document; its subject is the document's id."""

REEMBED: Final = "reembed"
"""The kind of the job that makes vectors by the present model; its subject is `vectors`."""

TIDY: Final = "tidy"
"""The kind of the job that removes what deleted documents were cut into; its subject is `documents`."""

URGENT: Final = "!"
"""Begins the lanes for which somebody waits, such as those of files that a question brings: they have a place besides."""

_DEAD = 1
_COLUMNS = "id, kind, subject, lane, attempts, payload, lease_holder"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as whoever took it knows it."""

    id: str
    kind: str
    subject: str
    lane: str
    attempts: int
    """How often it was begun, this time included."""
    payload: bytes
    holder: str
    """Who has taken it; empty while it waits."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The work of one collection or account that nobody has taken: how much of it runs, and since when the next waits."""

    name: str
    running: int
    since_us: int


class JobLostError(AbortedError):
    """Somebody else has the job now, or nobody wants it any more; nothing may be written for it."""

    def __init__(self) -> None:
        super().__init__("JOB_LOST", "This job is not wanted any more, or was taken over.")


async def enqueue(tx: Tx, kind: str, subject: str, payload: bytes = b"", run_us: int = 0, lane: str = "") -> str:
    """Asks for a job, not before `run_us`; returns its id. One that waits, runs or was given up is replaced.

    `lane` is whose it is: lanes take turns. Call `Worker.wake` after the commit; others are told.
    """
    now, job_id = now_us(), new_id()
    await tx.execute(
        "INSERT INTO jobs (id, kind, subject, lane, state, run_time, lease_holder, lease_until, attempts, create_time,"
        " payload, last_error) VALUES ($1, $2, $3, $4, 0, $5, '', 0, 0, $6, $7, '')"
        " ON CONFLICT (kind, subject) DO UPDATE SET id = excluded.id, lane = excluded.lane, state = 0,"
        " run_time = excluded.run_time, lease_holder = '', lease_until = 0, attempts = 0,"
        " create_time = excluded.create_time, payload = excluded.payload, last_error = ''",
        job_id,
        kind,
        subject,
        lane,
        max(now, run_us),
        now,
        payload,
    )
    await tx.notify(TOPIC, "")
    return job_id


async def forget(tx: Tx, kind: str, subject: str) -> bool:
    """Removes a job, whoever runs it; it ends there soon. Whether there was one."""
    removed = await tx.execute("DELETE FROM jobs WHERE kind = $1 AND subject = $2", kind, subject)
    if removed:
        await tx.notify(TOPIC, "")
    return removed > 0


async def get(tx: Tx, kind: str, subject: str) -> Job | None:
    """The job that waits or runs."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM jobs WHERE kind = $1 AND subject = $2 AND state = 0",  # noqa: S608
        kind,
        subject,
    )
    return _loaded(*rows[0]) if rows else None


async def due(tx: Tx, kinds: Sequence[str]) -> list[Lane]:
    """The lanes with a job of these kinds that may run now and that nobody has, or whose lease has run out."""
    rows = await tx.fetch(
        "SELECT lane, SUM(CASE WHEN lease_until >= $1 THEN 1 ELSE 0 END),"  # noqa: S608
        " MIN(CASE WHEN lease_until < $1 THEN run_time ELSE NULL END) FROM jobs"
        f" WHERE state = 0 AND run_time <= $1 AND kind IN ({marks(2, len(kinds))}) GROUP BY lane"
        " HAVING MIN(lease_until) < $1",
        now_us(),
        *kinds,
    )
    return [Lane(str_of(lane), int_of(running), int_of(since)) for lane, running, since in rows]


async def next_time(tx: Tx, kinds: Sequence[str]) -> int | None:
    """When (microseconds) the next job of these kinds may be taken; it may be now. None: there is none."""
    rows = await tx.fetch(
        "SELECT MIN(CASE WHEN lease_until > run_time THEN lease_until ELSE run_time END) FROM jobs"  # noqa: S608
        f" WHERE state = 0 AND kind IN ({marks(1, len(kinds))})",
        *kinds,
    )
    return None if rows[0][0] is None else int_of(rows[0][0])


async def take(tx: Tx, lane: str, kinds: Sequence[str], holder: str, until_us: int) -> Job | None:
    """Takes the job of a lane that waits longest, until then unless it is renewed; None: somebody was quicker.

    It counts as begun.
    """
    rows = await tx.fetch(
        "UPDATE jobs SET lease_holder = $1, lease_until = $2, attempts = attempts + 1"  # noqa: S608
        " WHERE state = 0 AND lease_until < $3 AND id = (SELECT j.id FROM jobs j WHERE j.state = 0 AND j.lane = $4"
        f" AND j.run_time <= $3 AND j.lease_until < $3 AND j.kind IN ({marks(5, len(kinds))})"
        f" ORDER BY j.run_time, j.id LIMIT 1) RETURNING {_COLUMNS}",
        holder,
        until_us,
        now_us(),
        lane,
        *kinds,
    )
    return _loaded(*rows[0]) if rows else None


async def renew(tx: Tx, job_ids: Sequence[str], holder: str, until_us: int) -> set[str]:
    """Keeps jobs that the holder has taken; returns those that it has no more."""
    lost = set(job_ids)
    for some in chunks(sorted(job_ids)):
        rows = await tx.fetch(
            "UPDATE jobs SET lease_until = $2 WHERE lease_holder = $1 AND state = 0"  # noqa: S608
            f" AND id IN ({marks(3, len(some))}) RETURNING id",
            holder,
            until_us,
            *some,
        )
        lost -= {str_of(row[0]) for row in rows}
    return lost


async def held(tx: Tx, job_ids: Sequence[str], holder: str) -> set[str]:
    """Those of these jobs that the holder has still. A read, to look often."""
    found: set[str] = set()
    for some in chunks(sorted(job_ids)):
        rows = await tx.fetch(
            f"SELECT id FROM jobs WHERE lease_holder = $1 AND state = 0 AND id IN ({marks(2, len(some))})",  # noqa: S608
            holder,
            *some,
        )
        found |= {str_of(row[0]) for row in rows}
    return found


async def hold(tx: Tx, job: Job) -> None:
    """Makes sure, for the rest of the transaction, that the job is still whose took it. JobLostError."""
    changed = await tx.execute(
        "UPDATE jobs SET lease_holder = $2 WHERE id = $1 AND lease_holder = $2 AND state = 0", job.id, job.holder
    )
    if not changed:
        raise JobLostError


async def done(tx: Tx, job: Job) -> bool:
    """Removes a job that was done. Whether it was still whose took it."""
    return await tx.execute("DELETE FROM jobs WHERE id = $1 AND lease_holder = $2", job.id, job.holder) > 0


async def give_back(tx: Tx, job: Job) -> bool:
    """Lets somebody else take a job at once, as if it had not been begun. Whether it was still whose took it."""
    changed = await tx.execute(
        "UPDATE jobs SET lease_holder = '', lease_until = 0, attempts = attempts - 1"
        " WHERE id = $1 AND lease_holder = $2 AND state = 0",
        job.id,
        job.holder,
    )
    if changed:
        await tx.notify(TOPIC, "")
    return changed > 0


async def retry(tx: Tx, job: Job, error: str, run_us: int) -> bool:
    """Has a job that failed run again, not before then. Whether it was still whose took it."""
    changed = await tx.execute(
        "UPDATE jobs SET lease_holder = '', lease_until = 0, run_time = $3, last_error = $4"
        " WHERE id = $1 AND lease_holder = $2 AND state = 0",
        job.id,
        job.holder,
        run_us,
        error,
    )
    return changed > 0


async def give_up(tx: Tx, job: Job, error: str) -> bool:
    """Keeps a job with the reason why it is not tried again. Whether it was still whose took it."""
    changed = await tx.execute(
        "UPDATE jobs SET state = 1, lease_holder = '', lease_until = 0, last_error = $3"
        " WHERE id = $1 AND lease_holder = $2 AND state = 0",
        job.id,
        job.holder,
        error,
    )
    return changed > 0


async def dead(tx: Tx, limit: int) -> list[tuple[Job, str]]:
    """At most `limit` jobs that were given up, each with the reason, the oldest first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS}, last_error FROM jobs WHERE state = $1 ORDER BY run_time, id LIMIT $2",  # noqa: S608
        _DEAD,
        limit,
    )
    return [(_loaded(*row[:-1]), str_of(row[-1])) for row in rows]


async def prune(tx: Tx, before_us: int) -> int:
    """Removes jobs that were given up before that; returns how many."""
    return await tx.execute("DELETE FROM jobs WHERE state = 1 AND run_time < $1", before_us)


async def release(tx: Tx, holders: Sequence[str]) -> int:
    """Lets others take what these dead processes had taken, at once; how many."""
    return await tx.execute(
        "UPDATE jobs SET lease_until = 0, lease_holder = ''"  # noqa: S608
        f" WHERE state = 0 AND lease_holder IN ({marks(1, len(holders))})",
        *holders,
    )


async def release_others(tx: Tx, holders: Sequence[str]) -> int:
    """The same for what was taken by whoever is none of these."""
    return await tx.execute(
        "UPDATE jobs SET lease_until = 0, lease_holder = '' WHERE state = 0 AND lease_holder <> ''"  # noqa: S608
        f" AND lease_holder NOT IN ({marks(1, len(holders))})",
        *holders,
    )


def _loaded(*row: Value) -> Job:
    job_id, kind, subject, lane, attempts, payload, holder = row
    return Job(
        id=str_of(job_id),
        kind=str_of(kind),
        subject=str_of(subject),
        lane=str_of(lane),
        attempts=int_of(attempts),
        payload=bytes_of(payload),
        holder=str_of(holder),
    )

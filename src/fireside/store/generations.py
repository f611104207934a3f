"""Generations, the leases of those who write them, and their logs. Not the log's live tails: those are chat's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from fireside.core.clock import now_us as clock_us
from fireside.core.errors import FailedPreconditionError
from fireside.gen.v1.generation_pb2 import Generation
from fireside.store.chunks import chunks, marks
from fireside.store.records import bytes_of, int_of, str_of, us_of
from fireside.store.shares import GIVEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.tx import Tx, Value

_COLUMNS = "record, last_seq, owner, fingerprint, seq_limit, stop_requested"


@dataclass(frozen=True, slots=True)
class StoredGeneration:
    """A generation and what the server keeps beside its record.

    `fingerprint` tells whether the same id was started with the same spec. No number above `seq_limit` was ever
    given to an event.
    """

    record: Generation
    owner: str
    fingerprint: bytes
    seq_limit: int
    stop_requested: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write a generation: who has it, and until when (microseconds) without renewal.

    `holder` names one run of one process, so that a process that was restarted is not taken for itself.
    """

    holder: str
    until_us: int


@dataclass(frozen=True, slots=True)
class LogBatch:
    """Consecutive events as they are stored and streamed: `payload` is a serialised `repeated Event events = 1`.

    Without a payload it only renews the lease and raises `seq_limit`. Batches that are read have no `seq_limit`.
    """

    generation_id: str
    first_seq: int
    last_seq: int
    payload: bytes
    seq_limit: int = 0


async def insert(tx: Tx, g: StoredGeneration, lease: Lease, payload: bytes = b"") -> None:
    """Stores a new running generation, and the events up to its `last_seq` if there are any.

    AlreadyExistsError: the id is taken. NotFoundError: no such conversation.
    """
    await tx.execute(
        "INSERT INTO generations (id, owner, conversation_id, message_id, fingerprint, record, last_seq, seq_limit,"
        " stop_requested, log_kept, lease_holder, lease_until, create_time)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $12)",
        g.record.id,
        g.owner,
        g.record.conversation_id,
        g.record.message_id,
        g.fingerprint,
        g.record.SerializeToString(),
        g.record.last_seq,
        g.seq_limit,
        int(g.stop_requested),
        lease.holder,
        lease.until_us,
        us_of(g.record.create_time),
    )
    if payload:
        await tx.execute(_insert_events(1), g.record.id, 1, g.record.last_seq, payload)


async def get(tx: Tx, owner: str, generation_id: str) -> StoredGeneration | None:
    """The owner's generation, whether its conversation was deleted or not."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM generations WHERE id = $1 AND owner = $2",  # noqa: S608
        generation_id,
        owner,
    )
    return _loaded(*rows[0]) if rows else None


async def find(tx: Tx, generation_id: str) -> StoredGeneration | None:
    """The generation, whoever owns it. Access is for the caller to see to."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM generations WHERE id = $1", generation_id)  # noqa: S608
    return _loaded(*rows[0]) if rows else None


async def append(tx: Tx, batches: Sequence[LogBatch], lease: Lease) -> list[str]:
    """Appends to the logs of running generations that `lease.holder` holds, and renews the leases.

    At most one batch for a generation. Returns the ids of those that were ended, or taken by somebody else; nothing
    of theirs was written.
    """
    lost: list[str] = []
    for some in chunks(sorted(batches, key=lambda batch: batch.generation_id)):
        held = await _renew(tx, some, lease)
        stored: list[Value] = []
        for b in some:
            if b.generation_id not in held:
                lost.append(b.generation_id)
            elif b.payload:
                stored += (b.generation_id, b.first_seq, b.last_seq, b.payload)
        for values in chunks(stored, width=4):
            await tx.execute(_insert_events(len(values) // 4), *values)
    return lost


async def _renew(tx: Tx, batches: Sequence[LogBatch], lease: Lease) -> set[str]:
    """Moves numbers and leases; returns the ids of those that the lease's holder holds, which stay locked."""
    args: list[Value] = [lease.holder, lease.until_us]
    for b in batches:
        args += (b.generation_id, b.last_seq if b.payload else 0, b.seq_limit)
    ids = [b.generation_id for b in batches]
    if await tx.execute(_update_numbers(len(batches)), *args) == len(batches):
        return set(ids)
    rows = await tx.fetch(
        f"SELECT id FROM generations WHERE lease_holder = $1 AND end_time IS NULL AND id IN ({marks(2, len(ids))})",  # noqa: S608
        lease.holder,
        *ids,
    )
    return {str_of(row[0]) for row in rows}


@cache
def _update_numbers(count: int) -> str:
    rows = ", ".join(
        f"(CAST(${n} AS TEXT), CAST(${n + 1} AS BIGINT), CAST(${n + 2} AS BIGINT))" for n in range(3, 3 + 3 * count, 3)
    )
    return (
        "UPDATE generations SET"  # noqa: S608 Nothing but numbers is put in.
        " last_seq = CASE WHEN v.column2 > last_seq THEN v.column2 ELSE last_seq END,"
        " seq_limit = CASE WHEN v.column3 > seq_limit THEN v.column3 ELSE seq_limit END,"
        f" lease_until = $2 FROM (VALUES {rows}) AS v"
        " WHERE id = v.column1 AND lease_holder = $1 AND end_time IS NULL"
    )


@cache
def _insert_events(count: int) -> str:
    rows = ", ".join(f"({marks(n, 4)})" for n in range(1, 1 + 4 * count, 4))
    return f"INSERT INTO generation_events (generation_id, first_seq, last_seq, payload) VALUES {rows}"  # noqa: S608


async def events(tx: Tx, generation_id: str, after_seq: int, limit_bytes: int) -> list[LogBatch]:
    """Stored batches with events after `after_seq`, in order: at least one if there is any, up to about `limit_bytes`.

    The first may begin before `after_seq`. Sequence numbers may jump where a reset was stored.
    """
    sizes = await tx.fetch(
        "SELECT first_seq, length(payload) FROM generation_events WHERE generation_id = $1 AND last_seq > $2"
        " AND first_seq >= COALESCE((SELECT max(first_seq) FROM generation_events"
        " WHERE generation_id = $1 AND first_seq <= $2), 0) ORDER BY first_seq LIMIT 4096",
        generation_id,
        after_seq,
    )
    if not sizes:
        return []
    end, total = int_of(sizes[0][0]), int_of(sizes[0][1])
    for first_seq, size in sizes[1:]:
        total += int_of(size)
        if total > limit_bytes:
            break
        end = int_of(first_seq)
    rows = await tx.fetch(
        "SELECT first_seq, last_seq, payload FROM generation_events"
        " WHERE generation_id = $1 AND first_seq BETWEEN $2 AND $3 ORDER BY first_seq",
        generation_id,
        sizes[0][0],
        end,
    )
    return [LogBatch(generation_id, int_of(first), int_of(last), bytes_of(payload)) for first, last, payload in rows]


async def look(tx: Tx, places: Sequence[tuple[str, int]]) -> tuple[dict[str, StoredGeneration], list[list[LogBatch]]]:
    """Many logs in few statements: the generations by id, and for each (id, number) the batches after that number.

    As `get` and `events`, but whoever the owners are and without a limit: for readers that are nearly at the end.
    """
    found: dict[str, StoredGeneration] = {}
    for some in chunks(sorted({generation_id for generation_id, _ in places})):
        rows = await tx.fetch(
            f"SELECT {_COLUMNS} FROM generations WHERE id IN ({marks(1, len(some))})",  # noqa: S608
            *some,
        )
        found |= {stored.record.id: stored for stored in (_loaded(*row) for row in rows)}
    batches: list[list[LogBatch]] = [[] for _ in places]
    for some in chunks([(number, *place) for number, place in enumerate(places)]):
        args: list[Value] = [value for row in some for value in row]
        for place, generation_id, first, last, payload in await tx.fetch(_events_after(len(some)), *args):
            batch = LogBatch(str_of(generation_id), int_of(first), int_of(last), bytes_of(payload))
            batches[int_of(place)].append(batch)
    return found, batches


@cache
def _events_after(count: int) -> str:
    rows = ", ".join(
        f"(CAST(${n} AS BIGINT), CAST(${n + 1} AS TEXT), CAST(${n + 2} AS BIGINT))" for n in range(1, 1 + 3 * count, 3)
    )
    return (
        "SELECT v.column1, e.generation_id, e.first_seq, e.last_seq, e.payload"  # noqa: S608 Nothing but numbers is put in.
        f" FROM (VALUES {rows}) AS v JOIN generation_events AS e ON e.generation_id = v.column2"
        " AND e.last_seq > v.column3 AND e.first_seq >= COALESCE((SELECT max(first_seq) FROM generation_events"
        " WHERE generation_id = v.column2 AND first_seq <= v.column3), 0) ORDER BY v.column1, e.first_seq"
    )


async def end(tx: Tx, record: Generation, rest: LogBatch | None = None, lease: Lease | None = None) -> bool:
    """Stores a generation as ended, with the `rest` of its log. With a lease, only if its holder has it.

    Returns whether its conversation has any share: that costs no statement of its own.

    FailedPreconditionError: it is not running, or not the holder's (somebody else has ended it).
    """
    args: list[Value] = [record.id, record.SerializeToString(), us_of(record.end_time), record.last_seq]
    guard = ""
    if lease is not None:
        guard = " AND lease_holder = $5"
        args.append(lease.holder)
    changed = await tx.fetch(
        "UPDATE generations SET record = $2, end_time = $3,"  # noqa: S608 - the guard is one of two texts above
        " last_seq = CASE WHEN $4 > last_seq THEN $4 ELSE last_seq END,"
        f" seq_limit = CASE WHEN $4 > seq_limit THEN $4 ELSE seq_limit END WHERE id = $1 AND end_time IS NULL{guard}"
        " RETURNING CASE WHEN EXISTS (SELECT 1 FROM shares WHERE shares.conversation_id = generations.conversation_id)"
        " THEN 1 ELSE 0 END",
        *args,
    )
    if not changed:
        raise FailedPreconditionError("GENERATION_ENDED", "The generation is not running.", generation_id=record.id)
    if rest is not None:
        await tx.execute(_insert_events(1), record.id, rest.first_seq, rest.last_seq, rest.payload)
    return bool(changed[0][0])


async def running_for(tx: Tx, account_id: str) -> list[StoredGeneration]:
    """The running generations in the account's conversations and in those that are shared with it, oldest first."""
    columns = ", ".join(f"g.{name}" for name in (*_COLUMNS.split(", "), "create_time", "id"))
    rows = await tx.fetch(
        f"SELECT {columns} FROM generations g WHERE g.end_time IS NULL AND g.owner = $1"  # noqa: S608
        f" UNION SELECT {columns} FROM {GIVEN} AS s JOIN conversations c ON c.id = s.conversation_id"
        " JOIN generations g ON g.owner = c.owner AND g.end_time IS NULL AND g.conversation_id = c.id"
        " WHERE c.delete_time IS NULL ORDER BY 7, 8",
        account_id,
        clock_us(),
    )
    return [_loaded(*row[:6]) for row in rows]


async def running(tx: Tx, owner: str | None) -> list[StoredGeneration]:
    """The generations that are running, of one account or (None) of all, oldest first."""
    if owner is None:
        return await _select(tx, "end_time IS NULL")
    return await _select(tx, "end_time IS NULL AND owner = $1", owner)


async def stale(tx: Tx, now_us: int) -> list[StoredGeneration]:
    """The running generations whose lease has run out at `now_us`: nobody writes them any more."""
    return await _select(tx, "end_time IS NULL AND lease_until < $1", now_us)


async def held(tx: Tx, holders: Sequence[str]) -> list[StoredGeneration]:
    """The running generations whose lease one of `holders` has."""
    return await _select(tx, f"end_time IS NULL AND lease_holder IN ({marks(1, len(holders))})", *holders)


async def held_by_others(tx: Tx, holders: Sequence[str]) -> list[StoredGeneration]:
    """The running generations whose lease none of `holders` has."""
    return await _select(tx, f"end_time IS NULL AND lease_holder NOT IN ({marks(1, len(holders))})", *holders)


async def to_stop(tx: Tx, holder: str) -> list[str]:
    """The ids of the running generations of a holder that somebody wants stopped."""
    rows = await tx.fetch(
        "SELECT id FROM generations WHERE end_time IS NULL AND stop_requested = 1 AND lease_holder = $1", holder
    )
    return [str_of(row[0]) for row in rows]


async def take(tx: Tx, generation_id: str, lease: Lease, *, now_us: int | None = None) -> bool:
    """Takes over a running generation whose lease has run out at `now_us` (by default now); False: it has not.

    A database that is exclusive has no other process: there, a start may take all with a `now_us` in the far future.
    """
    now_us = clock_us() if now_us is None else now_us
    changed = await tx.execute(
        "UPDATE generations SET lease_holder = $2, lease_until = $3"
        " WHERE id = $1 AND end_time IS NULL AND lease_until < $4 AND lease_holder <> $2",
        generation_id,
        lease.holder,
        lease.until_us,
        now_us,
    )
    return changed == 1


async def request_stop(tx: Tx, owner: str, generation_id: str) -> bool:
    """Notes that a running generation of the owner shall stop; False if there is none."""
    changed = await tx.execute(
        "UPDATE generations SET stop_requested = 1 WHERE id = $1 AND owner = $2 AND end_time IS NULL",
        generation_id,
        owner,
    )
    return changed == 1


async def drop_events(tx: Tx, ended_before_us: int, limit: int) -> int:
    """Drops the logs of at most `limit` generations that ended before that; returns how many."""
    rows = await tx.fetch(
        "SELECT id FROM generations WHERE log_kept = 1 AND end_time IS NOT NULL AND end_time < $1"
        " ORDER BY end_time LIMIT $2",
        ended_before_us,
        limit,
    )
    if rows:
        await tx.execute_many("DELETE FROM generation_events WHERE generation_id = $1", rows)
        await tx.execute_many("UPDATE generations SET log_kept = 0 WHERE id = $1", rows)
    return len(rows)


async def _select(tx: Tx, where: str, *args: Value) -> list[StoredGeneration]:
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM generations WHERE {where} ORDER BY create_time, id", *args)  # noqa: S608
    return [_loaded(*row) for row in rows]


def _loaded(*row: Value) -> StoredGeneration:
    record, last_seq, owner, fingerprint, seq_limit, stop_requested = row
    generation = Generation.FromString(bytes_of(record))
    generation.last_seq = int_of(last_seq)
    return StoredGeneration(
        record=generation,
        owner=str_of(owner),
        fingerprint=bytes_of(fingerprint),
        seq_limit=int_of(seq_limit),
        stop_requested=bool(stop_requested),
    )

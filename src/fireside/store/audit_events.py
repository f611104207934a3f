"""The audit log: appended to and read, never changed. The databases refuse UPDATE and DELETE on its table besides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.gen.v1.audit_pb2 import AuditEvent
from fireside.store.records import bytes_of, int_of, timestamp_of

if TYPE_CHECKING:
    from fireside.store.tx import Tx, Value


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events; what is unset leaves none out. Times are microseconds since the Unix epoch."""

    actor_id: str = ""
    action: str = ""
    """What their action begins with."""

    from_us: int = 0
    before_us: int = 0


async def append(tx: Tx, event: AuditEvent, time_us: int) -> AuditEvent:
    """Adds an event and returns it with its number and time."""
    # Both have columns of their own.
    event.ClearField("number")
    event.ClearField("time")
    rows = await tx.fetch(
        "INSERT INTO audit_events (time, actor_id, action, record) VALUES ($1, $2, $3, $4) RETURNING number",
        time_us,
        event.actor_id,
        event.action,
        event.SerializeToString(),
    )
    event.number = int_of(rows[0][0])
    event.time.CopyFrom(timestamp_of(time_us))
    return event


async def page(tx: Tx, wanted: Filter, limit: int, before: int = 0) -> list[AuditEvent]:
    """At most `limit` events, the newest first; with `before` only those with smaller numbers."""
    where, args = _where(wanted)
    if before:
        args.append(before)
        where += f" AND number < ${len(args)}"
    return await _fetch(tx, f"{where} ORDER BY number DESC LIMIT {limit:d}", args)


async def walk(tx: Tx, wanted: Filter, limit: int, after: int, up_to: int) -> list[AuditEvent]:
    """At most `limit` events, the oldest first, whose numbers are above `after` and at most `up_to`."""
    where, args = _where(wanted)
    args += [after, up_to]
    where += f" AND number > ${len(args) - 1} AND number <= ${len(args)}"
    return await _fetch(tx, f"{where} ORDER BY number LIMIT {limit:d}", args)


async def newest(tx: Tx) -> int:
    """The number of the newest event; 0 for none."""
    rows = await tx.fetch("SELECT number FROM audit_events ORDER BY number DESC LIMIT 1")
    return int_of(rows[0][0]) if rows else 0


def _where(wanted: Filter) -> tuple[str, list[Value]]:
    terms: list[str] = ["1 = 1"]
    args: list[Value] = []
    for term, value in (("actor_id = ", wanted.actor_id), ("time >= ", wanted.from_us), ("time < ", wanted.before_us)):
        if value:
            args.append(value)
            terms.append(f"{term}${len(args)}")
    if wanted.action:
        # A range and not LIKE: `_` is a letter here.
        args += [wanted.action, wanted.action + "\U0010ffff"]
        terms.append(f"action >= ${len(args) - 1} AND action < ${len(args)}")
    return " AND ".join(terms), args


async def _fetch(tx: Tx, where: str, args: list[Value]) -> list[AuditEvent]:
    rows = await tx.fetch(f"SELECT number, time, record FROM audit_events WHERE {where}", *args)  # noqa: S608
    return [_loaded(*row) for row in rows]


def _loaded(number: Value, time: Value, record: Value) -> AuditEvent:
    event = AuditEvent.FromString(bytes_of(record))
    event.number = int_of(number)
    event.time.CopyFrom(timestamp_of(int_of(time)))
    return event

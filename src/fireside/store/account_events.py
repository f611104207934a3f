"""The changes of an account, numbered from 1 in the order in which they were committed. Not their cursors: those are chat's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fireside.core.clock import now_us
from fireside.gen.v1.account_event_pb2 import AccountEvent
from fireside.store import accounts
from fireside.store.chunks import chunks, marks
from fireside.store.records import bytes_of, int_of, str_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.tx import Tx, Value

TOPIC: Final = "feed"
"""What other processes are told (Tx.notify): an account's newest number, a space, the account's id."""

_NEXT = "UPDATE accounts SET event_seq = event_seq + $2 WHERE id = $1 RETURNING event_seq"


async def append(tx: Tx, owner: str, *events: AccountEvent) -> int:
    """Stores events, without their cursors, and returns the number of the last one.

    The account's row stays locked until the commit, so that numbers become visible in order: append late in a body.
    """
    rows = await tx.fetch(_NEXT, owner, len(events))
    if not rows:
        await accounts.ensure(tx, owner)
        rows = await tx.fetch(_NEXT, owner, len(events))
    last = int_of(rows[0][0])
    args: list[Value] = [owner, now_us()]
    for number, event in enumerate(events, last - len(events) + 1):
        record = AccountEvent()
        record.CopyFrom(event)
        record.ClearField("cursor")
        args += (number, record.SerializeToString())
    values = ", ".join(f"($1, ${n}, $2, ${n + 1})" for n in range(3, 3 + 2 * len(events), 2))
    await tx.execute(
        f"INSERT INTO account_events (owner, number, create_time, record) VALUES {values}",  # noqa: S608 - numbers only
        *args,
    )
    return last


async def tell(tx: Tx, owner: str, *events: AccountEvent) -> int:
    """Appends, and tells other processes. Who follows the account here is for the caller to tell, after the commit."""
    last = await append(tx, owner, *events)
    await tx.notify(TOPIC, f"{last} {owner}")
    return last


async def read(tx: Tx, owner: str, after: int, limit: int) -> list[tuple[int, AccountEvent]]:
    """At most `limit` events with numbers above `after`, in order."""
    rows = await tx.fetch(
        "SELECT number, record FROM account_events WHERE owner = $1 AND number > $2 ORDER BY number LIMIT $3",
        owner,
        after,
        limit,
    )
    return [(int_of(number), AccountEvent.FromString(bytes_of(record))) for number, record in rows]


async def bounds(tx: Tx, owner: str) -> tuple[int, int]:
    """(The number of the last pruned event, the newest number): a reader can go on after any number in between."""
    rows = await tx.fetch("SELECT pruned_seq, event_seq FROM accounts WHERE id = $1", owner)
    return (int_of(rows[0][0]), int_of(rows[0][1])) if rows else (0, 0)


async def newest(tx: Tx, owners: Sequence[str]) -> dict[str, int]:
    """The newest number of each of these accounts that has one."""
    found: dict[str, int] = {}
    for some in chunks(owners):
        rows = await tx.fetch(f"SELECT id, event_seq FROM accounts WHERE id IN ({marks(1, len(some))})", *some)  # noqa: S608
        found |= {str_of(owner): int_of(number) for owner, number in rows}
    return found


async def prune(tx: Tx, before_us: int, limit: int) -> int:
    """Removes about `limit` events that were stored before that, the oldest of each account; returns how many."""
    rows = await tx.fetch(
        "SELECT owner, number FROM account_events WHERE create_time < $1 ORDER BY create_time, number LIMIT $2",
        before_us,
        limit,
    )
    newest: dict[str, int] = {}
    for owner, number in rows:
        newest[str_of(owner)] = max(newest.get(str_of(owner), 0), int_of(number))
    removed = 0
    for owner, number in sorted(newest.items()):
        await tx.execute("UPDATE accounts SET pruned_seq = $2 WHERE id = $1 AND pruned_seq < $2", owner, number)
        removed += await tx.execute("DELETE FROM account_events WHERE owner = $1 AND number <= $2", owner, number)
    return removed

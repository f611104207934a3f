"""How much each account used on each day (UTC). Not what it may use: that is identity/limits.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.store.records import int_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fireside.store.tx import Tx


async def add(tx: Tx, rows: Iterable[tuple[str, int, int, int]]) -> None:
    """Adds (account, day, messages, tokens) to what is there. Accounts that are gone are left out."""
    for owner, day, messages, tokens in sorted(rows):
        await tx.execute(
            "INSERT INTO usage (owner, day, messages, tokens) SELECT $1, $2, $3, $4"
            " WHERE EXISTS (SELECT 1 FROM accounts WHERE id = $1)"
            " ON CONFLICT (owner, day) DO UPDATE SET messages = usage.messages + $3, tokens = usage.tokens + $4",
            owner,
            day,
            messages,
            tokens,
        )


async def of_day(tx: Tx, owner: str, day: int) -> tuple[int, int]:
    """(Messages, tokens) of an account on a day."""
    rows = await tx.fetch("SELECT messages, tokens FROM usage WHERE owner = $1 AND day = $2", owner, day)
    return (int_of(rows[0][0]), int_of(rows[0][1])) if rows else (0, 0)


async def prune(tx: Tx, before_day: int) -> int:
    """Forgets the days before; returns how many rows."""
    return await tx.execute("DELETE FROM usage WHERE day < $1", before_day)

"""Numbers that grow, by name. Whoever remembers one sees whether something has changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.store.records import int_of

if TYPE_CHECKING:
    from fireside.store.tx import Tx


async def increment(tx: Tx, name: str) -> int:
    """Adds one and returns the number; the first one is 1."""
    rows = await tx.fetch(
        "INSERT INTO counters (name, value) VALUES ($1, 1)"
        " ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value",
        name,
    )
    return int_of(rows[0][0])


async def get(tx: Tx, name: str) -> int:
    """The number; 0 if it was never incremented."""
    rows = await tx.fetch("SELECT value FROM counters WHERE name = $1", name)
    return int_of(rows[0][0]) if rows else 0

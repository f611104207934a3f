"""Account rows: what everything else belongs to. Not sign-in: that is identity's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fireside.store.tx import Tx


async def ensure(tx: Tx, owner: str) -> None:
    """Makes the account's row if there is none."""
    await tx.execute("INSERT INTO accounts (id) VALUES ($1) ON CONFLICT DO NOTHING", owner)

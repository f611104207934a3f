"""There is always an admin who can sign in, or nobody could let anybody in again (but with `fireside admin --offline`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.errors import FailedPreconditionError
from fireside.store import accounts, counters

if TYPE_CHECKING:
    from fireside.store.tx import Tx

_COUNTER = "admins"


async def keep_one(tx: Tx) -> None:
    """To be called in a transaction after what may have taken an admin away. FailedPreconditionError (LAST_ADMIN)."""
    # The counter's row is a lock: of two that take away each other, the second one counts after the first was stored.
    await counters.increment(tx, _COUNTER)
    if not await accounts.count_active_admins(tx):
        raise FailedPreconditionError(
            "LAST_ADMIN", "This is the last admin who can sign in: make another account an admin first."
        )

"""Changes of what accounts may do: stored with a note, so that every process forgets what it remembers of them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from fireside.store import counters
from fireside.store.dialects.base import MISSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.store.db import Database
    from fireside.store.tx import Body, T, Tx

logger = logging.getLogger(__name__)

TOPIC: Final = "identity"
"""The topic of the notes; the payload is the account's id, or empty for everybody."""

COUNTER: Final = "identity"
"""Grows with each change, for processes that a note did not reach."""

EVERYBODY: Final = ""


class Changes:
    """Where what accounts may do is changed, and where those who remember it hear of changes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._listeners: list[Callable[[str], None]] = []

    async def open(self) -> None:
        """Hears other processes from here on."""
        await self._db.listen(self._hear)

    async def write(self, account_id: str, body: Body[T]) -> T:
        """Like Database.write, for a change of what an account may do, or (EVERYBODY) of groups and policy.

        When it returns, nothing in this process remembers what was before; other processes follow within a second.
        """

        async def noted(tx: Tx) -> T:
            # First, so that on PostgreSQL such changes wait for each other here: two admins who take each other's role
            # away at the same moment must not both find that the other one is left.
            await counters.increment(tx, COUNTER)
            await tx.notify(TOPIC, account_id)
            return await body(tx)

        try:
            return await self._db.write(noted)
        finally:
            # Also after an error and for a caller who left: the change may have been stored.
            self.tell(account_id)

    def listen(self, listener: Callable[[str], None]) -> None:
        """Calls `listener(account_id)` after each change, here or elsewhere; EVERYBODY for all accounts."""
        self._listeners.append(listener)

    def tell(self, account_id: str) -> None:
        """Has the listeners forget what they remember."""
        for listener in self._listeners:
            try:
                listener(account_id)
            except Exception:
                logger.exception("A listener to changes of accounts failed")

    async def count(self) -> int:
        """How many changes there have been; two that are equal mean that nothing changed in between."""
        return await self._db.read(lambda tx: counters.get(tx, COUNTER))

    def _hear(self, topic: str, payload: str) -> None:
        if topic == TOPIC:
            self.tell(payload)
        elif topic == MISSED:
            self.tell(EVERYBODY)

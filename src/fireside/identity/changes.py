"""Changes of what accounts may do: stored with a note, so that every process forgets what it remembers of them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fireside.core.errors import FiresideError
from fireside.store import counters
from fireside.store.dialects.base import MISSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.store.db import Database
    from fireside.store.tx import Body, T, Tx

logger = logging.getLogger(__name__)

TOPIC: Final = "identity"
"""The topic of the notes; the payload is the change's number, a space, and the account's id or nothing for everybody."""

COUNTER: Final = "identity"
"""Grows with each change, for processes that a note did not reach."""

EVERYBODY: Final = ""

_LOOK_SECONDS = 0.9
# How long the note of a change that is in the store may still be on its way.
_PATIENCE_SECONDS = 0.1


class Changes:
    """Where what accounts may do is changed, and where those who remember it hear of changes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._listeners: list[Callable[[str], None]] = []
        self._looking: asyncio.Task[None] | None = None
        # All changes up to this number are known of, and some beyond it. None: it cannot be said.
        self._seen: int | None = None
        self._beyond: set[int] = set()

    async def open(self) -> None:
        """Hears other processes from here on, and looks every second whether a note was missed."""
        await self._db.listen(self._hear)
        if not self._db.exclusive:
            self._looking = asyncio.create_task(self._look(), name="look for changes of accounts")

    async def aclose(self) -> None:
        """Hears no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def write(self, account_id: str, body: Body[T]) -> T:
        """Like Database.write, for a change of what an account may do, or (EVERYBODY) of groups and policy.

        When it returns, nothing in this process remembers what was before; other processes follow within a second.
        """

        async def noted(tx: Tx) -> tuple[T, int]:
            # First, so that on PostgreSQL such changes wait for each other here: two admins who take each other's role
            # away at the same moment must not both find that the other one is left.
            number = await counters.increment(tx, COUNTER)
            await tx.notify(TOPIC, f"{number} {account_id}")
            return await body(tx), number

        try:
            result, number = await self._db.write(noted)
            self._know(number)
            return result
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

    async def _look(self) -> None:
        self._seen = await self._counted()
        # What others read before this process listened may have changed since.
        self.tell(EVERYBODY)
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = await self._counted()
            if now is not None and now != self._seen:
                await asyncio.sleep(_PATIENCE_SECONDS)
            # Without the store nobody knows who was shut out: then nothing is remembered.
            if now != self._seen and (now is None or self._seen is None or now > self._seen):
                self._seen = now
                self._beyond.clear()
                self.tell(EVERYBODY)

    def _know(self, number: int) -> None:
        if self._seen is None or number <= self._seen:
            return
        self._beyond.add(number)
        while self._seen + 1 in self._beyond:
            self._seen += 1
            self._beyond.discard(self._seen)

    async def _counted(self) -> int | None:
        try:
            return await self.count()
        except FiresideError as error:
            logger.info("Whether accounts have changed cannot be seen: %s", error)
            return None

    def _hear(self, topic: str, payload: str) -> None:
        if topic == TOPIC:
            number, _, account_id = payload.partition(" ")
            self._know(int(number))
            self.tell(account_id)
        elif topic == MISSED:
            self.tell(EVERYBODY)

"""When sessions and accounts were last used: collected, and stored a few seconds later in one transaction."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fireside.core.clock import now_us
from fireside.core.errors import FiresideError
from fireside.store import accounts, sessions

if TYPE_CHECKING:
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

_COLLECT_SECONDS: Final = 5.0
_PRUNE_SECONDS: Final = 3600.0
_PRUNED_AT_ONCE: Final = 1_000
_NOTED_EVERY = 60_000_000
_MOST = 50_000


class Uses:
    """The uses that are not stored yet. `open` before use, `aclose` at the end."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._sessions: dict[str, sessions.Use] = {}
        self._accounts: dict[str, int] = {}
        self._noted: dict[str, int] = {}
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begins to store them, and to remove sessions that have run out."""
        self._task = asyncio.create_task(self._tend(), name="note uses of sessions")

    async def aclose(self) -> None:
        """Stores what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self._flush_quietly()

    def of_session(self, use: sessions.Use) -> None:
        """A session was used."""
        self._sessions[use.id] = use
        self._some.set()

    def of_account(self, account_id: str, time_us: int) -> None:
        """An account was used; noted once a minute."""
        if time_us - self._noted.get(account_id, 0) < _NOTED_EVERY:
            return
        if len(self._noted) >= _MOST:
            self._noted.clear()
        self._noted[account_id] = self._accounts[account_id] = time_us
        self._some.set()

    async def flush(self) -> None:
        """Stores what was collected."""
        used, of_accounts = list(self._sessions.values()), list(self._accounts.items())
        self._sessions.clear()
        self._accounts.clear()
        self._some.clear()
        if not used and not of_accounts:
            return

        async def body(tx: Tx) -> None:
            # Always in the same order, so that two processes do not wait for each other's rows.
            await sessions.use(tx, sorted(used, key=lambda use: use.id))
            await accounts.use(tx, sorted(of_accounts))

        await self._db.write(body)

    async def _tend(self) -> None:
        while True:
            await self._prune_quietly()
            loop = asyncio.get_running_loop()
            until = loop.time() + _PRUNE_SECONDS
            while (left := until - loop.time()) > 0:
                if await self._wait(left):
                    await asyncio.sleep(_COLLECT_SECONDS)
                    await self._flush_quietly()

    async def _wait(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._some.wait()
        except TimeoutError:
            return False

    async def _flush_quietly(self) -> None:
        try:
            await self.flush()
        except FiresideError as error:
            logger.info("When sessions were last used could not be stored: %s", error)

    async def _prune_quietly(self) -> None:
        try:
            while await self._db.write(lambda tx: sessions.prune(tx, now_us(), _PRUNED_AT_ONCE)) == _PRUNED_AT_ONCE:
                pass
        except FiresideError as error:
            logger.info("Sessions that ran out could not be removed: %s", error)

"""Ends what runs in the name of an account that is removed, before its rows go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fireside.chat.sharing import end_shares_of
from fireside.core.principal import Principal
from fireside.store import generations

if TYPE_CHECKING:
    from fireside.chat.engine import Engine
    from fireside.store.db import Database


class Leaving:
    """Stops the answers of accounts."""

    def __init__(self, db: Database, engine: Engine) -> None:
        self._db = db
        self._engine = engine

    async def stop_all(self, account_id: str) -> None:
        """Ends every running answer of an account as STOPPED, and what it shared; returns when that is durable."""
        running = await self._db.read(lambda tx: generations.running(tx, account_id))
        who = Principal(id=account_id)
        await asyncio.gather(*(self._engine.stop(who, stored.record.id) for stored in running))
        news, ended = await self._db.write(lambda tx: end_shares_of(tx, account_id))
        self._engine.desk.feed.publish(news)
        for conversation_id in ended:
            self._engine.guests.changed(conversation_id)

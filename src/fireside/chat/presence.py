"""Who has a shared conversation open now. Kept in memory, told to those with access, never stored.

Each process knows of all: what it is told it tells the others by a note. A view (a tab) holds for half a minute and
is told again meanwhile; a note that is lost costs no more than that.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from fireside.chat import access, notes
from fireside.gen.v1 import share_pb2
from fireside.gen.v1.account_event_pb2 import AccountEvent
from fireside.store import conversations, shares

if TYPE_CHECKING:
    from fireside.chat.engine import Engine
    from fireside.chat.feed import Feed
    from fireside.core.principal import Principal
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

_VIEWS_OF_ACCOUNT = 16
_NAME_CHARACTERS = 200
_RETRY_SECONDS = 1.0


class Holds(NamedTuple):
    """For how many seconds what is known stays so."""

    view: float = 30.0
    """A tab that says nothing further."""

    left: float = 3.0
    """The tabs of an account whose last stream has gone: a browser is back within this, or has left."""


@dataclass(frozen=True, slots=True)
class View:
    """One tab of one account that has a conversation open."""

    conversation_id: str
    account_id: str
    view_id: str
    name: str
    writing: bool = False
    left: bool = False


class Presences:
    """The views of all conversations. `open` before use, `aclose` at the end."""

    def __init__(self, db: Database, engine: Engine, feed: Feed, holds: Holds) -> None:
        self._db = db
        self._feed = feed
        self._holds = holds
        # By conversation, then by account and view: what is so, and until when.
        self._views: dict[str, dict[tuple[str, str], tuple[View, float]]] = {}
        self._told: dict[str, share_pb2.Presence] = {}
        self._changed: set[str] = set()
        self._gone: set[str] = set()
        self._bell = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        feed.on_left(self._account_left)
        engine.guests.on_change(self._look_at_all)

    async def open(self) -> None:
        """Hears other processes from now on."""
        await self._db.listen(self._hear)
        self._worker = asyncio.create_task(self._work(), name="tell who has conversations open")

    async def aclose(self) -> None:
        """Tells nothing more."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    async def put(self, principal: Principal, view: View) -> share_pb2.Presence:
        """Takes what a tab says, and returns who is there. Nobody for a conversation that is not shared. NotFoundError."""

        async def body(tx: Tx) -> bool:
            return (await access.conversation(tx, principal, view.conversation_id))[1].shared

        if not await self._db.read(body):
            return share_pb2.Presence(conversation_id=view.conversation_id)
        self._apply(view)
        if not self._db.exclusive:
            await self._db.write(lambda tx: tx.notify(notes.PRESENCE, _encoded(view)))
        return self._presence(view.conversation_id)

    def _apply(self, view: View) -> None:
        views = self._views.setdefault(view.conversation_id, {})
        views.pop((view.account_id, view.view_id), None)
        if not view.left:
            same = [key for key in views if key[0] == view.account_id]
            for key in same[: max(0, len(same) + 1 - _VIEWS_OF_ACCOUNT)]:
                del views[key]
            views[view.account_id, view.view_id] = view, time.monotonic() + self._holds.view
        self._look(view.conversation_id)

    def _presence(self, conversation_id: str, allowed: set[str] | None = None) -> share_pb2.Presence:
        people: dict[str, share_pb2.Viewer] = {}
        for view, _ in self._views.get(conversation_id, {}).values():
            if allowed is None or view.account_id in allowed:
                one = people.setdefault(view.account_id, share_pb2.Viewer(account_id=view.account_id))
                one.name = view.name
                one.writing = one.writing or view.writing
        viewers = sorted(people.values(), key=lambda viewer: (viewer.name, viewer.account_id))
        return share_pb2.Presence(conversation_id=conversation_id, viewers=viewers)

    def _look(self, conversation_id: str) -> None:
        self._changed.add(conversation_id)
        self._bell.set()

    def _look_at_all(self) -> None:
        self._changed.update(self._views)
        self._bell.set()

    def _account_left(self, account_id: str) -> None:
        if any(account_id == key[0] for views in self._views.values() for key in views):
            self._shorten(account_id)
            self._gone.add(account_id)
            self._bell.set()

    def _shorten(self, account_id: str) -> None:
        until = time.monotonic() + self._holds.left
        for views in self._views.values():
            for key, (view, held) in views.items():
                if view.account_id == account_id:
                    views[key] = view, min(held, until)

    def _hear(self, topic: str, payload: str) -> None:
        if topic != notes.PRESENCE:
            return
        said = json.loads(payload)
        if isinstance(said, str):
            if said not in self._feed.owners():
                self._shorten(said)
                self._bell.set()
            return
        self._apply(View(*said))

    async def _work(self) -> None:
        while True:
            self._bell.clear()
            self._drop_held()
            changed, self._changed = self._changed, set()
            gone, self._gone = self._gone, set()
            try:
                await self._pass_on(gone)
                for conversation_id in sorted(changed):
                    await self._tell(conversation_id)
            except Exception:  # the store may be away for a while
                logger.exception("It could not be told who has conversations open; trying again")
                self._changed |= changed
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            ends = [held for views in self._views.values() for _, held in views.values()]
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(ends) - time.monotonic()) if ends else None):
                    await self._bell.wait()

    def _drop_held(self) -> None:
        now = time.monotonic()
        for conversation_id, views in self._views.items():
            for key in [key for key, (_, held) in views.items() if held <= now]:
                del views[key]
                self._changed.add(conversation_id)

    async def _pass_on(self, gone: set[str]) -> None:
        if gone and not self._db.exclusive:

            async def body(tx: Tx) -> None:
                for account_id in sorted(gone):
                    await tx.notify(notes.PRESENCE, json.dumps(account_id))

            await self._db.write(body)

    async def _tell(self, conversation_id: str) -> None:
        async def body(tx: Tx) -> set[str]:
            found = await conversations.find(tx, conversation_id)
            audience = await shares.audience(tx, conversation_id)
            # Nobody else is there where nothing is shared any more.
            return {found[0], *audience.roles} if found and found[1].shared else set()

        allowed = await self._db.read(body)
        views = self._views.get(conversation_id, {})
        for key in [key for key in views if key[0] not in allowed]:
            del views[key]
        presence = self._presence(conversation_id, allowed)
        if not views:
            self._views.pop(conversation_id, None)
        if presence == self._told.get(conversation_id, share_pb2.Presence(conversation_id=conversation_id)):
            return
        self._told[conversation_id] = presence
        if not presence.viewers:
            del self._told[conversation_id]
        for account_id in allowed:
            self._feed.tell(account_id, conversation_id, AccountEvent(presence=presence))


def _encoded(view: View) -> str:
    name = view.name[:_NAME_CHARACTERS]
    return json.dumps(
        [view.conversation_id, view.account_id, view.view_id, name, view.writing, view.left], ensure_ascii=False
    )

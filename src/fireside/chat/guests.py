"""Those who read here what is not theirs: whoever's access ends stops reading at once, whatever ended it, and wherever.

Keeps in memory who may follow the answers that this process writes. Not the decision itself: that is access.py.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from fireside.identity.changes import EVERYBODY
from fireside.store import account_events, generations, shares

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fireside.chat.engine import Engine
    from fireside.chat.feed import Feed
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
# Whatever remembers something of everybody reads it again now; by then it has.
_SECOND_LOOK_SECONDS = 0.4


class Link(NamedTuple):
    """The link that somebody reads by: the hash of its token, and whether the server's policy lets them."""

    token_hash: bytes
    allowed: Callable[[], bool]


class Guest:
    """Somebody who reads a conversation that is not theirs, by their account or by a link."""

    __slots__ = ("account_id", "conversation_id", "end", "ended", "link")

    def __init__(
        self, account_id: str, conversation_id: str, end: Callable[[], None], link: Link | None = None
    ) -> None:
        self.account_id = account_id
        self.conversation_id = conversation_id
        self.end = end
        self.link = link
        self.ended = False

    def has_access(self, accounts: Mapping[str, int], links: set[bytes]) -> bool:
        """Whether they have, if these accounts and links do."""
        if self.link is None:
            return self.account_id in accounts
        return self.link.token_hash in links and self.link.allowed()


class Guests:
    """All guests of this process. `aclose` at the end."""

    def __init__(self, db: Database, engine: Engine, feed: Feed) -> None:
        self._db = db
        self._engine = engine
        self._feed = feed
        self._guests: dict[str, set[Guest]] = {}
        self._conversations: set[str] = set()
        self._accounts: set[str] = set()
        self._working: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self._listeners: list[Callable[[], None]] = []

    async def aclose(self) -> None:
        """Looks no more."""
        if self._again is not None:
            self._again.cancel()
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Calls `listener` whenever access may have changed, to whatever."""
        self._listeners.append(listener)

    def enter(self, account_id: str, conversation_id: str, end: Callable[[], None], link: Link | None = None) -> Guest:
        """Somebody who has access begins to read; `end` is called once, with `ended` set, when they have it no more."""
        guest = Guest(account_id, conversation_id, end, link)
        self._guests.setdefault(conversation_id, set()).add(guest)
        # What ended between the look that let them in and now was told to others only.
        self._conversations.add(conversation_id)
        self._look()
        return guest

    def leave(self, guest: Guest) -> None:
        """Ends `enter`."""
        guests = self._guests.get(guest.conversation_id, set())
        guests.discard(guest)
        if not guests:
            self._guests.pop(guest.conversation_id, None)

    def changed(self, conversation_id: str) -> None:
        """Who has access to a conversation may be others now."""
        self._conversations.add(conversation_id)
        self._engine.look_soon()
        self._look()

    def account_changed(self, account_id: str) -> None:
        """What an account, or EVERYBODY, has access to may be something else now."""
        self._accounts.add(account_id)
        self._engine.look_soon()
        self._look()
        if account_id == EVERYBODY and self._again is None:
            self._again = asyncio.get_running_loop().call_later(_SECOND_LOOK_SECONDS, self._look_at_everybody)

    def _look_at_everybody(self) -> None:
        self._again = None
        self._accounts.add(EVERYBODY)
        self._look()

    def look_again(self) -> None:
        """Looks at all that is read here: changes may have been missed."""
        if self._guests:
            self._conversations.update(self._guests)
            self._look()

    async def settled(self) -> None:
        """Returns when all changes that were told have been looked at."""
        while self._working is not None:
            await asyncio.wait([self._working])

    def _look(self) -> None:
        if self._working is None:
            self._working = asyncio.create_task(self._work(), name="see who has access still")

    async def _work(self) -> None:
        try:
            while self._conversations or self._accounts:
                conversations, self._conversations = self._conversations, set()
                accounts, self._accounts = self._accounts, set()
                try:
                    await self._look_at(conversations, accounts)
                except Exception:  # the store may be away for a while
                    logger.exception("It could not be seen who has access still; trying again")
                    self._conversations |= conversations
                    self._accounts |= accounts
                    await asyncio.sleep(_RETRY_SECONDS)
        finally:
            self._working = None

    async def _look_at(self, conversations: set[str], accounts: set[str]) -> None:
        followed = set(self._feed.owners())
        told = followed if EVERYBODY in accounts else followed & accounts
        # Who enters from here on may have what was not there yet when this was read; they are looked at for themselves.
        present = [guest for guests in self._guests.values() for guest in guests]
        links = {guest.link.token_hash for guest in present if guest.link is not None}
        # Bodies may run in another thread, so this is a copy.
        reading: dict[str, set[str]] = {}
        for guest in present:
            reading.setdefault(guest.conversation_id, set()).add(guest.account_id)
        writing = self._engine.audiences()

        async def body(tx: Tx) -> tuple[dict[str, Mapping[str, int]], set[bytes], dict[str, int]]:
            concerned = conversations | await _concerned(tx, accounts, reading, writing)
            roles = {name: (await shares.audience(tx, name)).roles for name in sorted(concerned)}
            opening = {link for link in links if await shares.by_token(tx, link) is not None}
            return roles, opening, await account_events.newest(tx, sorted(told))

        roles, opening, newest = await self._db.read(body)
        for conversation_id, by_account in roles.items():
            self._engine.set_audience(conversation_id, by_account)
        for guest in present:
            roles_there = roles.get(guest.conversation_id)
            if roles_there is not None and not guest.has_access(roles_there, opening):
                self._end(guest)
        for listener in self._listeners:
            listener()
        for account_id, number in newest.items():
            self._feed.news_elsewhere(account_id, number)

    def _end(self, guest: Guest) -> None:
        if guest not in self._guests.get(guest.conversation_id, ()):
            return  # they have left by themselves
        self.leave(guest)
        guest.ended = True
        guest.end()


async def _concerned(
    tx: Tx, accounts: Iterable[str], reading: Mapping[str, set[str]], writing: Mapping[str, Mapping[str, int]]
) -> set[str]:
    """The conversations that are read by guests or written here, and to which these accounts have, or had, access."""
    found: set[str] = set()
    for account_id in accounts:
        if account_id == EVERYBODY:
            found.update(reading, (name for name, roles in writing.items() if roles))
            found |= await shares.shared_among(tx, sorted(writing.keys() - found))
            continue
        found.update(name for name, guests in reading.items() if account_id in guests)
        found.update(name for name, roles in writing.items() if account_id in roles)
        found.update(item.record.conversation_id for item in await generations.running_for(tx, account_id))
    return found & (reading.keys() | writing.keys())

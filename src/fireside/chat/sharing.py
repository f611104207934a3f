"""Giving others access to conversations, and taking it away. Who may do what with that access is access.py; links are read in links.py."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fireside.chat import access, notes
from fireside.chat.feed import News, write_news
from fireside.core.clock import now_us
from fireside.core.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)
from fireside.core.ids import new_id
from fireside.gen.v1 import policy_pb2, share_pb2
from fireside.gen.v1.account_event_pb2 import AccountEvent
from fireside.gen.v1.share_pb2 import Share
from fireside.identity import recipients, tokens
from fireside.store import conversations, generations, shares
from fireside.store.records import timestamp_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from fireside.chat.engine import Engine
    from fireside.chat.feed import Feed
    from fireside.core.principal import Origin, Principal
    from fireside.gen.v1.conversation_pb2 import Conversation
    from fireside.gen.v1.group_pb2 import Group
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

LINK_PREFIX: Final = "fsh_"
LinkSharing: TypeAlias = "Callable[[], policy_pb2.LinkSharing]"
"""Who may open links now, by the server's policy."""

MOST: Final = 500
"""The most shares of one conversation."""

_SWEPT_AT_ONCE = 50
_LOOK_SECONDS = 30.0
_RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Gift:
    """What is to be shared, with whom: the address of an account, or a group's id, or (neither) whoever has a link."""

    conversation_id: str
    role: share_pb2.ShareRole
    email: str = ""
    group_id: str = ""
    end_us: int | None = None

    @property
    def link(self) -> bool:
        """Whether it is a link."""
        return not self.email and not self.group_id


class Sharing:
    """The shares of all conversations. `open` before use, `aclose` at the end."""

    def __init__(self, db: Database, engine: Engine, feed: Feed, link_sharing: LinkSharing) -> None:
        self._db = db
        self._engine = engine
        self._feed = feed
        self._link_sharing = link_sharing
        self._misses = recipients.Misses()
        self._sooner = asyncio.Event()
        self._sweeper: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Ends shares when their time is over, from now on."""
        self._sweeper = asyncio.create_task(self._sweep_forever(), name="end shares")

    async def aclose(self) -> None:
        """Ends no more."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)

    async def create(self, principal: Principal, origin: Origin, gift: Gift) -> tuple[Share, str]:
        """Gives access, or changes it; the share, and a link's path. Errors as ShareService.CreateShare says."""
        _check(gift)
        if gift.link and self._link_sharing() not in (
            policy_pb2.LINK_SHARING_ACCOUNTS,
            policy_pb2.LINK_SHARING_ANYONE,
        ):
            raise PermissionDeniedError("LINKS_OFF", "This server allows no links; share with people by their address.")
        token = tokens.new_token(LINK_PREFIX) if gift.link else ""

        async def body(tx: Tx) -> tuple[Share, list[News]]:
            return await _write_share(tx, principal, origin, gift, token)

        with self._misses.counting(principal, gift.email):
            share, news = await self._db.write(body)
        self._tell(share.conversation_id, news)
        if share.HasField("expire_time"):
            self._sooner.set()
        return share, f"/s/{token}" if token else ""

    async def listed(self, principal: Principal, conversation_id: str) -> tuple[list[Share], list[Group]]:
        """The shares of a conversation of the caller's, and the groups that they can share with. NotFoundError."""

        async def body(tx: Tx) -> tuple[list[Share], list[Group]]:
            await _own(tx, principal, conversation_id)
            return await shares.of_conversation(tx, conversation_id), await recipients.groups_of(tx, principal)

        return await self._db.read(body)

    async def delete(self, principal: Principal, origin: Origin, share_id: str) -> None:
        """Ends access. NotFoundError."""

        async def body(tx: Tx) -> tuple[Share, list[News]]:
            share = await shares.get(tx, share_id)
            found = share and await conversations.find(tx, share.conversation_id)
            if not share or not found or found[0] != principal.id:
                raise NotFoundError("SHARE_NOT_FOUND", "There is no such share; it may have ended already.")
            await recipients.record(tx, "share.deleted", principal, origin, share, share.conversation_id)
            return share, await _end(tx, share)

        share, news = await self._db.write(body)
        self._tell(share.conversation_id, news)

    async def leave(self, principal: Principal, origin: Origin, conversation_id: str) -> None:
        """Takes a conversation that was shared with the caller by name out of their list.

        NotFoundError; FailedPreconditionError (SHARED_WITH_GROUP): they have it through a group alone.
        """

        async def body(tx: Tx) -> list[News]:
            share = await shares.by_name(tx, principal.id, conversation_id)
            if share is None:
                if await shares.access(tx, principal.id, conversation_id) is None:
                    raise access.no_conversation(conversation_id)
                raise FailedPreconditionError(
                    "SHARED_WITH_GROUP", "It was shared with a group of yours; its owner or an admin can change that."
                )
            await recipients.record(tx, "share.deleted", principal, origin, share, share.conversation_id)
            return await _end(tx, share)

        self._tell(conversation_id, await self._db.write(body))

    async def sweep(self) -> float:
        """Ends what is over; returns in how many seconds there may be more."""
        over = await self._db.read(lambda tx: shares.over(tx, _SWEPT_AT_ONCE))
        for share in over:

            async def body(tx: Tx, share: Share = share) -> list[News]:
                return await _end(tx, share)

            self._tell(share.conversation_id, await self._db.write(body))
        soonest = await self._db.read(shares.next_end)
        return _LOOK_SECONDS if soonest is None else min(max(0.0, (soonest - now_us()) / 1e6), _LOOK_SECONDS)

    def _tell(self, conversation_id: str, news: Iterable[News]) -> None:
        self._feed.publish(list(news))
        self._engine.guests.changed(conversation_id)

    async def _sweep_forever(self) -> None:
        while True:
            self._sooner.clear()
            try:
                wait = await self.sweep()
            except Exception:  # the store may be away for a while; what is over opens nothing, swept or not
                logger.exception("Ending shares failed; trying again")
                wait = _RETRY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._sooner.wait()


def _check(gift: Gift) -> None:
    if not gift.link:
        recipients.check_role(gift.role)
    if gift.end_us is not None and gift.end_us <= now_us():
        raise InvalidArgumentError("EXPIRE_TIME_PAST", "A share ends in the future: choose a later time.")


async def _own(tx: Tx, principal: Principal, conversation_id: str) -> Conversation:
    conversation = await conversations.get(tx, principal.id, conversation_id)
    if conversation is None:
        raise access.no_conversation(conversation_id)
    return conversation


async def _write_share(
    tx: Tx, principal: Principal, origin: Origin, gift: Gift, token: str
) -> tuple[Share, list[News]]:
    conversation = await _own(tx, principal, gift.conversation_id)
    if await shares.count(tx, conversation.id) >= MOST:
        raise FailedPreconditionError("TOO_MANY_SHARES", f"A conversation has at most {MOST} shares; end some first.")
    before = await shares.audience(tx, conversation.id)
    made = await _share_of(tx, principal, gift)
    stored = await shares.put(tx, made, tokens.hash_of(token) if token else None)
    updated: list[AccountEvent] = []
    if not conversation.shared:
        conversation.shared = True
        conversation = await conversations.update(tx, principal.id, conversation)
        updated = [AccountEvent(conversation_updated=conversation)]
    await recipients.record(tx, "share.created", principal, origin, stored, conversation.id)
    after = await shares.audience(tx, conversation.id)
    running = await generations.running(tx, principal.id)
    begun = [AccountEvent(generation_started=g.record) for g in running if g.record.conversation_id == conversation.id]
    events = {principal.id: updated}
    for account_id, role in after.roles.items():
        if account_id not in before.roles:
            created = AccountEvent(conversation_created=conversation)
            events[account_id] = [after.shown(account_id, created), *begun]
        elif updated or before.roles[account_id] != role:
            changed = AccountEvent(conversation_updated=conversation)
            events[account_id] = [after.shown(account_id, changed)]
    news = await _write_each(tx, conversation.id, events)
    listed = await shares.of_conversation(tx, conversation.id)
    return next((item for item in listed if item.id == stored.id), stored), news


async def _share_of(tx: Tx, principal: Principal, gift: Gift) -> Share:
    share = Share(id=new_id(), conversation_id=gift.conversation_id, role=gift.role)
    share.create_time.FromMicroseconds(now_us())
    if gift.end_us is not None:
        share.expire_time.CopyFrom(timestamp_of(gift.end_us))
    if gift.link:
        share.link, share.role = True, share_pb2.SHARE_ROLE_VIEWER
    else:
        await recipients.name_recipient(tx, principal, share, email=gift.email, group_id=gift.group_id)
    return share


async def _end(tx: Tx, share: Share) -> list[News]:
    """Removes a share, and tells whoever had access by it. Nothing if somebody else has removed it."""
    had = await shares.recipients(tx, share)
    if not await shares.delete(tx, share.id):
        return []
    found = await conversations.find(tx, share.conversation_id)
    if found is None:
        return []
    owner, conversation = found
    events: dict[str, list[AccountEvent]] = {}
    if conversation.shared and not await shares.count(tx, conversation.id):
        conversation.shared = False
        conversation = await conversations.update(tx, owner, conversation)
        if not conversation.HasField("delete_time"):
            events[owner] = [AccountEvent(conversation_updated=conversation)]
    after = await shares.audience(tx, conversation.id)
    for account_id in had:
        if account_id in after.roles:
            changed = AccountEvent(conversation_updated=conversation)
            events[account_id] = [after.shown(account_id, changed)]
        elif account_id != owner:
            events[account_id] = [AccountEvent(conversation_deleted=conversation.id)]
    return await _write_each(tx, conversation.id, events)


async def end_shares_of(tx: Tx, owner: str) -> tuple[list[News], set[str]]:
    """Removes all shares of and with an account that is about to go: the news, and the conversations."""
    ended = await shares.of_account(tx, owner)
    return [news for share in ended for news in await _end(tx, share)], {share.conversation_id for share in ended}


async def _write_each(tx: Tx, conversation_id: str, events: dict[str, list[AccountEvent]]) -> list[News]:
    await tx.notify(notes.ACCESS, conversation_id)
    # In the order of write_news.
    return [news for name in sorted(events) if events[name] for news in await write_news(tx, name, *events[name])]

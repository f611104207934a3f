"""What a link shows to whoever has it: the conversation and its selected branch, and how that grows. Not how links are made: sharing.py."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.chat.feed import TICK_SECONDS
from fireside.chat.fold import Fold
from fireside.chat.follow import Follower
from fireside.chat.guests import Link
from fireside.chat.wire import events_of
from fireside.core.errors import NotFoundError, UnauthenticatedError
from fireside.core.principal import Principal
from fireside.gen.v1 import message_pb2, policy_pb2
from fireside.gen.v1.chat_service_pb2 import WatchEventsResponse
from fireside.gen.v1.share_service_pb2 import WatchSharedConversationResponse
from fireside.identity import tokens
from fireside.store import accounts, shares

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fireside.chat.conversations import Conversations
    from fireside.chat.engine import Engine
    from fireside.chat.feed import Feed
    from fireside.chat.follow import FollowBatch
    from fireside.chat.sharing import LinkSharing
    from fireside.gen.v1.conversation_pb2 import Conversation
    from fireside.gen.v1.message_pb2 import Message
    from fireside.store.db import Database
    from fireside.store.tx import Tx

DEFAULT_MESSAGES = 50
# The whole answer goes out each time, so not with each token.
_PAUSE_SECONDS = TICK_SECONDS / 4


@dataclass(frozen=True, slots=True)
class LinkPage:
    """A page of what a link shows. `running` is the generation that writes in it now, empty for none."""

    conversation: Conversation
    messages: Sequence[Message]
    next_page_token: str
    running: str


class Links:
    """The links of all conversations, for their readers."""

    def __init__(
        self, db: Database, engine: Engine, feed: Feed, conversations: Conversations, link_sharing: LinkSharing
    ) -> None:
        self._db = db
        self._engine = engine
        self._feed = feed
        self._conversations = conversations
        self._link_sharing = link_sharing

    async def read(self, principal: Principal, token: str, page_size: int, page_token: str) -> LinkPage:
        """A page of the selected branch. Raises NotFoundError, UnauthenticatedError, OutOfRangeError."""
        conversation_id, owner = await self._opened(principal, token)
        whose = Principal(id=owner)
        conversation = await self._conversations.get(whose, conversation_id)
        found, more = await self._conversations.messages(
            whose, conversation_id, leaf="", page_size=page_size or DEFAULT_MESSAGES, page_token=page_token
        )
        running = [m.generation_id for m in found if m.state == message_pb2.MESSAGE_STATE_RUNNING]
        name = await self._db.read(lambda tx: _name(tx, owner)) if principal.id else ""
        shown = _shown_conversation(conversation, name)
        return LinkPage(shown, [_shown(message) for message in found], more, running[-1] if running else "")

    async def watch(self, principal: Principal, token: str, heartbeat: float) -> AsyncGenerator[bytes]:
        """Serialised WatchSharedConversationResponses, until the link opens nothing any more. Raises as `read`."""
        conversation_id, owner = await self._opened(principal, token)
        whose = Principal(id=owner)
        follower = Follower(self._engine, self._feed, whose, heartbeat)
        link = Link(tokens.hash_of(token), lambda: self._allows(principal))
        guest = self._engine.guests.enter(principal.id, conversation_id, lambda: follower.fail(_ended()), link)
        try:
            async with aclosing(follower):
                await follower.follow_events("")
                follower.follow_running({}, conversation_id)
                view = _View(await self._conversations.get(whose, conversation_id))
                reading = asyncio.create_task(_read(follower, view), name="read what a link shows")
                try:
                    while True:
                        await view.bell.wait()
                        view.bell.clear()
                        for answer in view.news():
                            yield answer.SerializeToString()
                        if reading.done():
                            reading.result()
                            return
                        await asyncio.sleep(_PAUSE_SECONDS)
                finally:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)
        finally:
            self._engine.guests.leave(guest)

    def _allows(self, principal: Principal) -> bool:
        wanted = self._link_sharing()
        return wanted == policy_pb2.LINK_SHARING_ANYONE or (
            wanted == policy_pb2.LINK_SHARING_ACCOUNTS and principal.id != ""
        )

    async def _opened(self, principal: Principal, token: str) -> tuple[str, str]:
        """The conversation and its owner. Who has to sign in is told so before anything of the link."""
        if not self._allows(principal):
            if self._link_sharing() == policy_pb2.LINK_SHARING_ACCOUNTS:
                raise UnauthenticatedError("SIGN_IN_TO_READ", "Sign in to read what was shared by this link.")
            raise _ended()
        found = await self._db.read(lambda tx: shares.by_token(tx, tokens.hash_of(token)))
        if found is None:
            raise _ended()
        return found


class _View:
    """What a reader of a link has not seen yet of a conversation."""

    def __init__(self, conversation: Conversation) -> None:
        self.bell = asyncio.Event()
        self._id = conversation.id
        self._head = conversation.head_message_id
        self._folds: dict[str, Fold] = {}
        self._grown: set[str] = set()
        self._ended: set[str] = set()
        self._changed = self._beat = False

    def take(self, batch: FollowBatch) -> None:
        """Takes in what happened."""
        if not batch.generation_id:
            self._account_events(batch.payload)
        elif batch.error is not None:
            self._ended.add(batch.generation_id)
        else:
            fold = self._folds.setdefault(batch.generation_id, Fold())
            for event in events_of(batch.payload):
                if fold.apply(event):
                    self._grown.add(batch.generation_id)
                    if event.HasField("ended"):
                        self._ended.add(batch.generation_id)
        if self._grown or self._ended or self._changed or self._beat:
            self.bell.set()

    def news(self) -> list[WatchSharedConversationResponse]:
        """What is new since the last time."""
        found: list[WatchSharedConversationResponse] = []
        if self._changed:
            found.append(WatchSharedConversationResponse(changed=True))
        for generation_id in self._grown:
            message = self._folds[generation_id].message()
            # An answer that is beside the selected branch is not shown by the link.
            if message.id == self._head:
                found.append(WatchSharedConversationResponse(running=_shown(message)))
        if self._beat and not found:
            found.append(WatchSharedConversationResponse(heartbeat=True))
        for generation_id in self._ended:
            self._folds.pop(generation_id, None)
        self._grown, self._ended, self._changed, self._beat = set(), set(), False, False
        return found

    def _account_events(self, payload: bytes) -> None:
        for event in WatchEventsResponse.FromString(payload).events:
            kind = event.WhichOneof("kind")
            if kind in ("conversation_created", "conversation_updated"):
                conversation: Conversation = getattr(event, kind)
                if conversation.id == self._id:
                    self._head = conversation.head_message_id
                    self._changed = True
            elif kind in ("generation_started", "generation_ended"):
                self._changed = self._changed or getattr(event, kind).conversation_id == self._id
            self._beat = self._beat or kind == "heartbeat"


async def _read(follower: Follower, view: _View) -> None:
    """Takes in everything as it comes: what is told to the reader is the newest state, however slow they are."""
    try:
        async with aclosing(follower.batches()) as batches:
            async for batch in batches:
                view.take(batch)
    finally:
        view.bell.set()


async def _name(tx: Tx, account_id: str) -> str:
    account = await accounts.get(tx, account_id)
    return account.name if account is not None else ""


def _shown_conversation(conversation: Conversation, owner_name: str) -> Conversation:
    for field in ("etag", "shared", "access"):
        conversation.ClearField(field)
    conversation.owner_name = owner_name
    return conversation


def _shown(message: Message) -> Message:
    # Names of people and of other branches are not part of what was shared.
    for field in ("author_id", "author_name", "sibling_ids", "etag"):
        message.ClearField(field)
    return message


def _ended() -> NotFoundError:
    return NotFoundError("LINK_NOT_FOUND", "This link opens nothing, or not any more; ask whoever sent it.")

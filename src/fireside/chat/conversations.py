"""Conversations and their trees of messages: create, list, rename, delete, branches, edits. Not generations: engine.py.

Everything belongs to an account; others get at it as far as access.py says, and what they may not know of is not found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from fireside.chat import access, notes
from fireside.chat.access import no_message
from fireside.chat.attaching import collection_name
from fireside.chat.feed import write_news
from fireside.chat.once import Call, check_etag, once
from fireside.chat.replay import stored_message
from fireside.chat.start import add_user_message, new_conversation, write_start
from fireside.core import paging
from fireside.core.clock import now_us
from fireside.core.errors import AlreadyExistsError, FailedPreconditionError
from fireside.core.finishing import Finishing
from fireside.gen.v1 import account_event_pb2, conversation_pb2, generation_pb2, message_pb2
from fireside.store import conversations, generations, messages, shares

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from google.protobuf.message import Message as ProtoMessage

    from fireside.chat.access import Standing
    from fireside.chat.engine import Engine
    from fireside.chat.feed import Feed, News
    from fireside.chat.start import Opening, Start
    from fireside.core.principal import Principal
    from fireside.store.db import Database
    from fireside.store.tx import Tx

R = TypeVar("R", bound="ProtoMessage")

DEFAULT_CONVERSATIONS = 50
DEFAULT_MESSAGES = 100


@dataclass(frozen=True, slots=True)
class Change:
    """What makes a change safe to repeat (`request_id`) and safe against other changes (`etag`); both may be empty."""

    etag: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """A changed copy of a user message. With `spec` (its ids, model and sampling) an answer to it is started too."""

    message_id: str
    new_message_id: str
    parts: tuple[message_pb2.Part, ...]
    change: Change = Change()
    spec: generation_pb2.GenerationSpec | None = None


class Conversations:
    """The conversations of all accounts."""

    def __init__(self, db: Database, feed: Feed, engine: Engine) -> None:
        self._db = db
        self._feed = feed
        self._engine = engine
        self._finishing = Finishing()

    async def create(
        self, principal: Principal, conversation_id: str, title: str, model: str, request_id: str
    ) -> conversation_pb2.Conversation:
        """Makes an empty conversation. Raises AlreadyExistsError if the id is taken."""

        async def act(tx: Tx, news: list[News]) -> conversation_pb2.Conversation:
            if await conversations.find(tx, conversation_id) is not None:
                raise AlreadyExistsError("CONVERSATION_EXISTS", "The conversation's id is taken: make a new one.")
            made = await conversations.insert(tx, principal.id, new_conversation(conversation_id, title, model))
            event = account_event_pb2.AccountEvent(conversation_created=made)
            news += await write_news(tx, principal.id, event)
            return made

        return await self._once(
            principal, Call("create", request_id, conversation_id, title, model), act, conversation_pb2.Conversation
        )

    async def get(self, principal: Principal, conversation_id: str) -> conversation_pb2.Conversation:
        """A live conversation. Raises NotFoundError."""

        async def body(tx: Tx) -> conversation_pb2.Conversation:
            standing, conversation = await access.conversation(tx, principal, conversation_id)
            return standing.shown(conversation)

        return await self._db.read(body)

    async def page(
        self, principal: Principal, *, query: str, page_size: int, page_token: str
    ) -> tuple[list[conversation_pb2.Conversation], str]:
        """Live conversations, one's own and those that are shared with one, the last used first.

        With the token of the next page. Raises OutOfRangeError.
        """
        size = page_size or DEFAULT_CONVERSATIONS
        before = paging.time_token(page_token)

        async def body(tx: Tx) -> list[conversation_pb2.Conversation]:
            own = await conversations.page(tx, principal.id, query=query, limit=size + 1, before=before)
            return own + await shares.page(tx, principal.id, query=query, limit=size + 1, before=before)

        found = await self._db.read(body)
        # Both have the same order, so that what comes first of both together is what comes first of all.
        found.sort(key=lambda item: (item.update_time.ToMicroseconds(), item.id), reverse=True)
        if len(found) <= size:
            return found, ""
        last = found[size - 1]
        return found[:size], paging.token(str(last.update_time.ToMicroseconds()), last.id)

    async def rename(
        self, principal: Principal, conversation_id: str, title: str, change: Change
    ) -> conversation_pb2.Conversation:
        """Gives another title. Raises NotFoundError, AbortedError."""

        async def act(tx: Tx, news: list[News]) -> conversation_pb2.Conversation:
            standing, conversation = await access.conversation(tx, principal, conversation_id)
            standing.require_owner()
            check_etag(change.etag, conversation.etag)
            conversation.title = title
            return await _update(tx, standing, conversation, news)

        return await self._once(
            principal,
            Call("rename", change.request_id, conversation_id, title, change.etag),
            act,
            conversation_pb2.Conversation,
        )

    async def set_collections(
        self, principal: Principal, conversation_id: str, collection_ids: Sequence[str], change: Change
    ) -> conversation_pb2.Conversation:
        """Says what is searched for each answer; makes the conversation if there is none. Raises NotFoundError, AbortedError."""
        wanted = tuple(dict.fromkeys(collection_ids))

        async def act(tx: Tx, news: list[News]) -> conversation_pb2.Conversation:
            if await conversations.find(tx, conversation_id) is None:
                await _refuse_unreadable(tx, principal, wanted)
                return await _made_to_search(tx, principal, conversation_id, wanted, news)
            standing, conversation = await access.conversation(tx, principal, conversation_id)
            standing.require_writer()
            check_etag(change.etag, conversation.etag)
            # What is there already may be somebody else's: an editor keeps it without reading it.
            await _refuse_unreadable(tx, principal, [one for one in wanted if one not in conversation.collection_ids])
            conversation.collection_ids[:] = wanted
            return await _update(tx, standing, conversation, news)

        call = Call("set_collections", change.request_id, conversation_id, *wanted, change.etag)
        return await self._once(principal, call, act, conversation_pb2.Conversation)

    async def delete(self, principal: Principal, conversation_id: str, change: Change) -> conversation_pb2.Conversation:
        """Hides a conversation and stops what runs in it. Raises NotFoundError, AbortedError."""

        async def act(tx: Tx, news: list[News]) -> conversation_pb2.Conversation:
            standing, conversation = await access.conversation(tx, principal, conversation_id)
            standing.require_owner()
            check_etag(change.etag, conversation.etag)
            # Before it: a deleted conversation has no audience.
            audience = await _audience(tx, conversation)
            conversation.delete_time.FromMicroseconds(now_us())
            deleted = await conversations.update(tx, principal.id, conversation)
            event = account_event_pb2.AccountEvent(conversation_deleted=conversation_id)
            news += await write_news(tx, principal.id, event, audience=audience)
            if conversation.shared:
                await tx.notify(notes.ACCESS, conversation_id)
            return deleted

        call = Call("delete", change.request_id, conversation_id, change.etag)
        deleted = await self._once(principal, call, act, conversation_pb2.Conversation)
        # After it: a change that is refused must not stop anything.
        await self._engine.stop_in(principal, conversation_id)
        if deleted.shared:
            self._engine.guests.changed(conversation_id)
        return deleted

    async def undelete(
        self, principal: Principal, conversation_id: str, change: Change
    ) -> conversation_pb2.Conversation:
        """Brings a deleted conversation back; a live one stays as it is. Raises NotFoundError."""

        async def act(tx: Tx, news: list[News]) -> conversation_pb2.Conversation:
            standing, conversation = await access.conversation(tx, principal, conversation_id, deleted=True)
            standing.require_owner()
            if not conversation.HasField("delete_time"):
                return conversation
            conversation.ClearField("delete_time")
            restored = await conversations.update(tx, principal.id, conversation)
            event = account_event_pb2.AccountEvent(conversation_created=restored)
            news += await write_news(tx, principal.id, event, audience=await _audience(tx, restored))
            return restored

        return await self._once(
            principal, Call("undelete", change.request_id, conversation_id), act, conversation_pb2.Conversation
        )

    async def select_branch(
        self, principal: Principal, message_id: str, change: Change
    ) -> conversation_pb2.Conversation:
        """Makes the newest leaf below a message the head. Raises NotFoundError."""

        async def act(tx: Tx, news: list[News]) -> conversation_pb2.Conversation:
            standing, message = await access.message(tx, principal, message_id)
            standing.require_writer()
            conversation = await _live(tx, standing, message)
            conversation.head_message_id = await messages.newest_leaf(tx, message_id)
            return await _update(tx, standing, conversation, news)

        return await self._once(
            principal, Call("select_branch", change.request_id, message_id), act, conversation_pb2.Conversation
        )

    async def messages(
        self, principal: Principal, conversation_id: str, *, leaf: str, page_size: int, page_token: str
    ) -> tuple[list[message_pb2.Message], str]:
        """A page of a branch, oldest first, and the token of the next older page.

        A running answer has what its log has now. Raises NotFoundError, OutOfRangeError.
        """
        size = page_size or DEFAULT_MESSAGES

        async def body(tx: Tx) -> list[message_pb2.Message]:
            standing, conversation = await access.conversation(tx, principal, conversation_id)
            last = leaf or conversation.head_message_id
            if page_token:
                last = paging.token_within(page_token, conversation_id)
            if not last:
                return []
            message = await messages.get(tx, standing.owner, last)
            if message is None or message.conversation_id != conversation_id:
                if page_token:
                    raise paging.bad_page_token()
                raise no_message(last)
            return await messages.branch(tx, conversation_id, last, size + 1)

        found = await self._db.read(body)
        token = paging.token(conversation_id, found[size].id) if len(found) > size else ""
        return [await self._as_now(message) for message in reversed(found[:size])], token

    async def edit(
        self, principal: Principal, edit: Edit
    ) -> tuple[message_pb2.Message, generation_pb2.Generation | None]:
        """Puts a changed copy beside a user message and selects it; with a spec, starts an answer to it.

        Raises NotFoundError, AbortedError, FailedPreconditionError (not a user message), and the errors of start.
        """
        if edit.spec is None:
            call = Call(
                "edit", edit.change.request_id, edit.message_id, edit.new_message_id, edit.change.etag,
                *(part.SerializeToString(deterministic=True) for part in edit.parts),
            )  # fmt: skip

            async def act(tx: Tx, news: list[News]) -> message_pb2.Message:
                return await _write_edit(tx, principal, edit, news)

            return await self._once(principal, call, act, message_pb2.Message), None
        spec = edit.spec

        async def body(tx: Tx, opening: Opening) -> tuple[Start, message_pb2.Message]:
            return await _write_answered_edit(tx, principal, edit, opening)

        generation, message = await self._engine.start_with(principal, spec, body)
        return message, generation

    async def _as_now(self, message: message_pb2.Message) -> message_pb2.Message:
        if message.state != message_pb2.MESSAGE_STATE_RUNNING:
            return message
        log = self._engine.log_of(message.generation_id)
        if log is not None:
            now = log.fold.message()
        elif self._db.exclusive:
            return message
        else:
            now = await self._db.read(lambda tx: stored_message(tx, message.generation_id))
        if now.id != message.id:  # its log was dropped meanwhile, so it has ended
            return message
        now.sibling_ids.extend(message.sibling_ids)
        return now

    async def _once(
        self,
        principal: Principal,
        call: Call,
        act: Callable[[Tx, list[News]], Awaitable[R]],
        kind: type[R],
    ) -> R:
        """Does `act` in a transaction, once for its request id, and publishes its news after the commit."""

        async def body(tx: Tx) -> tuple[R, list[News]]:
            news: list[News] = []
            return await once(tx, principal, call, lambda: act(tx, news), kind), news

        async def act_and_tell() -> R:
            answer, news = await self._db.write(body)
            self._feed.publish(news)
            return answer

        return await self._finishing.run(act_and_tell())


async def _refuse_unreadable(tx: Tx, principal: Principal, collection_ids: Sequence[str]) -> None:
    for collection_id in collection_ids:
        await collection_name(tx, principal.id, collection_id)


async def _made_to_search(
    tx: Tx, principal: Principal, conversation_id: str, collection_ids: Sequence[str], news: list[News]
) -> conversation_pb2.Conversation:
    conversation = new_conversation(conversation_id)
    conversation.collection_ids.extend(collection_ids)
    made = await conversations.insert(tx, principal.id, conversation)
    news += await write_news(tx, principal.id, account_event_pb2.AccountEvent(conversation_created=made))
    return made


async def _live(tx: Tx, standing: Standing, message: message_pb2.Message) -> conversation_pb2.Conversation:
    """The conversation of a message that was just found in it."""
    conversation = await conversations.get(tx, standing.owner, message.conversation_id)
    if conversation is None:
        raise access.no_conversation(message.conversation_id)
    return conversation


async def _audience(tx: Tx, conversation: conversation_pb2.Conversation) -> shares.Audience:
    return await shares.audience(tx, conversation.id) if conversation.shared else shares.NOBODY


async def _update(
    tx: Tx, standing: Standing, conversation: conversation_pb2.Conversation, news: list[News]
) -> conversation_pb2.Conversation:
    updated = await conversations.update(tx, standing.owner, conversation)
    event = account_event_pb2.AccountEvent(conversation_updated=updated)
    news += await write_news(tx, standing.owner, event, audience=await _audience(tx, updated))
    return standing.shown(updated)


async def _original(tx: Tx, principal: Principal, edit: Edit) -> tuple[Standing, message_pb2.Message]:
    standing, original = await access.message(tx, principal, edit.message_id)
    standing.require_writer()
    if original.role != message_pb2.ROLE_USER:
        raise FailedPreconditionError(
            "NOT_EDITABLE", "Only a message of yours can be edited; regenerate an answer instead."
        )
    return standing, original


async def _write_edit(tx: Tx, principal: Principal, edit: Edit, news: list[News]) -> message_pb2.Message:
    standing, original = await _original(tx, principal, edit)
    check_etag(edit.change.etag, original.etag)
    conversation = await _live(tx, standing, original)
    send = generation_pb2.SendInput(message_id=edit.new_message_id, parent_id=original.parent_id, parts=edit.parts)
    message = await add_user_message(tx, standing.owner, conversation, send, standing.author(principal))
    conversation.head_message_id = message.id
    conversation.update_time.FromMicroseconds(now_us())
    await _update(tx, standing, conversation, news)
    return message


async def _write_answered_edit(
    tx: Tx, principal: Principal, edit: Edit, opening: Opening
) -> tuple[Start, message_pb2.Message]:
    spec = generation_pb2.GenerationSpec()
    if edit.spec is not None:
        spec.CopyFrom(edit.spec)
    standing, original = await _original(tx, principal, edit)
    spec.conversation_id = original.conversation_id
    spec.send.message_id = edit.new_message_id
    spec.send.parent_id = original.parent_id
    spec.send.parts.extend(edit.parts)
    if await generations.get(tx, standing.owner, spec.generation_id) is None:
        check_etag(edit.change.etag, original.etag)
    start = await write_start(tx, spec, opening)
    message = await messages.get(tx, standing.owner, edit.new_message_id)
    if message is None:
        raise no_message(edit.new_message_id)
    return start, message

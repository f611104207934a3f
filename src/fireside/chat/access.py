"""Who may read or write a conversation: its owner, and those whom the owner has given access.

Everything in a conversation belongs to its owner; a call finds out once, at its start, whose that is and what the caller
may do, and goes on in the owner's name. What the caller may not know of is not found. Links are not here: sharing.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.core.errors import NotFoundError, PermissionDeniedError
from fireside.gen.v1 import share_pb2
from fireside.store import conversations, generations, messages, shares

if TYPE_CHECKING:
    from fireside.core.principal import Principal
    from fireside.gen.v1.conversation_pb2 import Conversation
    from fireside.gen.v1.message_pb2 import Message
    from fireside.store.generations import StoredGeneration
    from fireside.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Standing:
    """What a caller is to a conversation that they may read."""

    owner: str
    """The account whose it is."""

    role: int = share_pb2.SHARE_ROLE_OWNER
    """A number of ShareRole."""

    owner_name: str = ""

    def require_writer(self) -> None:
        """Raises PermissionDeniedError (VIEW_ONLY)."""
        require_writer(self.role)

    def require_owner(self) -> None:
        """Raises PermissionDeniedError (VIEW_ONLY, OWNER_ONLY)."""
        require_writer(self.role)
        if self.role != share_pb2.SHARE_ROLE_OWNER:
            raise PermissionDeniedError("OWNER_ONLY", "Only the owner of this conversation can do that; ask them.")

    def author(self, principal: Principal) -> Principal | None:
        """Who is to be named as the author of what the caller writes; None for the owner."""
        return None if self.role == share_pb2.SHARE_ROLE_OWNER else principal

    def shown(self, conversation: Conversation) -> Conversation:
        """The conversation as the caller is to see it: filled in, unless it is theirs."""
        if self.role != share_pb2.SHARE_ROLE_OWNER:
            shares.show(conversation, self.role, self.owner_name)
        return conversation


def require_writer(role: int) -> None:
    """Raises PermissionDeniedError (VIEW_ONLY) unless a number of ShareRole allows writing."""
    if role < share_pb2.SHARE_ROLE_EDITOR:
        raise PermissionDeniedError(
            "VIEW_ONLY", "This conversation was shared with you to read; ask its owner to let you write in it."
        )


async def standing(tx: Tx, principal: Principal, owner: str, conversation_id: str) -> Standing | None:
    """What the caller is to a conversation of `owner`; None: nothing. One's own costs no statement."""
    if owner == principal.id:
        return Standing(owner)
    found = await shares.access(tx, principal.id, conversation_id)
    return Standing(found.owner, found.role, found.owner_name) if found is not None else None


async def conversation(
    tx: Tx, principal: Principal, conversation_id: str, *, deleted: bool = False
) -> tuple[Standing, Conversation]:
    """A conversation that the caller may read; with `deleted` also one of theirs that they deleted. NotFoundError."""
    found = await conversations.find(tx, conversation_id)
    if found is None or (found[1].HasField("delete_time") and not deleted):
        raise no_conversation(conversation_id)
    allowed = await standing(tx, principal, found[0], conversation_id)
    if allowed is None:
        raise no_conversation(conversation_id)
    return allowed, found[1]


async def message(tx: Tx, principal: Principal, message_id: str) -> tuple[Standing, Message]:
    """A message that the caller may read. NotFoundError."""
    found = await messages.find(tx, message_id)
    allowed = found and await standing(tx, principal, found[0], found[1].conversation_id)
    if not found or not allowed:
        raise no_message(message_id)
    return allowed, found[1]


async def generation(tx: Tx, principal: Principal, generation_id: str) -> tuple[Standing, StoredGeneration]:
    """A generation that the caller may read; the owner's also when its conversation was deleted. NotFoundError."""
    stored = await generations.find(tx, generation_id)
    allowed = stored and await standing(tx, principal, stored.owner, stored.record.conversation_id)
    if not stored or not allowed:
        raise no_generation(generation_id)
    return allowed, stored


def no_conversation(conversation_id: str) -> NotFoundError:
    """The error for an id that names no live conversation that the caller may read."""
    return NotFoundError("CONVERSATION_NOT_FOUND", "There is no such conversation.", conversation_id=conversation_id)


def no_message(message_id: str) -> NotFoundError:
    """The error for an id that names no message that the caller may read."""
    return NotFoundError("MESSAGE_NOT_FOUND", "There is no such message.", message_id=message_id)


def no_generation(generation_id: str) -> NotFoundError:
    """The error for an id that names no generation that the caller may read."""
    return NotFoundError("GENERATION_NOT_FOUND", "There is no such generation.", generation_id=generation_id)

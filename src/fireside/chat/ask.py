"""A whole history with a question, as programs send it: answered without a trace, or kept as a conversation.

Not how a person goes on in a conversation: that is start.py. The engine runs what comes out of both.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.chat.feed import write_news
from fireside.chat.start import Start, first_of, new_conversation, open_log, title_of
from fireside.core.clock import now_us
from fireside.core.ids import new_id
from fireside.gen.v1 import account_event_pb2, generation_pb2, message_pb2
from fireside.store import conversations, messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.chat.start import Opening
    from fireside.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be answered.

    Of `spec` only `generation_id`, `model`, `sampling` and `tools` count. `history` is the whole conversation, at
    least one message, oldest first: roles and parts. `title` is for the conversation if it is kept; empty takes the
    first words of the first message of a user.
    """

    spec: generation_pb2.GenerationSpec
    history: tuple[message_pb2.Message, ...]
    title: str = ""


def transient_start(ask: Ask, model: str) -> tuple[Start, generation_pb2.Event]:
    """The start, and the first event, of an answer by `model` that is in no conversation and in no store."""
    answer = _answer(ask, model)
    record, started = first_of(answer)
    return Start(record, started, ask.history, kept=False, session=_session(ask.history)), started


async def write_ask(tx: Tx, ask: Ask, opening: Opening) -> Start:
    """Writes a new conversation with the whole history, and the start of the answer. Raises what `admit` raises."""
    owner = opening.principal.id
    answer = _answer(ask, opening.admit(ask.spec.model))
    conversation = new_conversation(new_id(), ask.title or _title(ask.history), answer.model)
    conversation.head_message_id = answer.id
    conversation = await conversations.insert(tx, owner, conversation)
    answer.conversation_id = conversation.id
    for said in ask.history:
        message = message_pb2.Message(
            id=new_id(), conversation_id=conversation.id, parent_id=answer.parent_id, role=said.role, parts=said.parts,
            state=message_pb2.MESSAGE_STATE_DONE, create_time=answer.create_time,
        )  # fmt: skip
        await messages.insert(tx, message)
        answer.parent_id = message.id
    answer = await messages.insert(tx, answer)
    fingerprint = hashlib.sha256(ask.spec.SerializeToString(deterministic=True)).digest()
    record, started = await open_log(tx, owner, answer, fingerprint, opening.lease)
    made = account_event_pb2.AccountEvent(conversation_created=conversation)
    begun = account_event_pb2.AccountEvent(generation_started=record)
    news = tuple(await write_news(tx, owner, made, begun))
    return Start(record, started, ask.history, news, session=_session(ask.history))


def _answer(ask: Ask, model: str) -> message_pb2.Message:
    answer = message_pb2.Message(
        id=new_id(), role=message_pb2.ROLE_ASSISTANT, model=model, generation_id=ask.spec.generation_id,
        state=message_pb2.MESSAGE_STATE_RUNNING,
    )  # fmt: skip
    answer.create_time.FromMicroseconds(now_us())
    return answer


def _session(history: Sequence[message_pb2.Message]) -> str:
    """The same for all requests of one talk: a program sends its beginning again with each of them."""
    digest = hashlib.blake2b(digest_size=16)
    for message in history:
        digest.update(message.SerializeToString(deterministic=True))
        if message.role == message_pb2.ROLE_USER:
            break
    return digest.hexdigest()


def _title(history: Sequence[message_pb2.Message]) -> str:
    asked = (title_of(message.parts) for message in history if message.role == message_pb2.ROLE_USER)
    return next((title for title in asked if title), "")

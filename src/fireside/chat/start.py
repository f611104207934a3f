"""Writing the start of a generation into the tree: one transaction. The engine runs what comes out of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fireside.chat import access, notes, wire
from fireside.chat.access import Standing, no_conversation, no_message
from fireside.chat.attaching import settle
from fireside.chat.feed import News, write_news
from fireside.chat.log import RESERVE
from fireside.core.clock import now_us
from fireside.core.errors import AlreadyExistsError, FailedPreconditionError, InvalidArgumentError
from fireside.core.ids import new_id
from fireside.gen.v1 import account_event_pb2, conversation_pb2, generation_pb2, message_pb2
from fireside.store import conversations, generations, messages, shares

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fireside.core.principal import Principal
    from fireside.store.tx import Tx

# Messages of the branch that are loaded for the prompt; planning drops what does not fit the model.
_HISTORY = 400
_TITLE_CHARACTERS = 60
_CONTINUABLE = {
    message_pb2.FINISH_REASON_LENGTH,
    message_pb2.FINISH_REASON_STOPPED,
    message_pb2.FINISH_REASON_INTERRUPTED,
    message_pb2.FINISH_REASON_FAILED,
}


@dataclass(frozen=True, slots=True)
class Start:
    """A generation that is durable. `started` is None when it was there before; then nothing is to be run.

    One that is not `kept` is not durable: nothing of it is in the store or will be. `session` is what GenerateRequest
    says of it; empty takes the conversation. `owner` is whose conversation it is, empty for the caller's, and `audience`
    is who else has access, with what they may do. `collection_ids` are searched for each answer.
    """

    record: generation_pb2.Generation
    started: generation_pb2.Event | None = None
    history: tuple[message_pb2.Message, ...] = ()
    news: tuple[News, ...] = ()
    kept: bool = True
    session: str = ""
    owner: str = ""
    audience: Mapping[str, int] = field(default_factory=dict[str, int])
    collection_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opening:
    """What a start needs besides the spec. `admit` names the model to use for a wanted one, or raises."""

    principal: Principal
    admit: Callable[[str], str]
    lease: generations.Lease


async def write_start(tx: Tx, spec: generation_pb2.GenerationSpec, opening: Opening) -> Start:
    """Writes the messages and the generation, or finds that they are there. Raises the errors of StartGeneration."""
    fingerprint = hashlib.sha256(spec.SerializeToString(deterministic=True)).digest()
    existing = await generations.find(tx, spec.generation_id)
    if existing is not None:
        return await _found(tx, existing, fingerprint, opening.principal)
    standing, conversation, created = await _conversation_for(tx, spec, opening.principal)
    standing.require_writer()
    owner = standing.owner
    model = opening.admit(spec.model or conversation.model)
    answer, extends = await _answer_for(tx, spec, conversation, owner)
    answer.model = model
    answer.generation_id = spec.generation_id
    answer.state = message_pb2.MESSAGE_STATE_RUNNING
    if not conversation.title and spec.HasField("send"):
        conversation.title = title_of(spec.send.parts)
    conversation.model = model
    conversation.head_message_id = answer.id
    conversation.update_time.FromMicroseconds(now_us())
    store = conversations.insert if created else conversations.update
    conversation = await store(tx, owner, conversation)
    history: list[message_pb2.Message] = []
    if spec.HasField("send"):
        history = [await add_user_message(tx, owner, conversation, spec.send, standing.author(opening.principal))]
    answer = await (messages.update(tx, answer) if extends else messages.insert(tx, answer))
    record, started = await open_log(tx, owner, answer, fingerprint, opening.lease)
    if not history or history[0].parent_id:
        leaf = answer.id if extends else answer.parent_id
        history = list(reversed(await messages.branch(tx, conversation.id, leaf, _HISTORY)))
    change = account_event_pb2.AccountEvent(conversation_updated=conversation)
    if created:
        change = account_event_pb2.AccountEvent(conversation_created=conversation)
    audience = await shares.audience(tx, conversation.id) if conversation.shared else shares.NOBODY
    await notes.tell_started(tx, record.id, conversation.id, (owner, *audience.roles))
    begun = account_event_pb2.AccountEvent(generation_started=record)
    news = tuple(await write_news(tx, owner, change, begun, audience=audience))
    return Start(
        record,
        started,
        tuple(history),
        news,
        owner=owner,
        audience=audience.roles,
        collection_ids=tuple(conversation.collection_ids),
    )


async def _found(tx: Tx, existing: generations.StoredGeneration, fingerprint: bytes, principal: Principal) -> Start:
    """The generation that was started with this id before. Raises AlreadyExistsError."""
    allowed = await access.standing(tx, principal, existing.owner, existing.record.conversation_id)
    if allowed is None or existing.fingerprint != fingerprint:
        raise AlreadyExistsError(
            "GENERATION_EXISTS", "The generation id was used for something else: make a new one for each answer."
        )
    return Start(existing.record)


async def open_log(
    tx: Tx, owner: str, answer: message_pb2.Message, fingerprint: bytes, lease: generations.Lease
) -> tuple[generation_pb2.Generation, generation_pb2.Event]:
    """Inserts the generation that writes a stored `answer`, with the first event of its log."""
    record, started = first_of(answer)
    stored = generations.StoredGeneration(record, owner, fingerprint, 1 + RESERVE, stop_requested=False)
    await generations.insert(tx, stored, lease, wire.frame(started))
    return record, started


def first_of(answer: message_pb2.Message) -> tuple[generation_pb2.Generation, generation_pb2.Event]:
    """The generation that starts to write `answer` now, and the first event of its log."""
    record = generation_pb2.Generation(
        id=answer.generation_id, conversation_id=answer.conversation_id, message_id=answer.id, model=answer.model,
        state=generation_pb2.GENERATION_STATE_RUNNING, last_seq=1,
    )  # fmt: skip
    record.create_time.FromMicroseconds(now_us())
    return record, generation_pb2.Event(seq=1, started=generation_pb2.Started(message=answer))


async def add_user_message(
    tx: Tx,
    owner: str,
    conversation: conversation_pb2.Conversation,
    send: generation_pb2.SendInput,
    author: Principal | None,
) -> message_pb2.Message:
    """Inserts a person's message into the tree. `author` is None for the conversation's owner.

    Raises NotFoundError for a file or a collection that it names and whoever writes may not read.
    """
    writer = author.id if author is not None else owner
    parts = await settle(tx, writer, conversation.id, send.parts)
    message = message_pb2.Message(
        id=send.message_id, conversation_id=conversation.id, parent_id=send.parent_id, role=message_pb2.ROLE_USER,
        parts=parts, state=message_pb2.MESSAGE_STATE_DONE,
    )  # fmt: skip
    if author is not None:
        message.author_id, message.author_name = author.id, author.name
    message.create_time.FromMicroseconds(now_us())
    return await messages.insert(tx, message)


def title_of(parts: Iterable[message_pb2.Part]) -> str:
    """A title from the first words of a message, else from the name of a file; empty if it has neither."""
    every = list(parts)
    for text in (*(part.text.text for part in every), *(part.file.name for part in every)):
        for line in text.splitlines():
            words = " ".join(line.replace("\0", "").split()).lstrip("# ")
            if words:
                return words if len(words) <= _TITLE_CHARACTERS else _shortened(words)
    return ""


def _shortened(words: str) -> str:
    cut = words[: _TITLE_CHARACTERS - 1]
    # Text without spaces, such as Chinese, is cut where it is; other text between words.
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > _TITLE_CHARACTERS // 2 else cut) + "…"


async def _conversation_for(
    tx: Tx, spec: generation_pb2.GenerationSpec, principal: Principal
) -> tuple[Standing, conversation_pb2.Conversation, bool]:
    """What the caller is to the conversation, the conversation, and whether it is to be made."""
    wanted = spec.conversation_id
    if not wanted:
        wanted = (await access.message(tx, principal, spec.regenerate.message_id))[1].conversation_id
    found = await conversations.find(tx, wanted)
    if found is None and spec.HasField("send") and not spec.send.parent_id:
        return Standing(principal.id), new_conversation(wanted), True
    allowed = found and await access.standing(tx, principal, found[0], wanted)
    if not found or not allowed or found[1].HasField("delete_time"):
        raise no_conversation(wanted)
    return allowed, found[1], False


def new_conversation(conversation_id: str, title: str = "", model: str = "") -> conversation_pb2.Conversation:
    """An empty conversation, made now."""
    conversation = conversation_pb2.Conversation(id=conversation_id, title=title, model=model)
    conversation.create_time.FromMicroseconds(now_us())
    conversation.update_time.CopyFrom(conversation.create_time)
    return conversation


async def _answer_for(
    tx: Tx, spec: generation_pb2.GenerationSpec, conversation: conversation_pb2.Conversation, owner: str
) -> tuple[message_pb2.Message, bool]:
    """The assistant message to write, and whether it is there already and is to be extended."""
    if spec.HasField("continue"):
        return await _continued(tx, spec, conversation, owner), True
    if spec.HasField("send"):
        if spec.send.parent_id:
            parent = await _message_in(tx, spec.send.parent_id, conversation, owner)
            _refuse_running(parent)
        parent_id = spec.send.message_id
    else:
        target = await _message_in(tx, spec.regenerate.message_id, conversation, owner)
        parent_id = target.id if target.role == message_pb2.ROLE_USER else target.parent_id
    answer = message_pb2.Message(
        id=spec.answer_id or new_id(),
        conversation_id=conversation.id,
        parent_id=parent_id,
        role=message_pb2.ROLE_ASSISTANT,
    )
    answer.create_time.FromMicroseconds(now_us())
    return answer, False


async def _continued(
    tx: Tx, spec: generation_pb2.GenerationSpec, conversation: conversation_pb2.Conversation, owner: str
) -> message_pb2.Message:
    message_id = getattr(spec, "continue").message_id
    if spec.answer_id not in ("", message_id):
        raise InvalidArgumentError(
            "ANSWER_ID_MISMATCH", "answer_id must be empty or the id of the message that is continued."
        )
    message = await _message_in(tx, message_id, conversation, owner)
    _refuse_running(message)
    if message.role != message_pb2.ROLE_ASSISTANT or message.finish_reason not in _CONTINUABLE:
        raise FailedPreconditionError(
            "NOT_CONTINUABLE", "Only an answer that was cut off can be continued; regenerate it instead."
        )
    message.finish_reason = message_pb2.FINISH_REASON_UNSPECIFIED
    message.ClearField("error")
    return message


async def _message_in(
    tx: Tx, message_id: str, conversation: conversation_pb2.Conversation, owner: str
) -> message_pb2.Message:
    message = await messages.get(tx, owner, message_id)
    if message is None or message.conversation_id != conversation.id:
        raise no_message(message_id)
    return message


def _refuse_running(message: message_pb2.Message) -> None:
    if message.state == message_pb2.MESSAGE_STATE_RUNNING:
        raise FailedPreconditionError(
            "ANSWER_RUNNING", "The answer is still being written: wait for its end, or stop it.", message_id=message.id
        )

"""A chat engine on a real store with the scripted runner, and short ways to say what a test wants of it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from fireside.chat.admission import Admission
from fireside.chat.conversations import Conversations
from fireside.chat.engine import Engine
from fireside.chat.feed import Feed
from fireside.chat.fold import Fold
from fireside.chat.research import Research
from fireside.chat.wire import events_of
from fireside.core.principal import LOCAL, Principal
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.runners.catalog import Catalog
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner
from fireside.runners.scripted.runner import ScriptedRunner
from fireside.store.db import Database


def new_uuid() -> str:
    """A random id, as a client makes it."""
    return str(uuid.uuid4())


def text_part(text: str) -> message_pb2.Part:
    """A text part."""
    return message_pb2.Part(text=message_pb2.TextPart(text=text))


def send(model: str, text: str = "hello", conversation: str = "", parent: str = "") -> generation_pb2.GenerationSpec:
    """A spec that sends a user message."""
    return generation_pb2.GenerationSpec(
        generation_id=new_uuid(),
        conversation_id=conversation or new_uuid(),
        answer_id=new_uuid(),
        model=f"scripted/{model}",
        send=generation_pb2.SendInput(message_id=new_uuid(), parent_id=parent, parts=[text_part(text)]),
    )


def regenerate(model: str, message_id: str) -> generation_pb2.GenerationSpec:
    """A spec that asks for another answer."""
    return generation_pb2.GenerationSpec(
        generation_id=new_uuid(),
        answer_id=new_uuid(),
        model=f"scripted/{model}",
        regenerate=generation_pb2.RegenerateInput(message_id=message_id),
    )


def resume_answer(model: str, conversation: str, message_id: str) -> generation_pb2.GenerationSpec:
    """A spec that continues an answer."""
    spec = generation_pb2.GenerationSpec(
        generation_id=new_uuid(), conversation_id=conversation, model=f"scripted/{model}"
    )
    getattr(spec, "continue").message_id = message_id
    return spec


def text_of(message: message_pb2.Message) -> str:
    """All text of a message."""
    return "".join(part.text.text for part in message.parts)


def folded(payload: bytes) -> message_pb2.Message:
    """The message that joined frames build up; raises on a gap."""
    fold = Fold()
    for event in events_of(payload):
        fold.apply(event)
    return fold.message()


@dataclass(frozen=True, slots=True)
class Rig:
    """The parts, opened."""

    db: Database
    engine: Engine
    conversations: Conversations
    feed: Feed
    catalog: Catalog

    async def read(self, generation_id: str, after: int = 0, principal: Principal = LOCAL) -> bytes:
        """The log after `after`, to its end, without heartbeats."""
        async with aclosing(self.engine.watch(principal, generation_id, after, 60.0)) as tail:
            return b"".join([payload async for payload in tail if events_of(payload)[0].seq])

    async def read_until(self, generation_id: str, seq: int, after: int = 0) -> tuple[bytes, int]:
        """The log after `after` until event `seq` is there (or the end), and the last number."""
        pieces: list[bytes] = []
        async with aclosing(self.engine.watch(LOCAL, generation_id, after, 60.0)) as tail:
            async for payload in tail:
                if last := events_of(payload)[-1].seq:
                    pieces.append(payload)
                    after = last
                    if last >= seq:
                        break
        return b"".join(pieces), after

    async def branch(self, conversation_id: str, principal: Principal = LOCAL) -> list[message_pb2.Message]:
        """The selected branch, oldest first."""
        found, _ = await self.conversations.messages(principal, conversation_id, leaf="", page_size=0, page_token="")
        return found

    async def chat(self, spec: generation_pb2.GenerationSpec) -> message_pb2.Message:
        """Starts a generation, reads it to its end and returns the answer as it is stored."""
        record = await self.engine.start(LOCAL, spec)
        await self.read(record.id)
        return (await self.branch(record.conversation_id))[-1]


@asynccontextmanager
async def open_rig(db: Database, research: Research | None = None) -> AsyncIterator[Rig]:
    """A rig on `db`, which stays open afterwards. Without `research` no answer draws on files."""
    feed = Feed(db)
    scripted = ScriptedRunner()
    catalog = Catalog([ManagedRunner(scripted, ManagedOptions(failures_to_rest=0), scripted.refuse)])
    engine = Engine(db, Admission(catalog), feed, research=research)
    feed.open()
    await engine.open()
    try:
        yield Rig(db, engine, Conversations(db, feed, engine), feed, catalog)
    finally:
        await engine.aclose()
        await catalog.aclose()
        await feed.aclose()

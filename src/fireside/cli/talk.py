"""One conversation in a terminal: sends a question, shows its answer, stops it on Ctrl+C. Not the command: see chat.py."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click
from connectrpc.errors import ConnectError

from fireside.cli.failure import CommandError
from fireside.cli.follow import follow
from fireside.cli.link import refused
from fireside.cli.screen import Screen
from fireside.core.ids import new_id
from fireside.gen.v1 import model_pb2
from fireside.gen.v1.chat_service_pb2 import StopGenerationRequest
from fireside.gen.v1.conversation_service_pb2 import GetConversationRequest, ListConversationsRequest
from fireside.gen.v1.generation_pb2 import GenerationSpec, SendInput
from fireside.gen.v1.message_pb2 import Message, Part, TextPart
from fireside.gen.v1.model_service_pb2 import ListModelsRequest, ListModelsResponse

if TYPE_CHECKING:
    from collections.abc import Generator

    from fireside.cli.link import Link

LAST = "last"
"""Names the conversation that was used last."""

_PATIENCE = 60.0
"""Seconds to go on trying after a lost connection."""


@dataclass(slots=True)
class Talk:
    """Where a conversation is: the next question goes after `head`."""

    link: Link
    model: str = ""
    conversation: str = ""
    head: str = ""
    raw: bool = False
    searched: list[Part] = field(default_factory=list[Part])
    """The collections that each question is answered from."""

    attached: list[Part] = field(default_factory=list[Part])
    """The files that go with the next question."""

    async def open(self, conversation: str) -> str:
        """Goes on with a conversation (`last` for the one that was used last). Returns its title. Raises CommandError."""
        try:
            if conversation == LAST:
                page = await self.link.conversations.list_conversations(ListConversationsRequest(page_size=1))
                if not page.conversations:
                    raise CommandError("There is no conversation to go on with yet.")
                found = page.conversations[0]
            else:
                request = GetConversationRequest(conversation_id=conversation)
                found = (await self.link.conversations.get_conversation(request)).conversation
        except ConnectError as error:
            raise refused(error, self.link.url) from error
        self.conversation, self.head = found.id, found.head_message_id
        return found.title

    def restart(self) -> None:
        """The next question starts another conversation."""
        self.conversation = self.head = ""

    async def models(self) -> ListModelsResponse:
        """What can answer. Raises CommandError."""
        try:
            return await self.link.models.list_models(ListModelsRequest())
        except ConnectError as error:
            raise refused(error, self.link.url) from error

    async def ask(self, question: str) -> Message:
        """Sends a question and shows its answer as it comes. Returns the finished answer.

        Ctrl+C stops the answer at the server; a second one leaves it running there (CancelledError).
        Raises CommandError.
        """
        # A message that follows another finds the files of the conversation by itself.
        brought, self.attached = [*self.attached, *self.searched], []
        spec = GenerationSpec(
            generation_id=new_id(),
            conversation_id=self.conversation or new_id(),
            answer_id=new_id(),
            model=self.model,
            send=SendInput(
                message_id=new_id(), parent_id=self.head, parts=[*brought, Part(text=TextPart(text=question))]
            ),
        )
        screen = Screen(raw=self.raw)
        answering = asyncio.create_task(follow(self.link, spec, screen, _PATIENCE), name="answer")
        with _stop_on_interrupt(self.link, spec.generation_id, answering):
            answer = await answering
        self.conversation, self.head = spec.conversation_id, spec.answer_id
        screen.ended(answer)
        return answer


@contextmanager
def _stop_on_interrupt(link: Link, generation_id: str, answering: asyncio.Task[Message]) -> Generator[None]:
    """In the block, the first Ctrl+C asks the server to stop the answer, whose end then comes; the second gives up."""
    loop = asyncio.get_running_loop()
    stopping: list[asyncio.Task[None]] = []

    async def stop() -> None:
        try:
            await link.chat.stop_generation(StopGenerationRequest(generation_id=generation_id))
        except ConnectError as error:
            click.echo(f"[{refused(error, link.url).message}]", err=True)

    def on_interrupt() -> None:
        if stopping:
            answering.cancel()
        else:
            stopping.append(loop.create_task(stop(), name="stop"))

    loop.add_signal_handler(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        for task in stopping:
            task.cancel()


def model_lines(response: ListModelsResponse) -> list[str]:
    """The models as lines of a table, or what to do when there is none."""
    visible = [model for model in response.models if not model.hidden]
    width = max((len(model.id) for model in visible), default=0)
    lines: list[str] = []
    for model in visible:
        ready = model.state == model_pb2.MODEL_STATE_READY
        about = model.display_name if ready else f"{model.display_name}: {model.state_message or 'not available'}"
        lines.append(f"{'*' if model.default else ' '} {model.id:<{width}}  {about}")
    if response.hint:
        lines.append(response.hint)
    return lines

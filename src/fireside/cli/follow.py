"""Follows one answer to its end, whatever happens to the connection. Prints nothing: an `Output` does.

The answer belongs to the server. When the connection is lost, the client asks for the events after the last one that
it has; so nothing is missed or shown twice.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol, cast

from connectrpc.errors import ConnectError

from fireside.chat.fold import Fold, GapError
from fireside.cli.failure import CommandError, UnreachableError
from fireside.cli.link import is_final, refused
from fireside.gen.v1.chat_service_pb2 import GenerateRequest, WatchGenerationRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from fireside.cli.link import Link
    from fireside.gen.v1 import generation_pb2, message_pb2


_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
# The server sends a heartbeat far more often than that, so a connection this silent is dead.
_SILENCE = 60.0


class Output(Protocol):
    """Where an answer is shown."""

    def started(self) -> None:
        """The server has the question."""
        ...

    def delta(self, delta: generation_pb2.Delta) -> None:
        """More of the answer."""
        ...

    def reset(self, message: message_pb2.Message) -> None:
        """What was shown is not what the server kept: this is the answer now."""
        ...

    def waiting(self, heartbeat: generation_pb2.Heartbeat) -> None:
        """Nothing new; this is what the server does."""
        ...

    def lost(self) -> None:
        """The connection is gone; it is being made again."""
        ...


async def follow(
    link: Link, spec: generation_pb2.GenerationSpec, output: Output, patience: float
) -> message_pb2.Message:
    """Starts a generation and follows it. Returns the finished message.

    After a lost connection it goes on for `patience` seconds. Raises CommandError: the server refuses, or cannot be
    reached, at first or for so long.
    """
    fold = Fold()
    loop = asyncio.get_running_loop()
    pause, deadline = _FIRST_PAUSE, loop.time() + patience
    while True:
        before, failure = fold.last_seq, _never_whole()
        try:
            if await _read(link, spec, fold, output):
                return fold.message()
        except GapError:
            pass  # Asking again from the last event that was whole fills it.
        except ConnectError as error:
            failure = refused(error, link.url)
            # A server that was never there is not waited for; one that went away may be restarting.
            if is_final(error) or not fold.last_seq:
                raise failure from error
        if fold.last_seq > before:
            pause, deadline = _FIRST_PAUSE, loop.time() + patience
        elif loop.time() > deadline:
            raise failure
        output.lost()
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _never_whole() -> CommandError:
    return UnreachableError("The server keeps ending the connection before the answer is complete.")


async def _read(link: Link, spec: generation_pb2.GenerationSpec, fold: Fold, output: Output) -> bool:
    """Reads one stream. True at the end of the answer, False if the stream ended before."""
    if fold.last_seq:
        watch = WatchGenerationRequest(generation_id=spec.generation_id, after_seq=fold.last_seq)
        stream = link.chat.watch_generation(watch)
    else:
        # The ids are in the spec, so asking twice is asking once.
        stream = link.chat.generate(GenerateRequest(spec=spec))
    async with aclosing(cast("AsyncGenerator[_Response]", stream)) as responses:
        while True:
            async with asyncio.timeout(_SILENCE):
                response = await anext(responses, None)
            if response is None:
                return False
            for event in response.events:
                if event.HasField("heartbeat"):
                    output.waiting(event.heartbeat)
                elif fold.apply(event) and _show(event, output):
                    return True


class _Response(Protocol):
    """What the two streams have in common."""

    @property
    def events(self) -> Iterable[generation_pb2.Event]: ...


def _show(event: generation_pb2.Event, output: Output) -> bool:
    match event.WhichOneof("kind"):
        case "started":
            output.started()
        case "delta":
            output.delta(event.delta)
        case "reset":
            output.reset(event.reset.message)
        case _:
            return True
    return False

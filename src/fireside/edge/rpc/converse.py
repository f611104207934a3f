"""Converse: one bidirectional stream that starts, follows and stops. Translates commands; chat.follow does the following.

Commands are carried out side by side and answered as they are done. Nothing grows with a slow reader: a few answers wait
in a queue, then commands and follows wait too.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from fireside.core.errors import NotFoundError
from fireside.edge.access import caller
from fireside.edge.codec import check_request
from fireside.edge.errors import status_of
from fireside.edge.rpc.streams import elements, field_bytes, generation_events
from fireside.edge.streams import untie
from fireside.gen.v1 import chat_service_pb2 as pb
from fireside.gen.v1.generation_pb2 import Event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from fireside.chat.engine import Engine
    from fireside.chat.follow import FollowBatch, Follower
    from fireside.edge.validate import Validator
    from fireside.gen.v1.generation_pb2 import Generation

# A piece of a log is at most about 256 KiB, so this bounds what waits for a slow reader.
_QUEUED = 4
_COMMANDS = 32


class Carrier:
    """Carries out the commands of one stream."""

    def __init__(self, engine: Engine, follower: Follower, validator: Validator) -> None:
        self._engine = engine
        self._follower = follower
        self._validator = validator
        # Which command asked for the account's events, for a conversation, and for each followed log.
        self._events_command = ""
        self._switch_command = ""
        self._commands: dict[str, str] = {}
        self.answers: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(maxsize=_QUEUED)

    async def carry_out(self, request: pb.ConverseRequest) -> None:
        """Answers `done` or `failed`. What it follows comes after `done`."""
        try:
            check_request(self._validator, request)
            await self._do(request)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is told by `failed`; the stream goes on
            failed = _failed(request.command_id, error)
            untie(error)
            await self.answers.put(failed)

    async def _do(self, request: pb.ConverseRequest) -> None:
        command = request.command_id
        match request.WhichOneof("command"):
            case "start":
                generation = await self._engine.start(caller(), request.start)
                self._commands[generation.id] = command
                await self._done(command, generation)
                self._follower.follow(generation.id, 0)
            case "watch":
                generation = await self._engine.get(caller(), request.watch.generation_id)
                self._commands[generation.id] = command
                await self._done(command)
                self._follower.follow(generation.id, request.watch.after_seq)
            case "unwatch":
                self._follower.unfollow(request.unwatch.generation_id)
                self._commands.pop(request.unwatch.generation_id, None)
                await self._done(command)
            case "stop":
                await self._done(command, await self._engine.stop(caller(), request.stop.generation_id))
            case "switch":
                self._switch_command = command
                await self._done(command)
                self._follower.leave_conversation()
                if request.switch.conversation_id:
                    self._follower.follow_running({}, request.switch.conversation_id)
            case "watch_events":
                await self._watch_events(command, request.watch_events)
            case _:
                raise NotFoundError("COMMAND_UNKNOWN", "This server does not know the command: update it.")

    async def _watch_events(self, command: str, request: pb.WatchEventsRequest) -> None:
        await self._follower.follow_events(request.after_cursor)
        self._events_command = command
        await self._done(command)
        if request.follow_generations:
            self._switch_command = command
            self._follower.follow_running({item.generation_id: item.after_seq for item in request.resume})

    async def _done(self, command: str, generation: Generation | None = None) -> None:
        answer = pb.ConverseResponse(command_id=command, done=pb.CommandDone(generation=generation))
        await self.answers.put(answer.SerializeToString())

    async def pump(self) -> None:
        """Brings what is followed into the answers, until there is nothing more to follow."""
        try:
            async with aclosing(self._follower.batches()) as batches:
                async for batch in batches:
                    for answer in self._answers_of(batch):
                        await self.answers.put(answer)
        except Exception as error:  # noqa: BLE001 - it ends the stream, with its own status
            await self.answers.put(error)
        else:
            await self.answers.put(None)

    def forget(self) -> None:
        """Drops what nobody has read. An error among it leads back to here, through whoever put it there."""
        while not self.answers.empty():
            self.answers.get_nowait()

    def _answers_of(self, batch: FollowBatch) -> list[bytes]:
        if not batch.generation_id:
            head = field_bytes(1, self._events_command.encode())
            return [head + field_bytes(5, element) for element in elements(batch.payload)]
        command = self._commands.get(batch.generation_id, self._switch_command)
        if batch.error is not None:
            self._commands.pop(batch.generation_id, None)
            return [_failed(command, batch.error)]
        if Event.FromString(elements(batch.payload)[-1]).HasField("ended"):
            self._commands.pop(batch.generation_id, None)
        return [
            field_bytes(1, command.encode()) + field_bytes(4, generation_events(batch.generation_id, batch.payload))
        ]


async def converse(
    carrier: Carrier, follower: Follower, requests: AsyncIterator[pb.ConverseRequest]
) -> AsyncGenerator[bytes]:
    """Serialised ConverseResponses. Ends when the client has half-closed and every followed log is at its end."""
    commands: set[asyncio.Task[None]] = set()
    room = asyncio.Semaphore(_COMMANDS)

    def finished(task: asyncio.Task[None]) -> None:
        commands.discard(task)
        room.release()

    async def read() -> None:
        try:
            async for request in requests:
                await room.acquire()
                task = asyncio.create_task(carrier.carry_out(request))
                commands.add(task)
                task.add_done_callback(finished)
            if commands:
                await asyncio.wait(commands)
            follower.finish()
        except Exception as error:  # noqa: BLE001 - the client went away, or sent what is no message
            await carrier.answers.put(error)

    owned = [asyncio.create_task(read()), asyncio.create_task(carrier.pump())]
    try:
        while (item := await carrier.answers.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        item = None  # an error whose traceback has this function would be a circle with it
        tasks = [*owned, *commands]
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        carrier.forget()
        await follower.aclose()


def _failed(command: str, error: Exception) -> bytes:
    status = status_of(error)
    failed = pb.CommandFailed(
        code=status.number,
        reason=status.reason,
        message=status.message,
        retry_after_ms=int(status.retry_after * 1000),
    )
    return pb.ConverseResponse(command_id=command, failed=failed).SerializeToString()

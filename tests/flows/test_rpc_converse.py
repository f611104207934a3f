"""Converse: one stream that starts, follows, stops and switches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fireside.chat.fold import Fold
from fireside.gen.v1 import chat_service_pb2 as chat
from fireside.gen.v1 import generation_pb2, message_pb2
from tests.callers import Caller, CallError, caller
from tests.rig import new_uuid, send, text_of
from tests.served import Served, serve

DUPLEX = ("grpcio", "connect-h2", "connect-json-h2", "grpc-web-h2")


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


class Conversing:
    """An open Converse: commands go in at any time, answers are read until what is waited for is there."""

    def __init__(self, client: Caller) -> None:
        self._commands: asyncio.Queue[chat.ConverseRequest | None] = asyncio.Queue()
        self.stream = client.stream("Converse", self._sent())
        self.seen: list[chat.ConverseResponse] = []

    async def _sent(self) -> AsyncIterator[chat.ConverseRequest]:
        while (command := await self._commands.get()) is not None:
            yield command

    def tell(self, command_id: str, **command: object) -> None:
        self._commands.put_nowait(chat.ConverseRequest(command_id=command_id, **command))

    def close(self) -> None:
        """The client has no more commands."""
        self._commands.put_nowait(None)

    async def next(self) -> chat.ConverseResponse:
        """The next answer that is not a heartbeat."""
        while True:
            answer = await anext(self.stream)
            beat = answer.account_event.HasField("heartbeat") or (
                answer.HasField("generation_events") and not answer.generation_events.events[0].seq
            )
            if not beat:
                self.seen.append(answer)
                return answer

    async def answer(self, command_id: str) -> chat.ConverseResponse:
        """The `done` or `failed` of a command."""
        while True:
            answer = await self.next()
            if answer.command_id == command_id and answer.WhichOneof("kind") in ("done", "failed"):
                return answer

    async def end_of(self, generation_id: str) -> generation_pb2.Ended:
        """The last event of a followed log."""
        while True:
            events = (await self.next()).generation_events
            if events.generation_id == generation_id and events.events[-1].HasField("ended"):
                return events.events[-1].ended

    def log(self, generation_id: str) -> message_pb2.Message:
        """What was seen of a log, folded; raises on a gap."""
        fold = Fold()
        for answer in self.seen:
            if answer.generation_events.generation_id == generation_id:
                for event in answer.generation_events.events:
                    fold.apply(event)
        return fold.message()


@asynccontextmanager
async def conversing(served: Served, kind: str = "grpcio") -> AsyncIterator[Conversing]:
    async with asyncio.timeout(20), caller(kind, served.url) as client:
        opened = Conversing(client)
        yield opened
        await opened.stream.aclose()  # pyright: ignore[reportAttributeAccessIssue]
    await served.idle()


@pytest.mark.parametrize("kind", DUPLEX)
async def test_several_generations_run_side_by_side_on_one_stream(served: Served, kind: str) -> None:
    specs = [send(f"tokens={count},pace=1ms") for count in (5, 10, 20)]
    async with conversing(served, kind) as stream:
        for number, spec in enumerate(specs):
            stream.tell(f"s{number}", start=spec)
        for spec in reversed(specs):
            if not ended(stream, spec.generation_id):
                await stream.end_of(spec.generation_id)
        for number, spec in enumerate(specs):
            answers = [answer for answer in stream.seen if answer.command_id == f"s{number}"]
            assert answers[0].done.generation.id == spec.generation_id
            assert len(text_of(stream.log(spec.generation_id)).split()) == (5, 10, 20)[number]


def ended(stream: Conversing, generation_id: str) -> bool:
    return any(
        answer.generation_events.generation_id == generation_id
        and answer.generation_events.events[-1].HasField("ended")
        for answer in stream.seen
    )


@pytest.mark.parametrize("kind", DUPLEX)
async def test_a_wrong_command_fails_and_the_stream_goes_on(served: Served, kind: str) -> None:
    async with conversing(served, kind) as stream:
        stream.tell("bad id", stop=chat.StopGenerationRequest(generation_id="x"))
        failed = (await stream.answer("bad id")).failed
        assert (failed.code, failed.reason) == (3, "INVALID_REQUEST")
        assert "stop.generation_id" in failed.message
        stream.tell("nothing")
        assert (await stream.answer("nothing")).failed.code == 3
        stream.tell("", unwatch=chat.UnwatchCommand(generation_id=new_uuid()))
        assert (await stream.answer("")).failed.code == 3
        stream.tell("unknown", watch=chat.WatchGenerationRequest(generation_id=new_uuid()))
        assert (await stream.answer("unknown")).failed.reason == "GENERATION_NOT_FOUND"
        stream.tell("cursor", watch_events=chat.WatchEventsRequest(after_cursor="nonsense"))
        assert (await stream.answer("cursor")).failed.code == 11
        stream.tell("full", start=send("queue=full"))
        full = (await stream.answer("full")).failed
        assert (full.code, full.reason) == (8, "QUEUE_FULL")
        assert full.retry_after_ms > 0
        stream.tell("fine", start=(spec := send("tokens=2")))
        assert (await stream.answer("fine")).HasField("done")
        await stream.end_of(spec.generation_id)


async def test_commands_are_answered_as_they_are_done(served: Served) -> None:
    async with conversing(served) as stream:
        slow, fast = send("hang=after:1"), send("tokens=1")
        stream.tell("slow", start=slow)
        await stream.answer("slow")
        stream.tell("stop", stop=chat.StopGenerationRequest(generation_id=slow.generation_id))
        stream.tell("fast", start=fast)
        assert (await stream.answer("stop")).done.generation.finish_reason == message_pb2.FINISH_REASON_STOPPED
        if not any(answer.command_id == "fast" for answer in stream.seen):
            await stream.answer("fast")


async def test_a_watch_goes_on_from_its_place_and_ends_with_unwatch(served: Served) -> None:
    async with conversing(served) as first:
        spec = send("tokens=3,hang=after:3")
        first.tell("s", start=spec)
        while not (events := (await first.next()).generation_events.events) or events[-1].seq < 4:
            pass
        first.tell("u", unwatch=chat.UnwatchCommand(generation_id=spec.generation_id))
        assert (await first.answer("u")).HasField("done")
        first.tell("w", watch=chat.WatchGenerationRequest(generation_id=spec.generation_id, after_seq=2))
        assert (await first.answer("w")).HasField("done")
        again = await first.next()
        assert (again.command_id, again.generation_events.events[0].seq) == ("w", 3)
        first.tell("stop", stop=chat.StopGenerationRequest(generation_id=spec.generation_id))
        assert (await first.end_of(spec.generation_id)).finish_reason == message_pb2.FINISH_REASON_STOPPED


async def test_the_conversation_that_is_shown_is_followed_whoever_writes_in_it(served: Served) -> None:
    one, other = new_uuid(), new_uuid()
    async with conversing(served) as stream, caller("grpcio", served.url) as elsewhere:
        running = send("tokens=2,hang=after:2", conversation=one)
        await elsewhere.unary("StartGeneration", chat.StartGenerationRequest(spec=running))
        stream.tell("show", switch=chat.SwitchCommand(conversation_id=one))
        await stream.answer("show")
        first = await stream.next()
        assert (first.command_id, first.generation_events.generation_id) == ("show", running.generation_id)
        stream.tell("move", switch=chat.SwitchCommand(conversation_id=other))
        await stream.answer("move")
        later = send("tokens=2", conversation=other)
        await elsewhere.unary("StartGeneration", chat.StartGenerationRequest(spec=later))
        await stream.end_of(later.generation_id)
        stop = chat.StopGenerationRequest(generation_id=running.generation_id)
        await elsewhere.unary("StopGeneration", stop)
        stream.tell("none", switch=chat.SwitchCommand())
        await stream.answer("none")
        hidden = send("tokens=2", conversation=other, parent="")
        await elsewhere.unary("StartGeneration", chat.StartGenerationRequest(spec=hidden))
        stream.close()
        followed = {answer.generation_events.generation_id async for answer in stream.stream}
        assert hidden.generation_id not in followed
        assert not ended(stream, running.generation_id)


async def test_account_events_come_with_the_command_that_asked_for_them(served: Served) -> None:
    async with conversing(served) as stream:
        stream.tell("e", watch_events=chat.WatchEventsRequest())
        await stream.answer("e")
        ready = await stream.next()
        assert (ready.command_id, ready.account_event.HasField("ready")) == ("e", True)
        stream.tell("s", start=(spec := send("tokens=1")))
        kinds: list[str] = []
        while "generation_ended" not in kinds:
            answer = await stream.next()
            if answer.HasField("account_event"):
                assert answer.command_id == "e"
                kinds.append(answer.account_event.WhichOneof("kind") or "")
        assert kinds[:2] == ["conversation_created", "generation_started"]
        assert ended(stream, spec.generation_id) or await stream.end_of(spec.generation_id)


async def test_a_half_closed_stream_ends_when_its_logs_have_ended(served: Served) -> None:
    async with conversing(served) as stream:
        spec = send("tokens=30,pace=5ms")
        stream.tell("e", watch_events=chat.WatchEventsRequest())
        stream.tell("s", start=spec)
        stream.close()
        async for answer in stream.stream:
            stream.seen.append(answer)
        assert ended(stream, spec.generation_id)
        assert len(text_of(stream.log(spec.generation_id)).split()) == 30


async def test_what_is_no_message_ends_the_stream(served: Served) -> None:
    host, _, port = served.address.partition(":")
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(host, int(port))
        body = b"\0\0\0\0\x02\xff\xff"
        writer.write(
            b"POST /fireside.v1.ChatService/Converse HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
            b"content-type: application/connect+proto\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        writer.write(body)
        assert b"invalid_argument" in await reader.read()
        writer.close()
    await served.idle()


async def test_a_hundred_commands_at_once_are_all_answered(served: Served) -> None:
    async with conversing(served) as stream:
        for number in range(100):
            stream.tell(str(number), unwatch=chat.UnwatchCommand(generation_id=new_uuid()))
        stream.close()
        answered = {answer.command_id async for answer in stream.stream if answer.HasField("done")}
        assert answered == {str(number) for number in range(100)}


async def test_a_client_that_goes_frees_everything(served: Served) -> None:
    async with asyncio.timeout(10), caller("grpcio", served.url) as client:
        stream = Conversing(client)
        stream.tell("e", watch_events=chat.WatchEventsRequest(follow_generations=True))
        stream.tell("s", start=send("hang=after:1"))
        await stream.answer("s")
        await stream.stream.aclose()  # pyright: ignore[reportAttributeAccessIssue]
        await served.idle()
        assert not served.app._feed._channels
        assert not served.app._engine._listeners
        assert all(not run.log._wakers for run in served.app._engine._runs.values())


async def nothing() -> AsyncIterator[chat.ConverseRequest]:
    """A client that never sends a command."""
    await asyncio.Event().wait()
    yield chat.ConverseRequest()


async def test_a_deadline_ends_it(served: Served) -> None:
    async with asyncio.timeout(10), caller("grpcio", served.url) as client:
        with pytest.raises(CallError) as caught:
            await anext(client.stream("Converse", nothing(), timeout=0.2))
        assert caught.value.code == "DEADLINE_EXCEEDED"
        await served.idle()

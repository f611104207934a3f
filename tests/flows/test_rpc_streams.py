"""Streams under load and in trouble: many at once, slow readers, readers that go, and a server that goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fireside.core.principal import LOCAL
from fireside.gen.v1 import chat_service_pb2 as chat
from fireside.gen.v1 import generation_pb2, message_pb2
from tests.callers import CALLERS, Caller, CallError, caller
from tests.rig import new_uuid, send
from tests.served import Served, serve

# Over HTTP/1.1 a hang-up is seen at the second heartbeat after it, which come every second; over HTTP/2 at once.
HANGUP = {False: 1.0, True: 4.0}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


def watch(generation_id: str, after_seq: int = 0) -> chat.WatchGenerationRequest:
    return chat.WatchGenerationRequest(generation_id=generation_id, after_seq=after_seq)


async def start(client: Caller, model: str) -> str:
    spec = send(model)
    return (await client.unary("StartGeneration", chat.StartGenerationRequest(spec=spec))).generation.id


async def read(client: Caller, generation_id: str) -> bytes:
    """The log to its end, as one message's bytes, without heartbeats."""
    events: list[generation_pb2.Event] = []
    async with aclosing(client.stream("WatchGeneration", watch(generation_id))) as answers:
        async for answer in answers:
            events += [event for event in answer.events if event.seq]
    return chat.WatchGenerationResponse(events=events).SerializeToString(deterministic=True)


async def rest(stream: AsyncIterator[Any]) -> None:
    """Reads a stream to its end."""
    async for _ in stream:
        pass


def resident() -> int:
    """Bytes of memory that this process has."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096


@pytest.mark.slow
async def test_a_thousand_streams_on_one_connection_get_the_same_log(served: Served) -> None:
    async with asyncio.timeout(50), caller("grpcio", served.url) as client:
        generation_id = await start(client, "tokens=8,hang=after:8")
        readers = [asyncio.create_task(read(client, generation_id)) for _ in range(1000)]
        await served.open_streams(1000)
        await client.unary("StopGeneration", chat.StopGenerationRequest(generation_id=generation_id))
        logs = await asyncio.gather(*readers)
        assert len(set(logs)) == 1
        assert chat.WatchGenerationResponse.FromString(logs[0]).events[-1].HasField("ended")
        await served.idle()


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """An HTTP/2 frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def field(name: str, value: str) -> bytes:
    """A header field, literal and not indexed (RFC 7541, 6.2.2)."""
    return b"\0" + b"".join(bytes((len(text),)) + text.encode() for text in (name, value))


async def unread(served: Served, generation_id: str) -> asyncio.StreamWriter:
    """A gRPC call of WatchGeneration whose client never gives room for more than the first 64 KiB."""
    host, _, port = served.address.partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    headers = {
        ":method": "POST", ":scheme": "http", ":path": "/fireside.v1.ChatService/WatchGeneration",
        ":authority": served.address, "content-type": "application/grpc+proto", "te": "trailers",
    }  # fmt: skip
    message = watch(generation_id).SerializeToString()
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
    writer.write(frame(1, 4, 1, b"".join(field(name, value) for name, value in headers.items())))
    writer.write(frame(0, 1, 1, b"\0" + len(message).to_bytes(4, "big") + message))
    await writer.drain()
    return writer


@pytest.mark.slow
async def test_readers_that_do_not_read_cost_little_memory(served: Served) -> None:
    count = 16
    async with asyncio.timeout(50), caller("grpcio", served.url) as client:
        generation_id = await start(client, "tokens=1500000,burst=5000,pace=5ms")
        whole = await read(client, generation_id)
        assert len(whole) > 8_000_000
        assert await read(client, generation_id) == whole  # what reading itself takes is taken by now
        before = resident()
        writers = [await unread(served, generation_id) for _ in range(count)]
        await served.open_streams(count)
        # Another one reads all of it, and meanwhile the server would have read ahead for those who do not.
        assert await read(client, generation_id) == whole
        grown = resident() - before
        assert grown < count * 4_000_000, "the server holds what nobody reads"
        for writer in writers:
            writer.transport.abort()
        await served.idle()


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        *((kind, "tokens=100000,pace=1ms") for kind in CALLERS),
        *((kind, "hang=start") for kind in CALLERS if not kind.endswith("h1")),
        ("grpcio", "hang=after:2"),
        ("connect-h1", "hang=start"),
    ],
)
async def test_a_reader_that_goes_is_forgotten_and_the_generation_goes_on(
    served: Served, kind: str, model: str
) -> None:
    spec = send(model)
    async with asyncio.timeout(20), caller(kind, served.url) as client:
        stream = client.stream("Generate", chat.GenerateRequest(spec=spec))
        await anext(stream)
        assert served.app.asgi.streams.count == 1
        await stream.aclose()
        await served.idle(HANGUP[kind.endswith("h1")])
        named = {"generation_id": spec.generation_id}
        record = (await client.unary("GetGeneration", chat.GetGenerationRequest(**named))).generation
        assert record.state == generation_pb2.GENERATION_STATE_RUNNING
        log: Any = served.app._engine.live(LOCAL, spec.generation_id)
        assert all(sleeper.done() for sleeper in log.log._sleepers)
        await client.unary("StopGeneration", chat.StopGenerationRequest(**named))


@pytest.mark.parametrize("kind", ["grpcio", "grpc-web-h2"])
async def test_the_place_is_free_at_once_when_a_waiting_call_is_cancelled(served: Served, kind: str) -> None:
    async with asyncio.timeout(20), caller(kind, served.url) as client:
        waiting = asyncio.create_task(read(client, await start(client, "hang=start")))
        await served.open_streams(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        await served.idle(HANGUP[kind.endswith("h1")])


async def test_a_connection_that_breaks_frees_its_streams(served: Served) -> None:
    async with asyncio.timeout(20):
        async with caller("connect-h2", served.url) as client:
            generation_id = await start(client, "hang=after:1")
        host, _, port = served.address.partition(":")
        body = watch(generation_id).SerializeToString()
        envelope = b"\0" + len(body).to_bytes(4, "big") + body
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /fireside.v1.ChatService/WatchGeneration HTTP/1.1\r\nhost: localhost\r\n"
            b"content-type: application/connect+proto\r\ncontent-length: %d\r\n\r\n" % len(envelope)
        )
        writer.write(envelope)
        await reader.readuntil(b"\r\n\r\n")
        assert served.app.asgi.streams.count == 1
        writer.transport.abort()
        await served.idle(HANGUP[True])


async def test_heartbeats_come_every_second_on_http1_and_hold_no_place_in_the_log(served: Served) -> None:
    async with asyncio.timeout(20), caller("connect-h1", served.url) as client:
        generation_id = await start(client, "hang=start")
        async with aclosing(client.stream("WatchGeneration", watch(generation_id))) as answers:
            async for answer in answers:
                if answer.events[-1].HasField("heartbeat"):
                    break
        assert answer.events[-1].seq == 0


async def test_a_shutdown_gives_every_stream_an_end(served: Served) -> None:
    edge: Any = served.app.asgi
    edge._options = replace(edge._options, stream_grace=0.05)
    told: asyncio.Event = asyncio.Event()

    async def commands() -> AsyncIterator[chat.ConverseRequest]:
        stop = chat.StopGenerationRequest(generation_id=new_uuid())
        yield chat.ConverseRequest(command_id="1", stop=stop)
        await told.wait()

    async with asyncio.timeout(20), caller("grpcio", served.url) as client:
        generation_id = await start(client, "hang=after:2")
        answer = asyncio.create_task(read(client, generation_id))
        events = client.stream("WatchEvents", chat.WatchEventsRequest())
        await anext(events)
        conversing = client.stream("Converse", commands())
        assert (await anext(conversing)).failed.reason == "GENERATION_NOT_FOUND"
        await served.open_streams(3)
        await served.app.drain(0.05)
        log = chat.WatchGenerationResponse.FromString(await answer)
        assert log.events[-1].ended.finish_reason == message_pb2.FINISH_REASON_INTERRUPTED
        for stream in (events, conversing):
            with pytest.raises(CallError) as caught:
                await rest(stream)
            assert caught.value.code == "UNAVAILABLE"
            assert "google.rpc.RetryInfo" in caught.value.details
        for method, request in (
            ("StartGeneration", chat.StartGenerationRequest(spec=send("echo"))),
            ("Generate", chat.GenerateRequest(spec=send("echo"))),
        ):
            call = (
                client.unary(method, request) if method == "StartGeneration" else rest(client.stream(method, request))
            )
            with pytest.raises(CallError) as caught:
                await call
            assert caught.value.code == "UNAVAILABLE"
        await served.idle()

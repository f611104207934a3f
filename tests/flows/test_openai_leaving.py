"""Clients of /v1/ that go away, and a server that does: what runs on and what ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pyqwest import HTTPTransport, HTTPVersion, Request

from fireside.chat.run import Run
from fireside.core.principal import LOCAL
from fireside.gen.v1 import generation_pb2, message_pb2
from tests.served import Served, serve

CHAT = "/v1/chat/completions"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


def body_of(model: str, **more: object) -> bytes:
    return json.dumps(
        {"model": f"scripted/{model}", "messages": [{"role": "user", "content": "hello"}], **more}
    ).encode()


async def running(served: Served, count: int = 1) -> list[Run]:
    """The generations that run, when there are so many."""
    engine: Any = served.app._engine
    while len(engine._runs) < count:  # noqa: ASYNC110 - the engine tells nobody of what it does not keep
        await asyncio.sleep(0)
    return list(engine._runs.values())


async def ended(run: Run) -> message_pb2.FinishReason:
    """Why it ended, when it has."""
    if run.task is not None:
        await asyncio.wait([run.task])
    return run.ending.finish_reason


async def raw(served: Served, body: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A request over a connection of its own, HTTP/1.1."""
    host, _, port = served.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % (CHAT.encode(), len(body)))
    writer.write(body)
    return reader, writer


async def test_over_http1_answers_end_soon_after_their_clients(served: Served) -> None:
    # Nothing can be written before an answer that is not streamed has begun.
    begun = ("hang=after:3", "tokens=1000000,pace=5ms")
    asked = [*((model, True) for model in (*begun, "hang=start", "queue=2:60s")), *((model, False) for model in begun)]
    async with asyncio.timeout(50):
        clients = [await raw(served, body_of(model, stream=stream)) for model, stream in asked]
        runs = await running(served, len(asked))
        for _, writer in clients:
            writer.transport.abort()
        for run in runs:
            assert await ended(run) == message_pb2.FINISH_REASON_STOPPED, run.record.model
        await served.idle(30)


async def test_over_http2_answers_end_at_once(served: Served) -> None:
    models = ("hang=start", "hang=after:3", "tokens=1000000,pace=5ms")
    async with asyncio.timeout(50), HTTPTransport(http_version=HTTPVersion.HTTP2) as transport:
        calls = [
            asyncio.ensure_future(
                transport.execute(Request("POST", served.url + CHAT, content=body_of(model, stream=stream)))
            )
            for model in models
            for stream in (True, False)
        ]
        runs = await running(served, len(calls))
        for call in (calls[2], calls[4]):  # streams that have begun
            await (await call).aclose()
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        for run in runs:
            assert await ended(run) == message_pb2.FINISH_REASON_STOPPED, run.record.model
        await served.idle(30)


async def test_one_that_is_kept_goes_on_without_its_client(served: Served) -> None:
    async with asyncio.timeout(30):
        reader, writer = await raw(served, body_of("hang=after:3", stream=True, store=True))
        await reader.readuntil(b'"content":')
        (run,) = await running(served)
        writer.transport.abort()
        await served.idle(30)
        engine: Any = served.app._engine
        record = await engine.get(LOCAL, run.record.id)
        assert record.state == generation_pb2.GENERATION_STATE_RUNNING
        assert (await engine.stop(LOCAL, record.id)).finish_reason == message_pb2.FINISH_REASON_STOPPED


async def test_a_shutdown_ends_streams_with_an_error_and_refuses_more(served: Served) -> None:
    async with asyncio.timeout(30):
        reader, writer = await raw(served, body_of("hang=after:3", stream=True))
        await reader.readuntil(b'"content":"')
        whole, another = await raw(served, body_of("hang=start"))
        await running(served, 2)
        await served.app.drain(0.0)
        assert b'"code":"shutting_down"' in await reader.readuntil(b"0\r\n\r\n")
        assert (await whole.readline()).startswith(b"HTTP/1.1 503")
        refused, last = await raw(served, body_of("echo"))
        assert (await refused.readline()).startswith(b"HTTP/1.1 503")
        for each in (writer, another, last):
            each.close()


async def test_a_whole_answer_that_fails_late_breaks_the_connection(served: Served) -> None:
    """Its status, 200, is out by then, and a client must not take what comes for an answer."""
    async with asyncio.timeout(30):
        reader, writer = await raw(served, body_of("tokens=4,pace=10ms,hang=after:4,timeout=3s"))
        text = await reader.read()
        assert text.startswith(b"HTTP/1.1 200")
        assert not text.endswith(b"0\r\n\r\n")
        writer.close()

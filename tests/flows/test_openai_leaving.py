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


async def running(served: Served) -> Run:
    """The one generation that runs, when it does."""
    engine: Any = served.app._engine
    while not engine._runs:  # noqa: ASYNC110 - the engine tells nobody of what it does not keep
        await asyncio.sleep(0)
    return next(iter(engine._runs.values()))


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


# Nothing can be written before an answer that is not streamed has begun.
@pytest.mark.parametrize(
    ("model", "stream"),
    [
        *((model, True) for model in ("hang=start", "hang=after:3", "queue=2:60s", "tokens=1000000,pace=5ms")),
        *((model, False) for model in ("hang=after:3", "tokens=1000000,pace=5ms")),
    ],
)
async def test_over_http1_the_answer_ends_soon_after_its_client(served: Served, model: str, stream: bool) -> None:
    async with asyncio.timeout(30):
        _, writer = await raw(served, body_of(model, stream=stream))
        run = await running(served)
        writer.transport.abort()
        assert await ended(run) == message_pb2.FINISH_REASON_STOPPED
        await served.idle(30)


@pytest.mark.parametrize("model", ["hang=start", "hang=after:3", "tokens=1000000,pace=5ms"])
@pytest.mark.parametrize("stream", [True, False])
async def test_over_http2_the_answer_ends_at_once(served: Served, model: str, stream: bool) -> None:
    async with asyncio.timeout(30), HTTPTransport(http_version=HTTPVersion.HTTP2) as transport:
        request = Request("POST", served.url + CHAT, content=body_of(model, stream=stream))
        calling = asyncio.ensure_future(transport.execute(request))
        run = await running(served)
        if stream and "start" not in model:
            response = await calling
            await response.aclose()
        else:
            calling.cancel()
            await asyncio.wait([calling])
        assert await ended(run) == message_pb2.FINISH_REASON_STOPPED
        await served.idle(30)


async def test_one_that_is_kept_goes_on_without_its_client(served: Served) -> None:
    async with asyncio.timeout(30):
        reader, writer = await raw(served, body_of("hang=after:3", stream=True, store=True))
        await reader.readuntil(b'"content":')
        run = await running(served)
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
        while len(served.app._engine._runs) < 2:  # noqa: ASYNC110 - as in `running`
            await asyncio.sleep(0)
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

"""What calls leave behind in memory: nothing for the garbage collector, which comes seldom, however they end."""

from __future__ import annotations

import asyncio
import gc
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fireside.gen.v1 import chat_service_pb2 as chat
from fireside.gen.v1 import generation_pb2
from tests.callers import Caller, CallError, caller
from tests.rig import new_uuid, send
from tests.served import Served, serve

TIMES = 20
LONG = "tokens=1000000,pace=5ms"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


@contextmanager
def uncollected() -> Iterator[Counter[str]]:
    """Counts, by type, what of the server only the collector would have freed; that of the clients is not looked at."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.update(name for name in map(kind_of, gc.garbage) if name.startswith("fireside."))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def kind_of(thing: object) -> str:
    """The type's name, or for what runs the module of its code. Records may be those of the clients."""
    module = type(thing).__module__
    frame: Any = next(
        (getattr(thing, name) for name in ("gi_frame", "cr_frame", "ag_frame") if hasattr(thing, name)), thing
    )
    running = getattr(frame, "f_globals", None)
    if isinstance(running, dict):
        module = running.get("__name__", "")
    return "" if ".gen." in module else f"{module}.{type(thing).__qualname__}"


async def quiet(served: Served) -> None:
    """Returns when the server does nothing more: no stream is open and no answer is written."""
    await served.idle(10)
    engine: Any = served.app._engine
    while engine._runs:  # noqa: ASYNC110 - the engine tells nobody of what it does not keep
        await asyncio.sleep(0)
    for _ in range(20):  # what ends goes through the loop a few more times
        await asyncio.sleep(0)


async def stop(client: Caller, generation_id: str) -> None:
    await client.unary("StopGeneration", chat.StopGenerationRequest(generation_id=generation_id))


async def leave(client: Caller, method: str, request: Any) -> None:
    """Reads until there is text, or whatever there is to read, and hangs up."""
    async with aclosing(client.stream(method, request)) as answers:  # pyright: ignore[reportArgumentType]
        for _ in range(2 if method == "Generate" else 1):
            await anext(answers)


async def leave_generate(client: Caller) -> None:
    spec = send(LONG)
    await leave(client, "Generate", chat.GenerateRequest(spec=spec))
    await stop(client, spec.generation_id)


async def started(client: Caller) -> str:
    spec = send(LONG)
    await client.unary("StartGeneration", chat.StartGenerationRequest(spec=spec))
    return spec.generation_id


async def leave_watch(client: Caller) -> None:
    generation_id = await started(client)
    await leave(client, "WatchGeneration", chat.WatchGenerationRequest(generation_id=generation_id))
    await stop(client, generation_id)


async def leave_events(client: Caller) -> None:
    generation_id = await started(client)
    await leave(client, "WatchEvents", chat.WatchEventsRequest(follow_generations=True))
    await leave(client, "WatchEvents", chat.WatchEventsRequest())
    await stop(client, generation_id)


async def leave_converse(client: Caller) -> None:
    spec = send(LONG)
    never = asyncio.Event()

    async def commands() -> AsyncIterator[chat.ConverseRequest]:
        yield chat.ConverseRequest(command_id="1", start=send("nonsense"))
        yield chat.ConverseRequest(command_id="2", start=spec)
        await never.wait()

    async with aclosing(client.stream("Converse", commands())) as answers:  # pyright: ignore[reportArgumentType]
        async for answer in answers:
            if answer.generation_events.generation_id:
                break
    await stop(client, spec.generation_id)


async def stop_in_the_middle(client: Caller) -> None:
    spec = send(LONG)
    async with aclosing(client.stream("Generate", chat.GenerateRequest(spec=spec))) as answers:  # pyright: ignore[reportArgumentType]
        await anext(answers)
        await stop(client, spec.generation_id)
        async for _ in answers:
            pass


async def fail(client: Caller) -> None:
    async for _ in client.stream("Generate", chat.GenerateRequest(spec=send("tokens=5,fail=after:3"))):
        pass


async def refused(client: Caller) -> None:
    """Calls, of both kinds, that end with an error."""
    generation_id = new_uuid()
    with pytest.raises(CallError):
        await client.unary("GetGeneration", chat.GetGenerationRequest(generation_id=generation_id))
    with pytest.raises(CallError):
        await client.unary("GetGeneration", chat.GetGenerationRequest())
    with pytest.raises(CallError):
        async for _ in client.stream("WatchGeneration", chat.WatchGenerationRequest(generation_id=generation_id)):
            pass
    for spec in (generation_pb2.GenerationSpec(), send("nonsense")):
        with pytest.raises(CallError):
            async for _ in client.stream("Generate", chat.GenerateRequest(spec=spec)):
                pass


KINDS = ("grpcio", "connect-h1", "connect-json-h1", "connect-h2", "grpc-web-h1")
USES = (leave_generate, leave_watch, leave_events, stop_in_the_middle, fail, refused)


@pytest.mark.parametrize(
    ("kind", "use"),
    [*((kind, use) for kind in KINDS for use in USES), ("grpcio", leave_converse), ("connect-h2", leave_converse)],
)
async def test_calls_leave_nothing_to_collect(
    served: Served, kind: str, use: Callable[[Caller], Awaitable[None]]
) -> None:
    async with asyncio.timeout(50), caller(kind, served.url) as client:
        await use(client)  # what is made once for all is not looked at
        await quiet(served)
        with uncollected() as found:
            await asyncio.gather(*(use(client) for _ in range(TIMES)))
            await quiet(served)
    assert not found


@pytest.mark.parametrize("model", [LONG, "tokens=5", "tokens=5,fail=after:3", "fail=start", "nonsense"])
@pytest.mark.parametrize("stream", [True, False])
async def test_calls_of_openai_leave_nothing_to_collect(served: Served, model: str, stream: bool) -> None:
    body = json.dumps({"model": f"scripted/{model}", "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"
    )

    async def use() -> None:
        host, _, port = served.address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request % (len(body), body.encode()))
        await (reader.read(400) if model == LONG else reader.read())
        writer.transport.abort()

    async with asyncio.timeout(50):
        await use()
        await quiet(served)
        with uncollected() as found:
            await asyncio.gather(*(use() for _ in range(TIMES)))
            await quiet(served)
    assert not found

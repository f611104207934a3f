"""The application runs on an ASGI server that is not the one it is shipped with: nothing in it knows the server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import hypercorn.asyncio
import hypercorn.config
import pytest
from openai import AsyncOpenAI

from fireside.app import open_app
from fireside.config import load
from fireside.gen.v1 import chat_service_pb2 as chat
from fireside.gen.v1 import conversation_service_pb2 as conversations
from tests.callers import caller
from tests.rig import send


@asynccontextmanager
async def on_hypercorn(folder: Path) -> AsyncIterator[str]:
    """The URL of the app on hypercorn."""
    app = await open_app(load({"data_dir": str(folder), "local_model": "false", "single_user": "true"}))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = hypercorn.config.Config()
        config.bind = [f"fd://{listening.fileno()}"]
        config.graceful_timeout = 0.5
        stop = asyncio.Event()
        asgi: Any = app.asgi
        serving = asyncio.create_task(hypercorn.asyncio.serve(asgi, config, shutdown_trigger=stop.wait))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            stop.set()
            await serving
            listening.detach()  # the server has closed it
            await app.aclose()


@pytest.mark.filterwarnings("ignore::Warning:hypercorn")
async def test_openais_clients_work_on_another_server(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(20),
        on_hypercorn(tmp_path) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="any") as client,
    ):
        asked: Any = {"model": "scripted/tokens=5", "messages": [{"role": "user", "content": "hello"}]}
        whole = await client.chat.completions.create(**asked)
        stream = await client.chat.completions.create(**asked, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        assert text == whole.choices[0].message.content


@pytest.mark.filterwarnings("ignore::Warning:hypercorn")
@pytest.mark.parametrize(
    "kind", ["connect-h1", "connect-json-h1", "grpc-web-h1", "connect-h2", "grpc-web-h2", "grpcio"]
)
async def test_every_protocol_works_on_another_server(tmp_path: Path, kind: str) -> None:
    async with asyncio.timeout(20), on_hypercorn(tmp_path) as url, caller(kind, url) as client:
        spec = send("tokens=5")
        async with aclosing(client.stream("Generate", chat.GenerateRequest(spec=spec))) as answers:
            events = [event async for answer in answers for event in answer.events if event.seq]
        assert events[-1].HasField("ended")
        request = conversations.ListConversationsRequest()
        assert (await client.unary("ListConversations", request)).conversations[0].id == spec.conversation_id

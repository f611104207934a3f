"""A runner that one process of a server adds is there in the others, with its secret, and each can answer with it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from tests.callers import Caller, caller
from tests.ollama_server import ollama_server
from tests.runner_calls import MODEL, NOWHERE, OPENAI, SECRET, answer_of, create, listed, spec
from tests.server_process import server_process


async def test_every_process_of_a_server_has_the_same_runners(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack, ollama_server() as ollama:
        server = stack.enter_context(server_process(tmp_path, "--workers", "2"))
        # Each connection belongs to one process; of eight, both have some.
        clients: list[Caller] = [await stack.enter_async_context(caller("grpcio", server.url)) for _ in range(8)]
        await create(clients[0], spec("shed", ollama.url))
        await create(clients[1], spec("router", NOWHERE, OPENAI), SECRET)
        for client in clients:
            async with asyncio.timeout(60):
                while [runner.spec.name for runner in await listed(client)] != ["scripted", "shed", "router"]:
                    pass  # asked again: the process has not heard yet
            assert await answer_of(client, MODEL)
            (_, _, router) = await listed(client)
            assert router.has_secret
            assert "cannot be read" not in router.status.message
    assert ollama.bodies

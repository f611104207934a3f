"""A worker's edge over any runner, on a port of its own in the test's loop. For what is to be seen inside a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from h2corn import Config, Server

from fireside.edge.worker import WorkerEdge, WorkerOptions
from fireside.runners.base import Delta, Embeddings, GenerateRequest, Runner, RunnerInfo
from fireside.runners.scripted.runner import ScriptedRunner


@dataclass
class WatchedRunner:
    """The scripted runner, and what was asked of it. `closed` is set whenever an answer's generator was left."""

    inner: ScriptedRunner = field(default_factory=ScriptedRunner)
    requests: list[GenerateRequest] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    offers: int | None = None
    """How many of the scripts it lists, and then takes no other; all by default."""

    @property
    def name(self) -> str:
        return self.inner.name

    async def info(self) -> RunnerInfo:
        found = await self.inner.info()
        return found if self.offers is None else RunnerInfo(found.models[: self.offers])

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        self.requests.append(request)
        self.begun.set()
        try:
            async with aclosing(self.inner.generate(request)) as deltas:
                async for delta in deltas:
                    yield delta
        finally:
            self.closed.set()

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        return await self.inner.embed(model, texts)

    async def aclose(self) -> None:
        await self.inner.aclose()


@asynccontextmanager
async def worker_served(runner: Runner, options: WorkerOptions | None = None) -> AsyncIterator[str]:
    """The address of a worker over `runner`."""
    edge = WorkerEdge(runner, options or WorkerOptions())
    config = Config(
        bind=("127.0.0.1:0",), grpc=True, access_log=False, lifespan="off", max_concurrent_streams=4096,
        timeout_graceful_shutdown=0.5,
    )  # fmt: skip
    server = Server(edge, config)
    serving = asyncio.create_task(server.serve())
    try:
        await server.wait_started()
        yield f"127.0.0.1:{server.addresses[0].rpartition(':')[2]}"
    finally:
        server.shutdown()
        await edge.drain(0)
        await serving
        await runner.aclose()

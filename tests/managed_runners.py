"""Managed runners for tests: a scripted one or another, answers that are read in a task, and a backend with a switch."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from fireside.core.errors import FiresideError, InvalidArgumentError, UnavailableError
from fireside.gen.v1 import generation_pb2, message_pb2, model_pb2
from fireside.runners.base import Delta, Embeddings, Finished, GenerateRequest, RunnerInfo, Text
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner
from fireside.runners.scripted.runner import ScriptedRunner

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from fireside.runners.base import Runner

PATIENCE = 45.0
ENDLESS = "tokens=9999999,pace=1ms"
SHORT = 0.02
LONG = 1000.0


@asynccontextmanager
async def managed(runner: Runner | None = None, **options: object) -> AsyncIterator[ManagedRunner]:
    """A managed runner, closed in the end; it is looked at only when somebody asks."""
    made = ManagedRunner(runner or ScriptedRunner(), ManagedOptions(**{"check_interval": 0.0, **options}))
    try:
        async with asyncio.timeout(PATIENCE):
            yield made
    finally:
        await made.aclose()


def ask(model: str, account: str = "a") -> GenerateRequest:
    part = message_pb2.Part(text=message_pb2.TextPart(text="Hello"))
    said = message_pb2.Message(role=message_pb2.ROLE_USER, parts=[part])
    return GenerateRequest(model, (said,), generation_pb2.SamplingOptions(), "session", account)


async def collect(runner: ManagedRunner, model: str, account: str = "a") -> list[Delta]:
    async with aclosing(runner.generate(ask(model, account))) as deltas:
        return [delta async for delta in deltas]


async def words(runner: ManagedRunner, model: str) -> int:
    return sum(len(delta.text.split()) for delta in await collect(runner, model) if isinstance(delta, Text))


async def failure(runner: ManagedRunner, model: str) -> FiresideError:
    with pytest.raises(FiresideError) as caught:
        await collect(runner, model)
    return caught.value


class Answer:
    """An answer that is read in a task of its own."""

    def __init__(self, runner: ManagedRunner, model: str, account: str = "a") -> None:
        self.seen: list[Delta] = []
        self._news = asyncio.Condition()
        self.task = asyncio.create_task(self._read(runner, ask(model, account)))

    async def _read(self, runner: ManagedRunner, request: GenerateRequest) -> None:
        async with aclosing(runner.generate(request)) as deltas:
            async for delta in deltas:
                async with self._news:
                    self.seen.append(delta)
                    self._news.notify_all()

    async def until(self, wanted: Delta | type[Delta]) -> None:
        """Returns when a delta of this kind, or just this one, was seen."""

        def there() -> bool:
            return any(isinstance(d, wanted) if isinstance(wanted, type) else d == wanted for d in self.seen)

        async with self._news:
            await self._news.wait_for(there)

    async def cancel(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


async def pause(seconds: float) -> None:
    """Lets a limit pass that must not count."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    await over.wait()


class Switched:
    """A backend that is there or away, as a test says."""

    name = "switched"

    def __init__(self) -> None:
        self.away = False
        self.asked = 0
        self.held: asyncio.Event | None = None

    async def info(self) -> RunnerInfo:
        self.asked += 1
        if self.held is not None:
            await self.held.wait()
        if self.away:
            return RunnerInfo(problem="It is switched off.")
        model = model_pb2.Model(id="switched/m", runner="switched", state=model_pb2.MODEL_STATE_READY, loaded=True)
        return RunnerInfo((model,), version="Switch 1.0")

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        if self.away:
            raise UnavailableError("RUNNER_UNAVAILABLE", "It is switched off.")
        yield Text(request.model)
        yield Finished()

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        raise InvalidArgumentError("NOT_AN_EMBEDDING_MODEL", model)

    async def aclose(self) -> None:
        """Nothing to free."""

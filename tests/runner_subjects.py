"""The runners that tests/contracts/test_runner_contract.py is run over: each made, with what it needs, and ended.

A new one is a function here, with a line in `SUBJECTS`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from fireside.runners.base import BackendOptions, Runner
from fireside.runners.llama.engine import LlamaOptions
from fireside.runners.llama.runner import LlamaRunner
from fireside.runners.llama.weight_files import QWEN
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner
from fireside.runners.ollama.runner import OllamaRunner
from fireside.runners.openai.runner import OpenAIRunner
from fireside.runners.scripted.runner import ScriptedRunner
from fireside.runners.sglang.runner import SGLangRunner
from fireside.runners.triton.runner import TritonRunner
from fireside.runners.worker.runner import WorkerRunner
from tests.llama_server import KEY, LlamaServer, llama_server
from tests.ollama_server import EMBEDS, ollama_server
from tests.served import serve
from tests.sglang_server import SglangServer, rust_extension, rust_server, small_server
from tests.triton_server import triton_server
from tests.worker_process import worker_process

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable
    from pathlib import Path

LONG = "A quick brown fox jumps over a lazy dog. " * 300
PATIENCE = 60


async def _nothing() -> None:
    """For what cannot be looked into."""


async def _zero() -> int:
    """The same."""
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A runner, and the names of models of it that do what a test needs; empty for what it cannot do.

    `busy` returns once the backend itself computes, `idle` once it computes nothing any more. `read` is how many tokens
    it has read of the last prompt; `long_prompt` has more than 2,000. `stops`: it ends at the texts that are asked for.
    """

    runner: Runner
    answers: str
    endless: str
    slow_to_start: str
    long_prompt: str = "Hi"
    reasons: str = ""
    calls: str = ""
    embeds: str = ""
    fails: str = ""
    stops: bool = True
    busy: Callable[[], Awaitable[None]] = _nothing
    idle: Callable[[], Awaitable[None]] = _nothing
    read: Callable[[], Awaitable[int]] = _zero


@asynccontextmanager
async def scripted(_request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    runner = ScriptedRunner()
    yield Subject(
        runner=runner,
        answers="tokens=8",
        endless="tokens=100000,pace=1ms",
        slow_to_start="first=1000s",
        reasons="tokens=4,reasoning=4",
        calls="tokens=4,tool",
        embeds="embed=8",
        fails="fail=after:3",
        stops=False,
    )
    await runner.aclose()


@asynccontextmanager
async def managed(request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    """What wraps any runner keeps its promises too; with a limit, so that each answer takes a turn."""
    async with scripted(request) as inner:
        runner = ManagedRunner(inner.runner, ManagedOptions(concurrency=8, check_interval=0))
        yield replace(inner, runner=runner)
        await runner.aclose()


@asynccontextmanager
async def llama(request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    models_dir: Path = request.getfixturevalue("local_models")
    runner = LlamaRunner(LlamaOptions(models_dir))
    model = QWEN.model

    async def server() -> LlamaServer:
        address = await runner.engine(model).address()
        return LlamaServer(address.url, address.key)

    async def busy() -> None:
        await (await server()).busy()

    async def idle() -> None:
        await (await server()).idle()

    async def read() -> int:
        return await (await server()).last_prompt()

    yield Subject(
        runner=runner,
        answers=model,
        endless=model,
        slow_to_start=model,
        long_prompt=LONG,
        busy=busy,
        idle=idle,
        read=read,
    )
    await runner.aclose()


@asynccontextmanager
async def openai(request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    """Against llama.cpp's own server."""
    models_dir: Path = request.getfixturevalue("local_models")
    model = QWEN.model
    async with llama_server(models_dir / QWEN.file) as server:
        options = BackendOptions(name="lab", addresses=(server.url,), secret=KEY, models=(model,))
        runner = OpenAIRunner(options)
        # Whoever manages a runner looks at it first; it gets to know then what it speaks to.
        await runner.info()
        yield Subject(
            runner=runner,
            answers=model,
            endless=model,
            slow_to_start=model,
            long_prompt=LONG,
            embeds=model,
            busy=server.busy,
            idle=server.idle,
            read=server.last_prompt,
        )
        await runner.aclose()


@asynccontextmanager
async def ollama(_request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    """Against the small server of tests/ollama_server.py."""
    async with ollama_server() as server:
        server.models += ["tokens=4,reasoning=4"]
        runner = OllamaRunner(BackendOptions(name="lab", addresses=(server.url,)))
        await runner.info()

        async def busy() -> None:
            async with asyncio.timeout(PATIENCE):
                await server.busy.wait()

        async def idle() -> None:
            async with asyncio.timeout(PATIENCE):
                await server.idle.wait()

        yield Subject(
            runner=runner,
            answers="tokens=8",
            endless="tokens=100000,pace=1ms",
            slow_to_start="first=1000s",
            reasons="tokens=4,reasoning=4",
            calls="tokens=4,tool",
            embeds=EMBEDS,
            fails="fail=after:3",
            busy=busy,
            idle=idle,
        )
        await runner.aclose()


@asynccontextmanager
async def worker(request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    """Against a `fireside worker` process with the scripted models."""
    folder: Path = request.getfixturevalue("tmp_path_factory").mktemp("worker")
    with worker_process(folder, token="secret") as process:
        runner = WorkerRunner(BackendOptions(name="far", addresses=(process.address,), secret="secret"))
        yield Subject(
            runner=runner,
            answers="tokens=8",
            endless="tokens=100000,pace=1ms",
            slow_to_start="first=1000s",
            reasons="tokens=4,reasoning=4",
            calls="tokens=4,tool",
            embeds="embed=8",
            fails="fail=after:3",
            stops=False,
        )
        await runner.aclose()


@asynccontextmanager
async def fireside(request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    """The OpenAI-compatible API of another Fireside, so that both ends of it keep the same promises."""
    folder: Path = request.getfixturevalue("tmp_path_factory").mktemp("far")
    async with serve(folder, default_model="scripted/tokens=8") as far:
        runner = OpenAIRunner(BackendOptions(name="far", addresses=(f"{far.url}/v1",)))

        async def idle() -> None:
            await far.idle(PATIENCE)

        yield Subject(
            runner=runner,
            answers="scripted/tokens=8",
            endless="scripted/tokens=100000,pace=1ms",
            slow_to_start="scripted/first=1000s",
            reasons="scripted/tokens=4,reasoning=4",
            calls="scripted/tokens=4,tool",
            embeds="scripted/embed=8",
            fails="scripted/tokens=8,fail=after:3",
            stops=False,
            idle=idle,
        )
        await runner.aclose()


@asynccontextmanager
async def worker_llama(request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    """Against a `fireside worker` process with the local model."""
    models_dir: Path = request.getfixturevalue("local_models")
    folder: Path = request.getfixturevalue("tmp_path_factory").mktemp("worker")
    flags = ("--local-model", "true", "--models-dir", str(models_dir))
    with worker_process(folder, *flags) as process:
        runner = WorkerRunner(BackendOptions(name="far", addresses=(process.address,)))
        model = QWEN.model
        yield Subject(runner=runner, answers=model, endless=model, slow_to_start=model, long_prompt=LONG)
        await runner.aclose()


def _of_sglang(runner: SGLangRunner, server: SglangServer) -> Subject:
    return Subject(
        runner=runner,
        answers="tokens=8",
        endless="tokens=100000,pace=1ms",
        slow_to_start="first=1000s",
        reasons="tokens=4,reasoning=4",
        calls="tokens=4,tool",
        embeds="embed=8",
        fails="fail=after:3",
        stops=False,
        idle=server.idle,
    )


@asynccontextmanager
async def sglang(_request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    """Against the small server of tests/sglang_server.py."""
    async with small_server() as server:
        runner = SGLangRunner(BackendOptions(name="lab", addresses=(server.address,)))
        yield _of_sglang(runner, server)
        await runner.aclose()


@asynccontextmanager
async def sglang_rust(_request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    """Against SGLang's own server, without its engine."""
    extension = await asyncio.to_thread(rust_extension)
    async with rust_server(extension) as server:
        runner = SGLangRunner(BackendOptions(name="lab", addresses=(server.address,)))
        yield _of_sglang(runner, server)
        await runner.aclose()


@asynccontextmanager
async def triton(_request: pytest.FixtureRequest) -> AsyncGenerator[Subject]:
    """Against the small server of tests/triton_server.py."""
    async with triton_server() as server:
        runner = TritonRunner(BackendOptions(name="lab", addresses=(server.address,)))

        async def busy() -> None:
            async with asyncio.timeout(PATIENCE):
                await server.busy.wait()

        async def idle() -> None:
            async with asyncio.timeout(PATIENCE):
                await server.idle.wait()

        yield Subject(
            runner=runner,
            answers="tokens=8",
            endless="tokens=100000,pace=1ms",
            slow_to_start="first=1000s",
            fails="fail=after:3",
            stops=False,
            idle=idle,
        )
        await runner.aclose()


Factory = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Subject]]
_REAL = (pytest.mark.model, pytest.mark.slow)
SUBJECTS: dict[str, tuple[Factory, tuple[pytest.MarkDecorator, ...]]] = {
    "scripted": (scripted, ()),
    "managed": (managed, ()),
    "llama": (llama, _REAL),
    "openai": (openai, _REAL),
    "ollama": (ollama, ()),
    "fireside": (fireside, ()),
    "worker": (worker, ()),
    "worker-llama": (worker_llama, _REAL),
    "sglang": (sglang, ()),
    "triton": (triton, ()),
    "sglang-rust": (sglang_rust, (pytest.mark.slow,)),
}
PARAMS = [pytest.param(name, marks=marks) for name, (_, marks) in SUBJECTS.items()]

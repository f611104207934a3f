"""The local runner's own promises, on the real model: queue, caches, death, hanging, idling, and stopping the engine."""

from __future__ import annotations

import asyncio
import hashlib
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from fireside.core.errors import DeadlineExceededError, InvalidArgumentError, ResourceExhaustedError, UnavailableError
from fireside.gen.v1 import generation_pb2, message_pb2, model_pb2
from fireside.runners.base import Activity, Delta, Finished, GenerateRequest, Progress, Text
from fireside.runners.llama.engine import LlamaEngine, LlamaOptions
from fireside.runners.llama.runner import LlamaRunner
from fireside.runners.llama.weight_files import QWEN
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.model,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="stops and watches processes as Linux does"),
]
MODEL = QWEN.model
LONG = "A quick brown fox jumps over a lazy dog. " * 250
# What these tests start must not take the machine from those that run beside them.
SMALL = {"slots": 2, "context_tokens": 8_192}


class _SlotState(msgspec.Struct):
    is_processing: bool


def ask(text: str, *, session: str = "s", max_tokens: int = 8) -> GenerateRequest:
    part = message_pb2.Part(text=message_pb2.TextPart(text=text))
    return GenerateRequest(
        MODEL,
        (message_pb2.Message(role=message_pb2.ROLE_USER, parts=[part]),),
        generation_pb2.SamplingOptions(temperature=0, max_tokens=max_tokens),
        session,
    )


async def collect(runner: LlamaRunner, request: GenerateRequest) -> list[Delta]:
    async with aclosing(runner.generate(request)) as deltas:
        return [delta async for delta in deltas]


async def first_text(deltas: AsyncGenerator[Delta]) -> None:
    async for delta in deltas:
        if isinstance(delta, Text):
            return


async def seconds_until_idle(engine: LlamaEngine) -> float:
    """How long the engine goes on computing, from now."""
    began = time.monotonic()
    address = await engine.address()
    headers = {"Authorization": f"Bearer {address.key}"}
    async with aiohttp.ClientSession(headers=headers) as session, asyncio.timeout(60):
        while True:
            async with session.get(f"{address.url}/slots") as response:
                slots = msgspec.json.decode(await response.read(), type=list[_SlotState])
            if not any(slot.is_processing for slot in slots):
                return time.monotonic() - began


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner(local_models: Path) -> AsyncGenerator[LlamaRunner]:
    runner = LlamaRunner(LlamaOptions(local_models, **SMALL))
    yield runner
    await runner.aclose()


async def test_the_first_answer_says_that_it_loads_and_then_reads(runner: LlamaRunner) -> None:
    runner.engine(MODEL).stop()
    deltas = await collect(runner, ask("Hi"))
    assert deltas[:2] == [Progress(Activity.LOADING), Progress(Activity.PREFILLING)]
    assert Progress(Activity.LOADING) not in await collect(runner, ask("Hi"))


async def test_a_prompt_that_was_read_is_not_read_again(runner: LlamaRunner) -> None:
    asked = "Remember these words: " + "sun moon star river stone bird " * 12
    cold = (await collect(runner, ask(asked, session="cache")))[-1]
    warm = (await collect(runner, ask(asked, session="cache")))[-1]
    assert isinstance(cold, Finished)
    assert isinstance(warm, Finished)
    assert cold.prompt_tokens == warm.prompt_tokens
    assert warm.cached_tokens == warm.prompt_tokens - 1


async def test_closing_in_mid_answer_stops_the_engine(runner: LlamaRunner) -> None:
    async with aclosing(runner.generate(ask("Write a long story.", max_tokens=2000))) as deltas:
        await first_text(deltas)
    assert await seconds_until_idle(runner.engine(MODEL)) < 2


async def test_closing_in_mid_prompt_stops_the_engine(runner: LlamaRunner) -> None:
    async with aclosing(runner.generate(ask(LONG, session="prefill"))) as deltas:
        assert await anext(deltas) == Progress(Activity.PREFILLING)
    # Reading the whole prompt would take half a minute. The bound is loose for the sake of busy machines.
    assert await seconds_until_idle(runner.engine(MODEL)) < 5


async def test_a_manager_lets_answers_wait_for_a_slot(runner: LlamaRunner) -> None:
    managed = ManagedRunner(runner, ManagedOptions(concurrency=2, queue_length=1, check_interval=0))
    endless = ask("Write a long story.", max_tokens=2000)
    async with (
        aclosing(managed.generate(endless)) as one,
        aclosing(managed.generate(endless)) as two,
        aclosing(managed.generate(ask("Hi"))) as third,
    ):
        await first_text(one)
        await first_text(two)
        assert await anext(third) == Progress(Activity.QUEUED, 1)
        with pytest.raises(ResourceExhaustedError) as caught:
            managed.admit(MODEL, "")
        assert caught.value.reason == "QUEUE_FULL"
        await one.aclose()
        assert isinstance([delta async for delta in third][-1], Finished)


async def test_more_answers_than_slots_are_refused(runner: LlamaRunner) -> None:
    slots = runner.engine(MODEL).slots
    taken = [slots.take("a"), slots.take("b")]
    with pytest.raises(ResourceExhaustedError) as caught:
        await collect(runner, ask("Hi"))
    assert caught.value.reason == "QUEUE_FULL"
    for slot in taken:
        slots.give_back(slot)


async def test_it_makes_no_vectors(runner: LlamaRunner) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        await runner.embed(MODEL, ["Hi"])
    assert caught.value.reason == "NOT_AN_EMBEDDING_MODEL"


async def test_a_prompt_that_does_not_fit_is_refused_with_the_numbers(runner: LlamaRunner) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        await collect(runner, ask("word " * 5000))
    assert caught.value.reason == "PROMPT_TOO_LONG"
    assert caught.value.metadata["context_tokens"] == "4096"


async def test_a_death_fails_the_answer_and_the_next_one_works(runner: LlamaRunner) -> None:
    engine = runner.engine(MODEL)
    async with aclosing(runner.generate(ask("Write a long story.", max_tokens=2000))) as deltas:
        await first_text(deltas)
        os.kill(engine.pid, signal.SIGKILL)
        with pytest.raises(UnavailableError) as caught:
            await first_error(deltas)
    assert caught.value.reason == "RUNNER_DIED"
    assert isinstance((await collect(runner, ask("Hi")))[-1], Finished)


async def first_error(deltas: AsyncGenerator[Delta]) -> None:
    async for _ in deltas:
        pass


async def test_a_hang_is_noticed_and_the_next_answer_works(local_models: Path) -> None:
    runner = LlamaRunner(replace(LlamaOptions(local_models, **SMALL), stall_timeout=5))
    async with aclosing(runner.generate(ask("Write a long story.", max_tokens=2000))) as deltas:
        await first_text(deltas)
        os.kill(runner.engine(MODEL).pid, signal.SIGSTOP)
        with pytest.raises(DeadlineExceededError) as caught:
            await first_error(deltas)
    assert caught.value.reason == "RUNNER_STALLED"
    assert isinstance((await collect(runner, ask("Hi")))[-1], Finished)
    await runner.aclose()


async def test_an_idle_engine_is_stopped_and_comes_back(local_models: Path) -> None:
    runner = LlamaRunner(replace(LlamaOptions(local_models, **SMALL), idle_stop=0.01))
    await collect(runner, ask("Hi"))
    pid = runner.engine(MODEL).pid
    await asyncio.to_thread(wait_for_exit, pid)
    assert runner.engine(MODEL).pid == 0
    assert isinstance((await collect(runner, ask("Hi")))[-1], Finished)
    await runner.aclose()


async def test_a_file_that_is_no_model_says_so(tmp_path: Path) -> None:
    weights = replace(QWEN, size=4, sha256="6b13bf5c02bc4b1bb3b1b5e2b2c9bb6d0d9a5b4cf2c6fbe22b1a2fe6d2ac7a8e")
    (tmp_path / weights.file).write_bytes(b"NOPE")
    runner = LlamaRunner(LlamaOptions(tmp_path), [weights])
    with pytest.raises(UnavailableError) as caught:
        await collect(runner, ask("Hi"))
    assert caught.value.reason == "WEIGHTS_DAMAGED"
    await runner.aclose()


async def test_an_engine_that_cannot_start_quotes_its_log(tmp_path: Path) -> None:
    content = b"GGUF but not really"
    weights = replace(QWEN, size=len(content), sha256=sha256(content))
    (tmp_path / weights.file).write_bytes(content)
    runner = LlamaRunner(LlamaOptions(tmp_path), [weights])
    for _ in range(3):
        with pytest.raises(UnavailableError) as caught:
            await collect(runner, ask("Hi"))
        assert caught.value.reason == "RUNNER_UNAVAILABLE"
    assert weights.file in caught.value.message
    model = (await runner.info()).models[0]
    assert model.state == model_pb2.MODEL_STATE_UNAVAILABLE
    assert "does not start" in model.state_message
    await runner.aclose()


async def test_without_weights_it_says_how_to_get_them(tmp_path: Path) -> None:
    runner = LlamaRunner(LlamaOptions(tmp_path))
    info = await runner.info()
    assert [(model.id, model.state) for model in info.models] == [(f"local/{MODEL}", model_pb2.MODEL_STATE_UNAVAILABLE)]
    assert "make weights" in info.hint
    with pytest.raises(UnavailableError) as caught:
        await collect(runner, ask("Hi"))
    assert caught.value.reason == "WEIGHTS_MISSING"
    await runner.aclose()


async def test_prewarming_loads_before_the_first_answer(local_models: Path) -> None:
    runner = LlamaRunner(LlamaOptions(local_models, **SMALL))
    runner.prewarm()
    await asyncio.sleep(0)
    await runner.engine(MODEL).address()
    assert Progress(Activity.LOADING) not in await collect(runner, ask("Hi"))
    await runner.aclose()


_PARENT = """
import asyncio, sys
from pathlib import Path
from fireside.runners.llama.runner import LlamaRunner
from fireside.runners.llama.engine import LlamaOptions

async def main():
    runner = LlamaRunner(LlamaOptions(Path(sys.argv[1]), slots=1, context_tokens=2048))
    await runner.engine(sys.argv[2]).address()
    print(runner.engine(sys.argv[2]).pid, "xllamacpp" in sys.modules, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_the_child_dies_with_a_parent_that_is_killed(local_models: Path) -> None:
    assert await asyncio.to_thread(kill_a_parent, local_models) == "False"


def kill_a_parent(models_dir: Path) -> str:
    """Starts a process with a runner, kills it, waits for its child's end. Returns whether it had loaded the engine."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(models_dir), MODEL], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child, loaded = parent.stdout.readline().split()
        parent.kill()
    wait_for_exit(int(child))
    return loaded


def wait_for_exit(pid: int) -> None:
    """Returns when the process has ended, which need not be a child of this one."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], 10)[0], f"process {pid} lives on"
    finally:
        os.close(handle)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

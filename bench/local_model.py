"""Measures the local model: first token cold and warm, tokens a second, prefix reuse, and how soon a cancel stops it.

Run `python -m bench.local_model --dir data/models`. Times are wall times on a machine that should do nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.runners.base import Finished, GenerateRequest, Text
from fireside.runners.llama.engine import LlamaOptions
from fireside.runners.llama.runner import LlamaRunner
from fireside.runners.llama.weight_files import QWEN

if TYPE_CHECKING:
    from fireside.runners.llama.engine import LlamaEngine

LONG = "A quick brown fox jumps over a lazy dog. " * 60
STORY = "Write a long story about a fox."


@dataclass(frozen=True, slots=True)
class Run:
    first: float
    total: float
    finished: Finished


def ask(text: str, session: str, max_tokens: int) -> GenerateRequest:
    part = message_pb2.Part(text=message_pb2.TextPart(text=text))
    sampling = generation_pb2.SamplingOptions(temperature=0, max_tokens=max_tokens)
    return GenerateRequest(
        QWEN.model, (message_pb2.Message(role=message_pb2.ROLE_USER, parts=[part]),), sampling, session
    )


async def run(runner: LlamaRunner, request: GenerateRequest) -> Run:
    began = time.perf_counter()
    first = 0.0
    finished = Finished()
    async with aclosing(runner.generate(request)) as deltas:
        async for delta in deltas:
            if isinstance(delta, Text):
                first = first or time.perf_counter() - began
            elif isinstance(delta, Finished):
                finished = delta
    return Run(first, time.perf_counter() - began, finished)


async def busy(engine: LlamaEngine, session: aiohttp.ClientSession) -> bool:
    address = await engine.address()
    async with session.get(f"{address.url}/slots", headers={"Authorization": f"Bearer {address.key}"}) as response:
        return any(slot["is_processing"] for slot in msgspec.json.decode(await response.read()))


async def cancel(runner: LlamaRunner, request: GenerateRequest, after: float, *, text_first: bool) -> float:
    """Milliseconds from the cancel until the engine says that no slot works."""
    started = asyncio.Event()

    async def consume() -> None:
        async with aclosing(runner.generate(request)) as deltas:
            async for delta in deltas:
                if isinstance(delta, Text) or not text_first:
                    started.set()

    task = asyncio.create_task(consume())
    await started.wait()
    await asyncio.sleep(after)
    began = time.perf_counter()
    task.cancel()
    await asyncio.wait({task})
    async with aiohttp.ClientSession() as session:
        while await busy(runner.engine(QWEN.model), session):
            pass
    return (time.perf_counter() - began) * 1000


def spread(values: list[float]) -> str:
    ordered = sorted(values)
    return f"p50 {ordered[len(ordered) // 2]:.0f} ms, max {ordered[-1]:.0f} ms ({len(ordered)} times)"


async def measure(models_dir: Path) -> None:
    runner = LlamaRunner(LlamaOptions(models_dir))
    cold = await run(runner, ask("Say hi.", "cold", 16))
    print(f"first token, process not started: {cold.first:.2f} s")
    warm = await run(runner, ask("Say hello.", "warm", 16))
    print(f"first token, process warm, {warm.finished.prompt_tokens} tokens of prompt: {warm.first:.2f} s")
    fresh = await run(runner, ask(LONG, "reuse", 8))
    again = await run(runner, ask(LONG, "reuse", 8))
    read = fresh.finished.prompt_tokens
    print(f"prompt of {read} tokens, new: {fresh.first:.2f} s ({read / fresh.first:.0f} tokens/s)")
    print(f"the same, {again.finished.cached_tokens} tokens cached: {again.first:.2f} s")
    story = await run(runner, ask(STORY, "story", 128))
    print(f"one answer: {(story.finished.completion_tokens - 1) / (story.total - story.first):.1f} tokens/s")
    began = time.perf_counter()
    four = await asyncio.gather(*(run(runner, ask(STORY, f"s{n}", 64)) for n in range(4)))
    print(
        f"four at once: {sum(r.finished.completion_tokens for r in four) / (time.perf_counter() - began):.1f} tokens/s"
    )
    rng = random.Random(1)
    mid = [await cancel(runner, ask(STORY, "c", 2000), rng.uniform(0, 0.5), text_first=True) for _ in range(20)]
    print("cancel while writing:", spread(mid))
    prompt = [
        await cancel(runner, ask(f"{n} {LONG * 4}", f"p{n}", 8), rng.uniform(0, 1.5), text_first=False)
        for n in range(20)
    ]
    print("cancel while reading the prompt:", spread(prompt))
    await runner.aclose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, default=Path("data/models"), help="where the weights lie")
    asyncio.run(measure(parser.parse_args().dir))

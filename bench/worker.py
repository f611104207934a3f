"""What tokens cost on their way from a `fireside worker` to a server, with and without several of them in a message.

`python -m bench.worker` starts workers with the scripted model and reads from them through the runner that a server
has. The figures in docs/adr/0009-grpc-workers.md come from here. CPU is that of each process, user and system together.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import uvloop

from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.runners.base import BackendOptions, Finished, GenerateRequest
from fireside.runners.worker.runner import WorkerRunner
from tests.worker_process import WorkerProcess, worker_process

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """How many answers at once, and what each is."""

    name: str
    streams: int
    model: str


LOADS = (
    Load("1 stream, as fast as it goes", 1, "tokens=200000"),
    Load("100 streams, as fast as they go", 100, "tokens=4000"),
    Load("1 stream, a token each 20 ms", 1, "tokens=200,pace=20ms"),
    Load("100 streams, a token each 20 ms", 100, "tokens=200,pace=20ms"),
    Load("100 streams, 4 tokens each 20 ms", 100, "tokens=800,burst=4,pace=20ms"),
    Load("1,000 streams, a token each 50 ms", 1000, "tokens=64,pace=50ms"),
)


def cpu_of(pid: int) -> float:
    """Seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def read(runner: WorkerRunner, load: Load, number: int) -> tuple[int, int]:
    """Tokens and deltas of one answer."""
    part = message_pb2.Part(text=message_pb2.TextPart(text="Hi"))
    messages = (message_pb2.Message(role=message_pb2.ROLE_USER, parts=[part]),)
    request = GenerateRequest(load.model, messages, generation_pb2.SamplingOptions(), str(number))
    deltas = tokens = 0
    async with aclosing(runner.generate(request)) as answer:
        async for delta in answer:
            if isinstance(delta, Finished):
                tokens = delta.completion_tokens
            else:
                deltas += 1
    return tokens, deltas


async def measure(worker: WorkerProcess, load: Load) -> str:
    runner = WorkerRunner(BackendOptions(name="far", addresses=(worker.address,)))
    await read(runner, Load("", 1, "tokens=100"), 0)
    before, mine, began = cpu_of(worker.process.pid), own_cpu(), time.perf_counter()
    found = await asyncio.gather(*(read(runner, load, number) for number in range(load.streams)))
    seconds = time.perf_counter() - began
    theirs, mine = cpu_of(worker.process.pid) - before, own_cpu() - mine
    tokens, deltas = sum(count for count, _ in found), sum(count for _, count in found)
    await runner.aclose()
    return (
        f"| {load.name} | {tokens / seconds:,.0f} | {tokens / deltas:.1f} "
        f"| {theirs / tokens * 1e6:.1f} | {mine / tokens * 1e6:.1f} |"
    )


def main() -> None:
    print(
        "| load | tokens/s | tokens in a delta | worker, us a token | server's side, us a token |\n|---|---|---|---|---|"
    )
    for flags in ((), ("--each-delta",)):
        print("| **each delta in a message** | | | | |" if flags else "| **what is ready together** | | | | |")
        for load in LOADS:
            with tempfile.TemporaryDirectory() as folder, worker_process(Path(folder), *flags) as worker:
                print(uvloop.run(measure(worker, load)))
                sys.stdout.flush()


if __name__ == "__main__":
    main()

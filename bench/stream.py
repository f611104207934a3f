"""Many readers of paced answers through Connect: time to first token, CPU for each token, memory, with the floor beside it.

Usage: python -m bench.stream [--streams 1,100,1000] [--rounds 4] [--json FILE]. See docs/performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from bench.load import Result, count_events, count_one, generate_request, post, run_streams

TOKENS, PACE_MS = 64, 20
MODEL = f"scripted/tokens={TOKENS},pace={PACE_MS}ms"
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A server under test."""

    name: str
    pid: int
    port: int
    make: Callable[[], bytes]
    count: Callable[[bytes], int]

    def cpu(self) -> float:
        """Seconds of CPU that the process has used, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def rss(self) -> float:
        """Resident memory in MB."""
        line = next(x for x in Path(f"/proc/{self.pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. Times in milliseconds, CPU in microseconds a token, memory in MB."""

    server: str
    streams: int
    answers: int
    errors: int
    tokens_per_second: float
    ttft_p50: float
    ttft_p99: float
    gap_p99: float
    cpu_per_token: float
    rss: float


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


async def measure(server: Server, streams: int, rounds: int) -> Row:
    """Runs the load on one server."""
    cpu, begin = server.cpu(), time.perf_counter()
    spread = TOKENS * PACE_MS / 1000 if streams > 1 else 0.0
    results: list[Result] = await run_streams(server.port, streams, rounds, server.make, server.count, spread)
    seconds, cpu = time.perf_counter() - begin, server.cpu() - cpu
    good = [item for item in results if not item.error and item.tokens == TOKENS]
    for item in results:
        if item not in good:
            print("   ", item.error or f"{item.tokens} tokens", file=sys.stderr)
            break
    tokens = sum(item.tokens for item in results)
    gaps = [gap for item in good for gap in item.gaps]
    return Row(
        server.name, streams, len(good), len(results) - len(good), tokens / seconds,
        percentile([item.ttft for item in good], 0.5) * 1e3, percentile([item.ttft for item in good], 0.99) * 1e3,
        percentile(gaps, 0.99) * 1e3, cpu / max(tokens, 1) * 1e6, server.rss(),
    )  # fmt: skip


@contextmanager
def process(command: list[str], stdout: int, *keep: int) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is ended with the block. It gets the file descriptors `keep`."""
    child = subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL, pass_fds=keep)
    try:
        yield child
    finally:
        child.terminate()
        child.wait(20)


async def first_answer(port: int) -> None:
    """Waits for the first 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
    status = await reader.readline()
    writer.close()
    if b" 200 " not in status:
        raise RuntimeError(status)


def line(row: Row) -> str:
    """A row of a Markdown table."""
    return (
        f"| {row.server} | {row.streams} | {row.answers} | {row.errors} | {row.tokens_per_second:,.0f} "
        f"| {row.ttft_p50:.1f} | {row.ttft_p99:.1f} | {row.gap_p99:.1f} | {row.cpu_per_token:.1f} | {row.rss:.0f} |"
    )


async def run(options: argparse.Namespace) -> list[Row]:
    """Starts both servers and runs every size on each."""
    rows: list[Row] = []
    print(
        "| server | streams | answers | errors | tokens/s | TTFT p50 ms | TTFT p99 ms | gap p99 ms | CPU us/token | RSS MB |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        ready, told = os.pipe()
        serve = [
            str(Path(sys.executable).parent / "fireside"), "serve", "--port", "0", "--data-dir", folder,
            "--local-model", "false", "--ready-fd", str(told),
        ]  # fmt: skip
        begin = time.perf_counter()
        floor_command = [sys.executable, "-m", "bench.floor", str(TOKENS), str(PACE_MS)]
        with process(serve, subprocess.DEVNULL, told) as fireside:
            told_us = json.loads(os.read(ready, 500))
            await first_answer(int(told_us["port"]))
            started = time.perf_counter() - begin
            port = int(told_us["port"])
            server = Server("Fireside", fireside.pid, port, lambda: generate_request(MODEL), count_events)
            print(f"<!-- the first 200 after {started:.2f} s, {server.rss():.0f} MB idle -->")
            with process(floor_command, subprocess.PIPE) as floor:
                floor_port = int(floor.stdout.readline())
                bare = Server("floor", floor.pid, floor_port, lambda: post("/", b""), count_one)
                for streams in options.streams:
                    for target in (bare, server):
                        rows.append(await measure(target, streams, options.rounds))
                        print(line(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Prints the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=lambda text: [int(item) for item in text.split(",")], default=[1, 100, 1000])
    parser.add_argument("--rounds", type=int, default=4, help="answers that each reader asks for, one after the other")
    parser.add_argument("--json", type=Path, help="a file to write the rows to")
    options = parser.parse_args()
    rows = uvloop.run(run(options))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2))


if __name__ == "__main__":
    main()

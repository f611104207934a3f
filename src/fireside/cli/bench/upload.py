"""`fireside bench upload`: the same bytes through each door, how fast and what memory they cost the server."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from fireside.cli.bench.doors import Doors, Payload
from fireside.cli.bench.processes import Watched, own_server, own_sink
from fireside.cli.bench.report import machine, now
from fireside.cli.link import open_link
from fireside.config import load_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import ExitStack

_LOOK_SECONDS: Final = 0.05
_HEADINGS = ("door", "MB/s", "server CPU s/GB", "RSS before, MB", "most it grew, MB")
_WARM_UP: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Passed:
    """One passage through a door."""

    door: str
    megabytes_per_second: float
    cpu_seconds_per_gigabyte: float
    rss_before: float
    rss_growth: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadOptions:
    """What the flags say."""

    size: int
    """Bytes."""

    json_file: Path | None
    server_flags: tuple[str, ...]


async def run(options: UploadOptions, stack: ExitStack) -> list[Passed]:
    """Starts the servers, measures, and prints the table. Raises CommandError."""
    about = machine()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fireside-bench-")))
    floor = stack.enter_context(own_sink())
    # Nothing is to read the files while the next ones come.
    flags = ["--job-workers", "0", "--upload-max-bytes", "0", *options.server_flags]
    server = stack.enter_context(own_server(folder, "http://127.0.0.1:9/v1", flags))
    link = open_link(load_client({"url": server.url, "data_dir": str(folder)}), key="")
    doors = Doors(link, int(server.url.rpartition(":")[2]), Payload(options.size))
    sink = int(floor.url.rpartition(":")[2])
    rows: list[Passed] = []

    async def step(name: str, watched: Watched, work: Callable[[], Awaitable[object]]) -> None:
        rows.append(await _passed(name, watched, options.size, work))
        click.echo(f"{name}: {rows[-1].megabytes_per_second:.0f} MB/s", err=True)

    try:
        # The first calls find everything cold, and the allocators have nothing yet.
        warm = replace(doors, payload=Payload(_WARM_UP))
        for way in (warm.byte_stream, warm.tus, warm.pieces):
            await warm.delete(await way())
        await step("floor, HTTP/1.1", floor.watched, lambda: doors.floor(sink))
        await step("floor, HTTP/2", floor.watched, lambda: doors.floor_http2(sink))
        for name, way in (
            ("ByteStream", doors.byte_stream),
            ("tus, HTTP/1.1", doors.tus),
            ("UploadService in pieces, HTTP/1.1", doors.pieces),
        ):
            made: list[str] = []

            async def upload(way: Callable[[], Awaitable[str]] = way, made: list[str] = made) -> None:
                made.append(await way())

            await step(name, server.watched, upload)
            if name == "ByteStream":
                await step("GET, HTTP/1.1", server.watched, lambda made=made: doors.download(made[0]))
                await step("ByteStream, reading", server.watched, lambda made=made: doors.read(made[0]))
            await doors.delete(made[0])
    finally:
        await link.aclose()
    _print(rows, options, about)
    return rows


async def _passed(door: str, watched: Watched, size: int, work: Callable[[], Awaitable[object]]) -> Passed:
    before, cpu, begin = watched.rss(), watched.cpu(), time.monotonic()
    highest = before

    async def look() -> None:
        nonlocal highest
        while True:
            highest = max(highest, watched.rss())
            await asyncio.sleep(_LOOK_SECONDS)

    looking = asyncio.create_task(look())
    try:
        await work()
    finally:
        looking.cancel()
    seconds = time.monotonic() - begin
    return Passed(
        door, size / 1e6 / seconds, (watched.cpu() - cpu) / (size / 1e9), before, max(highest, watched.rss()) - before
    )


def _print(rows: list[Passed], options: UploadOptions, about: str) -> None:
    lines = [
        f"{options.size / 1e6:,.0f} MB through each door, {now()}, {about}.",
        "",
        f"| {' | '.join(_HEADINGS)} |",
        f"|{'---|' * len(_HEADINGS)}",
    ]
    lines += [
        f"| {row.door} | {row.megabytes_per_second:.0f} | {row.cpu_seconds_per_gigabyte:.2f} | {row.rss_before:.0f} | "
        f"{row.rss_growth:.1f} |"
        for row in rows
    ]
    click.echo("\n".join(lines))
    if options.json_file is not None:
        told = {"machine": about, "size": options.size, "rows": [asdict(row) for row in rows]}
        options.json_file.write_text(json.dumps(told, indent=1), encoding="utf-8")

"""A reader that crashes, hangs, grows, lies or attacks ends its own reading alone, with a reason."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvloop

import tests.hostile_reader
from fireside.core.errors import DeadlineExceededError, FailedPreconditionError, FiresideError, InvalidArgumentError
from fireside.knowledge.extract import sandbox
from fireside.knowledge.extract.base import GROUP, Block, Limits
from fireside.knowledge.extract.sandbox import extract

if TYPE_CHECKING:
    from collections.abc import Callable

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux has these means")
SMALL = Limits(seconds=30, memory_bytes=512 * 1024 * 1024)


@pytest.fixture
def hostile(tmp_path):
    """Installs the hostile extractor as a package, and makes documents for it."""
    installed = tmp_path / "installed"
    (installed / "hostile-1.dist-info").mkdir(parents=True)
    (installed / "hostile-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1\n")
    (installed / "hostile-1.dist-info" / "entry_points.txt").write_text(
        f"[{GROUP}]\nhostile = a_hostile_reader:EXTRACTOR\n"
    )
    shutil.copy(tests.hostile_reader.__file__, installed / "a_hostile_reader.py")
    sys.path.insert(0, str(installed))
    sandbox.others.cache_clear()

    def document(what: str) -> Path:
        path = tmp_path / "a.hostile"
        path.write_text(what, encoding="utf-8")
        return path

    yield document
    sys.path.remove(str(installed))
    sandbox.others.cache_clear()


async def read(path: Path, limits: Limits = SMALL) -> tuple[list[Block], FiresideError | None]:
    blocks: list[Block] = []
    try:
        async with aclosing(extract(path, "", path.name, limits)) as found:
            async for batch in found:
                blocks += batch.blocks
    except FiresideError as error:
        return blocks, error
    return blocks, None


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


async def gone(pid: int) -> None:
    await until(lambda: is_gone(pid))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the kernel tells no event.
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("what", "kind", "reason"),
    [
        ("crash", FailedPreconditionError, "EXTRACT_CRASHED"),
        ("abort", FailedPreconditionError, "EXTRACT_CRASHED"),
        ("leave", FailedPreconditionError, "EXTRACT_CRASHED"),
        ("memory", FailedPreconditionError, "EXTRACT_MEMORY"),
        ("native_memory", FailedPreconditionError, "EXTRACT_MEMORY"),
        ("nonsense", FailedPreconditionError, "EXTRACT_CRASHED"),
        ("unheard_of", InvalidArgumentError, "DOCUMENT_DAMAGED"),
    ],
)
async def test_what_goes_wrong_has_a_reason(hostile, what, kind, reason) -> None:
    blocks, error = await read(hostile(what))
    assert isinstance(error, kind)
    assert error.reason == reason
    assert [block.text for block in blocks] == (["before"] if what != "unheard_of" else [])


@pytest.mark.parametrize("what", ["hang", "spin"])
async def test_a_reading_that_takes_too_long_is_stopped(hostile, what) -> None:
    began = time.monotonic()
    _, error = await read(hostile(what), Limits(seconds=1, memory_bytes=SMALL.memory_bytes))
    assert isinstance(error, DeadlineExceededError)
    assert error.reason == "EXTRACT_TIMEOUT"
    assert time.monotonic() - began < 5


async def test_noise_is_no_frame(hostile) -> None:
    blocks, error = await read(hostile("noise"))
    assert error is None
    assert [block.text for block in blocks] == ["after"]


async def test_text_arrives_clean(hostile) -> None:
    blocks, error = await read(hostile("surrogate"))
    assert error is None
    assert [block.text for block in blocks] == ["ab\nc"]


@linux
async def test_a_reader_can_do_nothing_but_read(hostile, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOSTILE_SECRET", "x")
    secret = tmp_path / "secret.txt"
    secret.write_text("s", encoding="utf-8")
    blocks, error = await read(hostile(f"attempts {secret}"))
    assert error is None
    assert [block.text for block in blocks] == ["done: "]
    assert secret.read_text(encoding="utf-8") == "s"


@linux
async def test_cancelling_ends_the_reader_within_a_second(hostile) -> None:
    pids: list[int] = []
    started = asyncio.Event()

    async def reading() -> None:
        async with aclosing(extract(hostile("hang"), "", "a.hostile", SMALL)) as found:
            async for batch in found:
                pids.append(int(batch.blocks[0].text))
                started.set()

    before = descriptors()
    task = asyncio.create_task(reading())
    await started.wait()
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1
    await gone(pids[0])
    assert descriptors() <= before


@linux
async def test_cancelling_while_it_starts_leaves_nothing(hostile) -> None:
    before = descriptors()
    for turns in range(6):
        task = asyncio.create_task(read(hostile("hang")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert descriptors() <= before
    assert not [process for process in children() if not is_gone(process)]


def children() -> list[int]:
    """The processes that this one has started and that read documents."""
    found: list[int] = []
    for path in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, path.read_text().split()):
            command = Path(f"/proc/{pid}/cmdline")
            if command.exists() and b"knowledge.extract.child" in command.read_bytes():
                found.append(pid)
    return found


@linux
async def test_a_reader_waits_while_nobody_takes_its_text(hostile) -> None:
    async with aclosing(extract(hostile("endless"), "", "a.hostile", SMALL)) as found:
        pid = int((await anext(found)).blocks[0].text)
        await until(lambda: is_writing(pid))
        assert written(pid) < 4_000_000
    await gone(pid)


def is_writing(pid: int) -> bool:
    """Whether it is asleep in the system call write (1 on x86, 64 on ARM), because the pipe is full."""
    return Path(f"/proc/{pid}/syscall").read_text().split()[0] in {"1", "64"}


def written(pid: int) -> int:
    """Bytes that it has written."""
    return int(Path(f"/proc/{pid}/io").read_text().split("wchar: ")[1].split()[0])


@linux
async def test_reading_leaves_nothing_open(hostile) -> None:
    await read(hostile("surrogate"))
    before = descriptors()
    for what in ("crash", "surrogate", "memory", "noise"):
        await read(hostile(what))
    assert descriptors() <= before
    assert not children()


async def test_several_read_at_once_and_one_crash_is_its_own(hostile, tmp_path) -> None:
    good = tmp_path / "good.md"
    good.write_text("# Good\n\nText.", encoding="utf-8")
    bad = hostile("crash")
    results = await asyncio.gather(*(read(path) for path in (good, bad, good)))
    assert [error and error.reason for _, error in results] == [None, "EXTRACT_CRASHED", None]
    assert [len(blocks) for blocks, _ in results] == [2, 1, 2]


@linux
def test_the_loop_that_servers_have_does_as_well(hostile) -> None:
    """uvloop starts and reaps processes in a way of its own."""

    async def everything() -> list[str]:
        reasons: list[str] = []
        await read(hostile("surrogate"))
        before = descriptors()
        for what in ("surrogate", "crash", "nonsense"):
            _, error = await read(hostile(what))
            reasons.append(error.reason if error else "")
        task = asyncio.create_task(read(hostile("endless")))
        await until(lambda: bool(children()))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not children() and descriptors() <= before)
        return reasons

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(everything()) == ["", "EXTRACT_CRASHED", "EXTRACT_CRASHED"]

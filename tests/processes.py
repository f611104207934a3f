"""The processes of a running server, and connections that one of them alone takes. Reads /proc, so Linux only."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fireside.gen.v1.auth_service_pb2 import GetAuthStateRequest
from tests.callers import Caller, caller

_LOOK_SECONDS = 0.05


def children(pid: int) -> list[int]:
    """The child processes of a process, oldest first, in whatever thread they were started."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        found |= {int(child) for child in (task / "children").read_text().split()}
    return sorted(found)


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()


def _stopped(pid: int) -> bool:
    states = [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{pid}/task").iterdir()]
    return all(state == "T" for state in states)


async def until(true: Callable[[], bool]) -> None:
    """Returns when `true` is, which no event tells."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def look() -> None:
        if true():
            done.set()
        else:
            loop.call_later(_LOOK_SECONDS, look)

    look()
    await done.wait()


@asynccontextmanager
async def caller_of(
    url: str, pid: int, everyone: Sequence[int], headers: Mapping[str, str] | None = None
) -> AsyncIterator[Caller]:
    """A client whose one connection the process `pid` has: all others are stopped while it is made."""
    others = [other for other in everyone if other != pid]
    async with caller("grpcio", url, headers) as client:
        for other in others:
            os.kill(other, signal.SIGSTOP)
        try:
            # A thread that runs just now may go on for a moment.
            await until(lambda: all(map(_stopped, others)))
            await client.unary("GetAuthState", GetAuthStateRequest())
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)
        yield client

"""A server of several processes: opens nothing but the port and the database's lock, starts the processes, restarts those that die.

It imports none of what serves, so that it stays small. Each process is started anew and not forked, so that it has the
threads and the event loop that it would have alone. What each does is in member.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from fireside.cli import assignment as wire
from fireside.cli.assignment import Assignment
from fireside.cli.failure import CommandError
from fireside.cli.listen import Listening, listen
from fireside.core.ids import new_id
from fireside.store.hold import hold

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from fireside.config import Config
    from fireside.edge.tls import TlsFiles

logger = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0
# A process that lived for so long was well: the next pause is the first one again.
_WELL_SECONDS = 30.0
# What ending takes besides the processes' own time, and what the local model's process gets after them, in seconds.
_MARGIN = 1.0
_MODEL_SECONDS = 2.0
_MOST_DEAD = 64


class Announce(Protocol):
    """Says that the server is ready."""

    def __call__(self, *, needs_set_up: bool) -> None:
        """`needs_set_up`: nobody has an account yet."""
        ...


@dataclass(slots=True, eq=False)
class _Member:
    """A process that is to run, whichever process that is now."""

    title: str
    listening: Listening
    config: Config
    tls: TlsFiles | None
    local_model: bool = False
    name: str = ""
    process: asyncio.subprocess.Process | None = None
    channel: socket.socket | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    problem: str = ""

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the process, if there is one."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)

    def tell(self, *words: str) -> None:
        """Writes a line to the process. One that does not read loses it."""
        if self.channel is not None:
            with suppress(OSError):
                self.channel.send((" ".join(words) + "\n").encode(), socket.MSG_DONTWAIT)


def supervise(config: Config, listening: Listening, tls: TlsFiles | None, announce: Announce) -> int:
    """Serves by `config.workers` processes until SIGTERM or SIGINT; the exit code. `announce` is called once all are ready.

    Raises CommandError when a process cannot start at first, and the errors of store.hold.
    """
    held = hold(config.database_url)
    try:
        with asyncio.Runner() as runner:
            return runner.run(Supervisor(config, listening, tls, held).run(announce))
    finally:
        if held is not None:
            os.close(held)


class Supervisor:
    """The processes of one server."""

    def __init__(self, config: Config, listening: Listening, tls: TlsFiles | None, held: int | None) -> None:
        """`held` is the lock of the database, for the processes to inherit; None where there is none."""
        self._held = held
        self._listening = listening
        self._grace = config.shutdown_grace
        self._token = secrets.token_urlsafe(32)
        # Members end a little earlier than the whole has to.
        config = replace(config, shutdown_grace=max(0.5, config.shutdown_grace - _MARGIN))
        self._members = [_Member(f"worker {number}", listening, config, tls) for number in range(1, config.workers + 1)]
        self._model: _Member | None = None
        if config.local_model:
            # Its port outlives it, so that it is found again when it was restarted.
            local = listen("127.0.0.1", 0, asked=True)
            served = replace(config, worker_token=self._token, keep_alive=0.0)
            self._model = _Member("the local model's process", local, served, None, local_model=True)
        self._all = [*self._members, *([self._model] if self._model else [])]
        self._dead: list[str] = []
        self._stop = asyncio.Event()
        self._failed = False
        self._started = False
        self._needs_set_up = False

    async def run(self, announce: Announce) -> int:
        """See `supervise`."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)
        for member in self._all:
            member.name = new_id()
        family = tuple(member.name for member in self._all) if self._held is not None else ()
        keepers = [asyncio.create_task(self._keep(member, family), name=member.title) for member in self._all]
        ended_well = False
        try:
            await self._until_ready()
            if not self._stop.is_set() and not self._failed:
                self._started = True
                announce(needs_set_up=self._needs_set_up)
                await self._stop.wait()
        finally:
            ended_well = await self._end()
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
        problems = [member.problem for member in self._all if member.problem]
        if self._failed:
            raise CommandError(problems[0] if problems else "A process of the server ended before it was ready.")
        return 0 if ended_well else 1

    def _on_signal(self, number: signal.Signals) -> None:
        if self._stop.is_set():
            for member in self._all:
                member.signal(signal.SIGKILL)
            os._exit(128 + number)
        logger.info("Stopping on %s", number.name)
        self._stop.set()

    async def _until_ready(self) -> None:
        """Returns when all are ready, one has failed, or a signal came."""
        everyone = asyncio.create_task(_all_set([member.ready for member in self._all]))
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({everyone, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (everyone, stopped):
            task.cancel()

    async def _keep(self, member: _Member, family: Sequence[str]) -> None:
        """Has the process run, again and again."""
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            began = time.monotonic()
            await self._live(member, family)
            family = ()
            if self._stop.is_set():
                return
            self._bury(member)
            if not self._started:
                self._failed = True
                self._stop.set()
                return
            pause = _FIRST_PAUSE if time.monotonic() - began >= _WELL_SECONDS else min(2 * pause, _LONGEST_PAUSE)
            why = member.problem or _ending(member.process)
            logger.error("%s died (%s); it is started again in %.1f s", member.title.capitalize(), why, pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stop.wait()
            member.name = new_id()

    async def _live(self, member: _Member, family: Sequence[str]) -> None:
        """Starts the process and returns when it has ended."""
        member.problem = ""
        member.stopping.clear()
        ours, theirs = socket.socketpair()
        with theirs:
            member.channel = ours
            sockets = tuple(sock.fileno() for sock in member.listening.sockets)
            inherited = (theirs.fileno(), *sockets, *(() if self._held is None else (self._held,)))
            member.process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "fireside.cli.member", str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL, pass_fds=inherited,
                # A terminal's Ctrl+C is for the supervisor, which passes it on once.
                process_group=0,
            )  # fmt: skip
        part = self._part(member, sockets, family)
        try:
            await asyncio.to_thread(wire.send, ours, part)
            reading, _writer = await asyncio.open_connection(sock=ours.dup())
            while line := (await reading.readline()).decode():
                self._hear(member, line.strip())
        except OSError:
            logger.debug("%s went while it was spoken to", member.title)
        finally:
            member.channel = None
            ours.close()
        await member.process.wait()
        member.ready.clear()
        member.stopping.set()

    def _part(self, member: _Member, sockets: tuple[int, ...], family: Sequence[str]) -> Assignment:
        local = self._model if not member.local_model else None
        return Assignment(
            name=member.name,
            config=member.config,
            tls=member.tls,
            sockets=sockets,
            addresses=member.listening.addresses,
            host=member.listening.host,
            port=member.listening.port,
            members=tuple(family),
            dead=tuple(self._dead),
            local_model=member.local_model,
            local_address=f"grpc://127.0.0.1:{local.listening.port}" if local else "",
            local_token=self._token if local else "",
        )

    def _hear(self, member: _Member, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == wire.READY:
            self._needs_set_up = self._needs_set_up or rest == wire.NEEDS_SET_UP
            member.ready.set()
        elif word == wire.STOPPING:
            member.stopping.set()
        elif word == wire.FAILED:
            member.problem = rest

    def _bury(self, member: _Member) -> None:
        """What the process was writing is ended by one that lives, or by the next that is started."""
        self._dead = [*self._dead, member.name][-_MOST_DEAD:]
        for other in self._members:
            if other is not member and other.ready.is_set():
                other.tell(wire.DIED, member.name)

    async def _end(self) -> bool:
        """Has all processes end within the grace, and kills those that do not. True if all that served ended well."""
        self._stop.set()
        # One that is being started just now knows no proper end yet.
        served = [member for member in self._all if member.ready.is_set()]
        until = time.monotonic() + self._grace
        for member in self._members:
            member.signal(signal.SIGTERM)
        # Only when nobody takes connections any more: to shut the port first would look like a failure to them.
        stopping = [member.stopping for member in self._members if member.process is not None]
        await _within(self._grace, _all_set(stopping))
        self._listening.refuse()
        await self._await_ends(self._members, until)
        if self._model is not None:
            self._model.signal(signal.SIGTERM)
            await self._await_ends([self._model], time.monotonic() + _MODEL_SECONDS)
            self._model.listening.close()
        failed = [member for member in served if member.process is not None and member.process.returncode]
        for member in failed:
            logger.error("%s did not end well (%s)", member.title.capitalize(), _ending(member.process))
        return not failed

    async def _await_ends(self, members: Sequence[_Member], until: float) -> None:
        running = [member.process for member in members if member.process is not None]
        await _within(until - time.monotonic(), asyncio.gather(*(process.wait() for process in running)))
        for member in members:
            if member.process is not None and member.process.returncode is None:
                logger.error("%s did not end in time and was killed", member.title.capitalize())
                member.signal(signal.SIGKILL)
                await member.process.wait()


async def _all_set(events: Sequence[asyncio.Event]) -> None:
    for event in events:
        await event.wait()


async def _within(seconds: float, something: Awaitable[object]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await something


def _ending(process: asyncio.subprocess.Process | None) -> str:
    code = (process and process.returncode) or 0
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"it ended with exit code {code}"

"""One process of a server that has several: `python -m fireside.cli.member DESCRIPTOR`. Not for people: supervisor.py starts it.

It serves on the sockets that it inherits. When the supervisor goes, in whatever way, so does this.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.cli.assignment import DIED, FAILED, NEEDS_SET_UP, READY, STOPPING, Assignment, receive
from fireside.cli.listen import Listening
from fireside.cli.serve import run_until_stopped
from fireside.core.errors import FiresideError
from fireside.obs import log

if TYPE_CHECKING:
    from fireside.app import App
    from fireside.cli.server import Served
    from fireside.config import Config

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Inherited(Listening):
    """Sockets that others listen on too: they are not this process's to shut."""

    channel: socket.socket

    def refuse(self) -> None:
        """Says that this process takes no more; the supervisor refuses for all."""
        tell(self.channel, STOPPING)


def tell(channel: socket.socket, *words: str) -> None:
    """Writes a line to the supervisor, if it is there."""
    with suppress(OSError):
        channel.sendall((" ".join(" ".join(words).split()) + "\n").encode())


class _Member:
    """This process's part, and the task that hears the supervisor."""

    def __init__(self, assignment: Assignment, channel: socket.socket) -> None:
        self._assignment = assignment
        self._channel = channel
        self._hearing: asyncio.Task[None] | None = None
        self._needs_set_up = False

    async def open(self, config: Config) -> Served:
        """What server.py serves."""
        if self._assignment.local_model:
            from fireside.cli.worker import open_worker

            served = await open_worker(config)
            self._hearing = asyncio.create_task(self._hear(None), name="hear the supervisor")
            return served
        from fireside.app import Seat, open_app
        from fireside.chat.reaper import Family
        from fireside.runners.base import BackendOptions

        part = self._assignment
        local = None
        if part.local_address:
            local = BackendOptions(name="local", addresses=(part.local_address,), secret=part.local_token)
        app = await open_app(config, Seat(Family(part.name, part.members, part.dead), local))
        self._needs_set_up = await app.needs_set_up()
        self._hearing = asyncio.create_task(self._hear(app), name="hear the supervisor")
        return app

    def ready(self) -> None:
        """Tells the supervisor that calls are answered."""
        tell(self._channel, READY, *([NEEDS_SET_UP] if self._needs_set_up else []))

    async def _hear(self, app: App | None) -> None:
        reader, _writer = await asyncio.open_connection(sock=self._channel.dup())
        while line := (await reader.readline()).decode():
            word, _, name = line.strip().partition(" ")
            if word == DIED and app is not None:
                try:
                    await app.bury(name)
                except Exception:  # the store may be away; the lease runs out in any case
                    logger.exception("What process %s left could not be ended; its lease will run out", name)
        logger.error("The process that started this one has gone, so this one ends too")
        os.kill(os.getpid(), signal.SIGTERM)


def main(descriptor: int) -> int:
    """Serves until it is told to stop; the exit code."""
    channel = socket.socket(fileno=descriptor)
    try:
        assignment = receive(channel)
    except EOFError:
        return 1
    config = assignment.config
    log.set_up(config.log_level, config.log_format)
    sockets = tuple(socket.socket(fileno=number) for number in assignment.sockets)
    listening = _Inherited(sockets, assignment.addresses, assignment.host, assignment.port, channel)
    member = _Member(assignment, channel)
    gc.disable()  # as in serve.py
    from fireside.cli import server

    try:
        run_until_stopped(lambda ready: server.run(config, listening, assignment.tls, ready, member.open), member.ready)
    except FiresideError as error:
        tell(channel, FAILED, error.message)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

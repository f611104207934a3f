"""What a server of several processes gives to each of them, and the lines that they exchange. Starts and serves nothing."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    import socket

    from fireside.config import Config
    from fireside.edge.tls import TlsFiles

READY: Final = "ready"
"""To the supervisor: calls are answered; with NEEDS_SET_UP while nobody has an account."""

NEEDS_SET_UP: Final = "set-up"

STOPPING: Final = "stopping"
"""To the supervisor: no new connections are taken any more."""

FAILED: Final = "failed"
"""To the supervisor, with a sentence: it cannot start."""

DIED: Final = "died"
"""From the supervisor, with a name: that process has died."""

_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One process's part. Descriptors are inherited, under the same numbers."""

    name: str
    """Holds the leases of what it writes; the name of no other process, before or after."""

    config: Config
    tls: TlsFiles | None
    sockets: tuple[int, ...]
    addresses: tuple[str, ...]
    host: str
    port: int
    members: tuple[str, ...] = ()
    """The names of all, when they are started together on a database that no other server can be on."""

    dead: tuple[str, ...] = ()
    local_model: bool = False
    """Whether this is the process with the local model, which answers the others alone."""

    local_address: str = ""
    """Where that process is, for the others; empty when there is none."""

    local_token: str = ""


def send(channel: socket.socket, assignment: Assignment) -> None:
    """Gives a process its part. Blocks until it is in the channel's buffer."""
    data = pickle.dumps(assignment)
    channel.sendall(len(data).to_bytes(_LENGTH_BYTES, "big") + data)


def receive(channel: socket.socket) -> Assignment:
    """What the supervisor sent. Blocks. EOFError: it has gone."""
    data = _exactly(channel, int.from_bytes(_exactly(channel, _LENGTH_BYTES), "big"))
    found: object = pickle.loads(data)  # noqa: S301 Whoever started this process wrote it, over a socket of theirs alone.
    return cast("Assignment", found)


def _exactly(channel: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = channel.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data

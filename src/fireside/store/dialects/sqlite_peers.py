"""Wakes the other processes that share a database file: a Unix datagram socket for each, in a folder beside the file.

At best effort, for what is in the store already. A datagram holds the notes of a commit, or of several when a peer is
slow to read: what it has not taken is put together and sent again a little later.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fireside.core.ids import new_id
from fireside.store.dialects.base import MISSED
from fireside.store.tx import Note

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Sequence

    from fireside.store.dialects.base import Listener

logger = logging.getLogger(__name__)

# The path of a Unix socket has 108 bytes on Linux and 104 on macOS, with the zero at its end.
_LONGEST_PATH = 100
_SUFFIX = ".sock"
_DATAGRAM = 32_000
_LONGEST_DATAGRAM = 131_072
# A peer that takes nothing for so long, in notes, is told only that it missed something.
_MOST_WAITING = 4_096
_RETRY_SECONDS = 0.005
_HELLO = "hello"


def shared_folder(path: Path) -> Path:
    """The folder beside a database file for what the processes that share it need."""
    folder = path.with_name(path.name + ".shared")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


class Peers:
    """The other processes on a database file. Everything happens on the event loop."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        """`folder` is the file's `shared_folder`."""
        self._loop = loop
        self._listeners: list[Listener] = []
        self._name = new_id()[-12:] + _SUFFIX
        self._socket: socket.socket | None = None
        self._folder = folder
        # For each peer what it has not taken yet.
        self._waiting: dict[str, dict[Note, None]] = {}
        self._retry: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Opens this process's socket and greets the others. Where that is not possible, nobody is woken: they poll."""
        try:
            try:
                self._socket = _bound(self._folder / self._name)
            except OSError:
                self._folder = _short_folder(self._folder)
                self._socket = _bound(self._folder / self._name)
        except OSError as error:
            logger.warning("The processes of this server cannot wake each other, and are slower for it: %s", error)
            return
        self._loop.add_reader(self._socket.fileno(), self._receive)
        for entry in self._folder.glob(f"*{_SUFFIX}"):
            if entry.name != self._name:
                self._waiting[entry.name] = {}
        self.tell([Note(_HELLO, self._name)])

    @property
    def count(self) -> int:
        """How many others are known."""
        return len(self._waiting)

    def listen(self, listener: Listener) -> None:
        """See Database.listen."""
        self._listeners.append(listener)

    def tell(self, notes: Sequence[Note]) -> None:
        """Sends notes to all others. Never waits."""
        # Somebody may have come just now: whoever can be heard is told.
        self._receive()
        for name in list(self._waiting):
            self._waiting[name].update(dict.fromkeys(notes))
            self._send(name)

    def close(self) -> None:
        """Nobody is told or heard any more."""
        self._waiting.clear()
        if self._retry is not None:
            self._retry.cancel()
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            (self._folder / self._name).unlink(missing_ok=True)
            self._socket = None

    def _send(self, name: str) -> None:
        waiting = self._waiting[name]
        if len(waiting) > _MOST_WAITING:
            self._waiting[name] = waiting = {Note(MISSED, ""): None}
        while waiting and self._socket is not None:
            notes, data = _packed(waiting)
            try:
                self._socket.sendto(data, str(self._folder / name))
            except OSError as error:
                self._not_sent(name, error)
                return
            for note in notes:
                del waiting[note]

    def _not_sent(self, name: str, error: OSError) -> None:
        if error.errno in {errno.EAGAIN, errno.ENOBUFS}:
            if self._retry is None:
                self._retry = self._loop.call_later(_RETRY_SECONDS, self._send_again)
            return
        if error.errno not in {errno.ECONNREFUSED, errno.ENOENT}:
            logger.warning("Another process of this server could not be woken: %s", error)
            self._waiting[name] = {Note(MISSED, ""): None}
            return
        # Its process has gone; one that comes back has another name.
        del self._waiting[name]
        with suppress(OSError):
            (self._folder / name).unlink(missing_ok=True)

    def _send_again(self) -> None:
        self._retry = None
        for name, waiting in list(self._waiting.items()):
            if waiting:
                self._send(name)

    def _receive(self) -> None:
        # Not without end: the loop has other things to do as well.
        for _ in range(64):
            if self._socket is None:
                return
            try:
                data = self._socket.recv(_LONGEST_DATAGRAM)
            except OSError:
                return
            for note in _unpacked(data):
                self._hear(note)

    def _hear(self, note: Note) -> None:
        if note.topic == _HELLO:
            self._waiting.setdefault(note.payload, {})
            return
        for listener in self._listeners:
            listener(note.topic, note.payload)


def _packed(waiting: dict[Note, None]) -> tuple[list[Note], bytes]:
    """As many notes as go into a datagram, and the datagram."""
    notes: list[Note] = []
    size = 0
    for note in waiting:
        size += len(note.payload)
        if notes and size > _DATAGRAM:
            break
        notes.append(note)
    return notes, json.dumps(notes, ensure_ascii=False, separators=(",", ":")).encode()


def _unpacked(data: bytes) -> Iterator[Note]:
    try:
        for topic, payload in json.loads(data):
            yield Note(str(topic), str(payload))
    except (ValueError, TypeError):
        logger.warning("Another process of this server sent something that is no note")


def _bound(path: Path) -> socket.socket:
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise OSError(errno.ENAMETOOLONG, "its path is too long for a socket", str(path))
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        # macOS takes datagrams of 2 KiB otherwise.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LONGEST_DATAGRAM)
        sock.bind(str(path))
        path.chmod(0o600)
    except BaseException:
        sock.close()
        raise
    return sock


def _short_folder(folder: Path) -> Path:
    """Where the sockets are when they cannot be beside the file: a folder of this user's, the same for each process."""
    digest = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    short = Path(tempfile.gettempdir(), f"fireside-{os.getuid()}-{digest}")
    with suppress(FileExistsError):
        short.mkdir(mode=0o700)
    found = short.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or stat.S_IMODE(found.st_mode) != 0o700:
        raise PermissionError(errno.EPERM, "it is not a folder of this user alone", str(short))
    return short

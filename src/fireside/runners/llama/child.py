"""The process that the model runs in: llama.cpp's own HTTP server on loopback, nothing else. Not part of the server.

Run as a script, so that it needs nothing else of Fireside; the server imports only `Opening` from here. Standard input carries one line of JSON (the settings, with the
key, which therefore shows in no process list) and then stays open: when it ends, the parent is gone and so is this.
Standard output carries one line of JSON: `{"url": ...}` when ready or `{"error": ...}`. Everything else goes to
standard error. A crash in the engine's native code ends this process alone.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import threading
from dataclasses import dataclass
from typing import Any

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Opening:
    """What the child is told. `slot_context` is in tokens, for each of `slots`; `parent` is a process id."""

    model: str
    slots: int
    slot_context: int
    batch_tokens: int
    threads: int
    batch_threads: int
    cache_ram_mib: int
    key: str
    parent: int


def _die_with_parent(parent: int) -> None:
    """Linux kills this process when its parent goes, however that goes. Other systems have the pipe alone."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # The parent went before the line above.
        os._exit(1)


def _watch_pipe() -> None:
    """Ends the process when the parent's end of standard input closes."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def _serve(settings: Opening) -> Any:
    # The optional engine, which only this process loads and whose package has no types.
    xllamacpp: Any = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = settings.model
    params.n_parallel = settings.slots
    params.n_ctx = settings.slots * settings.slot_context
    params.n_batch = params.n_ubatch = settings.batch_tokens
    params.cpuparams.n_threads = settings.threads
    params.cpuparams_batch.n_threads = settings.batch_threads
    params.cache_ram_mib = settings.cache_ram_mib
    params.api_keys = [settings.key]
    params.port = 0
    params.ui = False
    params.warmup = False
    params.verbosity = 2
    if any("GPU" in str(device["type"]) for device in xllamacpp.get_device_info()):
        # A GPU reads a large batch in less time than a processor a small one.
        params.n_batch = params.n_ubatch = 512
    return xllamacpp.Server(params)


def main() -> None:
    """Reads the settings, starts the server, says where it is, and stays until the pipe closes."""
    line = bytearray()
    while not line.endswith(b"\n"):
        # Unbuffered, so that nothing after the line is swallowed.
        byte = os.read(0, 1)
        if not byte:
            return
        line += byte
    settings = Opening(**json.loads(line))
    _die_with_parent(settings.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer = os.dup(1)
    os.dup2(2, 1)
    threading.Thread(target=_watch_pipe, daemon=True).start()
    server: Any = None
    try:
        server = _serve(settings)
        said = {"url": server.listening_address}
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent tells the person.
        said = {"error": f"{type(error).__name__}: {error}"}
    os.write(answer, json.dumps(said).encode() + b"\n")
    os.close(answer)
    if server is None:
        os._exit(1)
    threading.Event().wait()


if __name__ == "__main__":
    main()

"""llama.cpp's own OpenAI-compatible server with the small model, embeddings on, in a process of its own. Not ours.

Run as a script it is that process: it prints its address and stays until its standard input ends.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

KEY = "a-key-for-tests"
SLOTS, SLOT_CONTEXT = 2, 4096
_PATIENCE = 120


class Slot(msgspec.Struct):
    """A place for an answer, as GET /slots has it. `n_prompt_tokens` counts what it has read of the last prompt."""

    is_processing: bool
    id_task: int = -1
    n_prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """Where it listens, and the key that it asks for."""

    url: str
    key: str = KEY

    async def busy(self) -> None:
        """Returns once it computes something, as it says itself."""
        await self._slots_until(lambda slots: any(slot.is_processing for slot in slots))

    async def idle(self) -> None:
        """Returns once it computes nothing."""
        await self._slots_until(lambda slots: not any(slot.is_processing for slot in slots))

    async def last_prompt(self) -> int:
        """How many tokens it has read of the last prompt that it was given."""
        slots = await self._slots_until(bool)
        return max(slots, key=lambda slot: slot.id_task).n_prompt_tokens

    async def _slots_until(self, reached: Callable[[list[Slot]], bool]) -> list[Slot]:
        headers = {"Authorization": f"Bearer {self.key}"}
        async with aiohttp.ClientSession(headers=headers) as session, asyncio.timeout(_PATIENCE):
            while True:
                async with session.get(f"{self.url}/slots") as response:
                    slots = msgspec.json.decode(await response.read(), type=list[Slot])
                if reached(slots):
                    return slots


@asynccontextmanager
async def llama_server(weights: Path) -> AsyncGenerator[LlamaServer]:
    """A server on a port of its own, ended afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__)),
        str(weights),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_PATIENCE):
            url = (await process.stdout.readline()).decode().strip()
        yield LlamaServer(url)
    finally:
        process.stdin.close()
        async with asyncio.timeout(_PATIENCE):
            await process.wait()


def _serve(weights: str) -> Any:
    xllamacpp: Any = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * SLOT_CONTEXT
    # Small batches: it notices between two of them that a reader has gone.
    params.n_batch = params.n_ubatch = 64
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.api_keys = [KEY]
    params.port = 0
    params.ui = False
    params.warmup = False
    params.verbosity = 1
    return xllamacpp.Server(params)


def main() -> None:
    """The process."""
    answer = os.dup(1)
    os.dup2(2, 1)
    server = _serve(sys.argv[1])
    os.write(answer, f"{server.listening_address}\n".encode())
    while os.read(0, 1024):
        pass
    # Its threads have nothing to save.
    os._exit(0)


if __name__ == "__main__":
    main()

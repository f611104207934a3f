"""SGLang's gRPC server with the scripted engine behind it: its own Rust server, where its wheel can be had, and a small one.

The small one is grpcio with the published messages as proto/fireside/dialect has them; the real one holds those to what
SGLang speaks. Only the extension is taken from the wheel: nothing of it that needs a GPU or torch.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from fireside.gen.dialect.v1 import sglang_pb2 as pb
from tests.sglang_engine import MODELS, Engine

PROJECT = Path(__file__).resolve().parent.parent
_SERVICE = "sglang.runtime.v1.SglangService"
_WHEEL = "sglang==0.5.23 --hash=sha256:00b3cd5b265ac76c64185fbb6b95424f324ddd9f428d0306b77bc9db9d859937\n"
_MEMBER = "sglang/srt/rust_extensions/_grpc.cpython-311-x86_64-linux-gnu.so"


@dataclass(frozen=True, slots=True)
class SglangServer:
    """A server that answers at `address`."""

    address: str

    async def info(self) -> dict[str, Any]:
        """What the engine says of itself: `running`, and the ids that were `aborted`."""
        async with grpc.aio.insecure_channel(self.address) as channel:
            answer = await channel.unary_unary(f"/{_SERVICE}/GetServerInfo")(b"")
        found: dict[str, Any] = json.loads(pb.SglangServerInfoResponse.FromString(answer).json_info)
        return found

    async def idle(self) -> None:
        """Returns when the engine works on nothing."""
        async with asyncio.timeout(60):
            while (await self.info())["running"]:
                pass


@asynccontextmanager
async def small_server() -> AsyncGenerator[SglangServer]:
    """The small one, in this loop."""
    engine = Engine()

    async def chat(payload: bytes, _context: Any) -> AsyncGenerator[bytes]:
        chunks: asyncio.Queue[tuple[bytes, bool, str]] = asyncio.Queue()
        body = pb.SglangOpenAIRequest.FromString(payload).json_body
        engine.chat(body, lambda *chunk: chunks.put_nowait(chunk))
        finished = False
        while not finished:
            chunk, finished, error = await chunks.get()
            if error:
                await _context.abort(grpc.StatusCode.INTERNAL, error)
            yield pb.SglangOpenAIStreamChunk(json_chunk=chunk, finished=finished).SerializeToString()

    async def embed(payload: bytes, _context: Any) -> bytes:
        status, body = engine.embed(pb.SglangOpenAIRequest.FromString(payload).json_body)
        return pb.SglangOpenAIResponse(json_body=body, status_code=status).SerializeToString()

    async def models(_payload: bytes, _context: Any) -> bytes:
        cards = [pb.SglangModelCard(id=name, max_model_len=4096) for name in MODELS]
        return pb.SglangListModelsResponse(models=cards).SerializeToString()

    async def about(_payload: bytes, _context: Any) -> bytes:
        said = json.dumps({"version": "scripted", "running": engine.running, "aborted": engine.aborted})
        return pb.SglangServerInfoResponse(json_info=said).SerializeToString()

    async def abort(payload: bytes, _context: Any) -> bytes:
        engine.abort(pb.SglangAbortRequest.FromString(payload).rid)
        return b"\x08\x01"

    server = grpc.aio.server()
    calls = {"OpenAIEmbed": embed, "ListModels": models, "GetServerInfo": about, "Abort": abort}
    handlers = {name: grpc.unary_unary_rpc_method_handler(call) for name, call in calls.items()}
    handlers["ChatComplete"] = grpc.unary_stream_rpc_method_handler(chat)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield SglangServer(f"127.0.0.1:{port}")
    finally:
        await server.stop(None)


@asynccontextmanager
async def rust_server(extension: Path) -> AsyncGenerator[SglangServer]:
    """SGLang's own, in a process."""
    read_end, write_end = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.sglang_engine", str(extension), str(write_end), cwd=PROJECT, pass_fds=[write_end],
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write_end)
    try:
        with os.fdopen(read_end) as pipe:
            port = await asyncio.to_thread(pipe.readline)
        assert port, "SGLang's server did not start"
        yield SglangServer(f"127.0.0.1:{int(port)}")
    finally:
        process.kill()
        await process.communicate()


def rust_extension() -> Path:
    """The extension out of the wheel, fetched once (39 MB) into `.cache`. Skips the test where there is none to be had."""
    if (sys.platform, platform.machine(), sys.version_info[:2]) != ("linux", "x86_64", (3, 11)):
        pytest.skip("SGLang's wheel is looked into on Linux x86_64 with Python 3.11 only")
    target = PROJECT / ".cache" / "sglang" / Path(_MEMBER).name
    if not target.exists():
        _fetch(target)
    return target


def _fetch(target: Path) -> None:
    uv = Path(sys.executable).parent / "uv"
    program = str(uv) if uv.exists() else "uv"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "wanted.txt").write_text(_WHEEL)
        command = [program, "pip", "install", "--no-deps", "--no-build", "--require-hashes", "--python", sys.executable]
        command += ["--target", str(folder / "unpacked"), "-r", str(folder / "wanted.txt")]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=dict(os.environ))
        found = folder / "unpacked" / _MEMBER
        if done.returncode or not found.exists():
            pytest.skip(f"SGLang's wheel cannot be had here: {done.stderr[-300:]}")
        target.parent.mkdir(parents=True, exist_ok=True)
        # By a rename, so that another test run never sees half of it.
        shutil.copy(found, target.with_suffix(".part"))
        target.with_suffix(".part").rename(target)

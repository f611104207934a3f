"""What stands behind an SGLang gRPC server in tests: the scripted runner with OpenAI's requests and events. No engine.

Run as a program, it is behind SGLang's own Rust server, out of its wheel, in the place of its tokenizer manager:
`python -m tests.sglang_engine <path of the extension> <file descriptor>` writes the port to the descriptor. As in SGLang, a request ends early only by an
abort of its own `rid`; that its reader has gone ends nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from fireside.core.errors import FiresideError, InvalidArgumentError, NotFoundError
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.runners.base import Finished, GenerateRequest, Reasoning, Text, WholePart
from fireside.runners.scripted.runner import ScriptedRunner

MODELS = ("tokens=8", "tokens=100000,pace=1ms", "first=1000s", "embed=8")
_ROLES = {"system": 1, "user": 2, "assistant": 3, "tool": 4}


@dataclass
class Engine:
    """Plays scripts. `running` is how many requests it works on; `aborted` are the ids that it was told to abort."""

    runner: ScriptedRunner = field(default_factory=ScriptedRunner)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    aborted: list[str] = field(default_factory=list)

    @property
    def running(self) -> int:
        return len(self.tasks)

    def chat(self, body: bytes, send: Callable[[bytes, bool, str], None]) -> None:
        """Starts a request. `send(chunk, finished, error)` gets what the server would be handed."""
        asked = json.loads(body)
        rid = asked.get("rid") or f"own {len(self.tasks)}"
        task = asyncio.get_running_loop().create_task(self._run(asked, send))
        self.tasks[rid] = task
        task.add_done_callback(lambda _: self.tasks.pop(rid, None))

    def abort(self, rid: str) -> None:
        """As SGLang's scheduler: every request whose id begins with it."""
        self.aborted.append(rid)
        for known in [known for known in self.tasks if known.startswith(rid)]:
            self.tasks[known].cancel()

    async def _run(self, asked: dict[str, Any], send: Callable[[bytes, bool, str], None]) -> None:
        try:
            async with aclosing(self.events(asked)) as events:
                async for event in events:
                    send(event, False, "")
        except NotFoundError:
            refused = {"object": "error", "message": f"The model {asked['model']!r} does not exist.", "code": 404}
            send(json.dumps(refused).encode(), True, "")
        except FiresideError as error:
            send(json.dumps({"error": {"message": error.message}}).encode(), True, error.message)
        else:
            send(b"", True, "")

    async def events(self, asked: dict[str, Any]) -> AsyncGenerator[bytes]:
        """The events of an answer, as the HTTP API has them after `data: `."""
        async with aclosing(self.runner.generate(request_of(asked))) as deltas:
            async for delta in deltas:
                match delta:
                    case Text():
                        yield _event({"content": delta.text})
                    case Reasoning():
                        yield _event({"reasoning_content": delta.text})
                    case WholePart() if delta.part.HasField("tool_call"):
                        call = delta.part.tool_call
                        function = {"name": call.name, "arguments": call.arguments}
                        yield _event({"tool_calls": [{"index": 0, "id": call.id, "function": function}]})
                    case Finished():
                        reason = "stop" if delta.finish.value == "complete" else delta.finish.value
                        yield _event({}, reason)
                        usage = {"prompt_tokens": delta.prompt_tokens, "completion_tokens": delta.completion_tokens}
                        yield json.dumps({"choices": [], "usage": usage}).encode()
                    case _:
                        pass

    def embed(self, body: bytes) -> tuple[int, bytes]:
        """The status and body of POST /v1/embeddings."""
        asked = json.loads(body)
        if not asked["model"].startswith("embed="):
            message = "This model does not support embedding requests."
            return 400, json.dumps({"object": "error", "message": message, "code": 400}).encode()
        digests = [hashlib.sha256(text.encode()).digest()[:8] for text in asked["input"]]
        data = [{"index": at, "embedding": [byte / 255 for byte in digest]} for at, digest in enumerate(digests)]
        tokens = sum(len(text.split()) for text in asked["input"])
        return 200, json.dumps({"data": data, "usage": {"prompt_tokens": tokens}}).encode()


def request_of(asked: dict[str, Any]) -> GenerateRequest:
    """The request for the scripted runner. Raises InvalidArgumentError as SGLang does for a prompt that is too long."""
    sampling = generation_pb2.SamplingOptions(stop=asked.get("stop", []))
    if "max_tokens" in asked:
        sampling.max_tokens = asked["max_tokens"]
    messages = tuple(map(_message, asked["messages"]))
    if sum(len(part.text.text) for message in messages for part in message.parts) > 1_000_000:
        told = "The input (250000 tokens) is longer than the model's context length (4096 tokens)."
        raise InvalidArgumentError("TOO_LONG", told)
    return GenerateRequest(asked["model"], messages, sampling)


def _message(asked: dict[str, Any]) -> message_pb2.Message:
    content = asked.get("content") or ""
    texts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
    parts = [message_pb2.Part(text=message_pb2.TextPart(text=text)) for text in texts]
    return message_pb2.Message(role=_ROLES[asked["role"]], parts=parts)


def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode()


class RuntimeHandle:
    """What SGLang's Rust server calls, from its own threads: see sglang/srt/entrypoints/grpc_bridge.py in its wheel."""

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        self.engine = engine
        self.loop = loop
        self.server_args = SimpleNamespace(tokenizer_path=None, model_path=None, tokenizer_mode=None)
        self.tokenizer_manager = SimpleNamespace(
            server_args=self.server_args, model_path=None, model_config=SimpleNamespace(context_len=4096)
        )

    def set_engine_state_changed_callback(self, _callback: Any) -> None:
        """States do not change here."""

    def health_check(self) -> bool:
        return True

    def is_pause(self) -> bool:
        return False

    def list_models(self) -> str:
        return json.dumps([{"id": name, "root": name, "max_model_len": 4096} for name in MODELS])

    def get_model_info(self) -> str:
        return json.dumps({"model_path": MODELS[0], "is_generation": True})

    def get_server_info(self) -> str:
        return json.dumps({"version": "scripted", "running": self.engine.running, "aborted": self.engine.aborted})

    def abort(self, rid: str = "", abort_all: bool = False) -> None:
        self.loop.call_soon_threadsafe(self.engine.abort, rid)

    def submit_openai_chat(self, *, json_body: bytes, chunk_callback: Any, **_more: Any) -> None:
        def send(chunk: bytes, finished: bool, error: str) -> None:
            with suppress(Exception):  # SGLang's own bridge logs it and goes on
                if error:
                    chunk_callback(chunk, finished=finished, error=error)
                else:
                    chunk_callback(chunk, finished=finished)

        self.loop.call_soon_threadsafe(self.engine.chat, bytes(json_body), send)

    def submit_openai_embed(self, *, json_body: bytes, chunk_callback: Any, **_more: Any) -> None:
        status, body = self.engine.embed(bytes(json_body))
        chunk_callback(body, finished=True, status_code=status)


async def _main(extension: str, ready_fd: int) -> None:
    loader = importlib.machinery.ExtensionFileLoader("_grpc", extension)
    spec = importlib.util.spec_from_file_location("_grpc", extension, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    handle = RuntimeHandle(Engine(), asyncio.get_running_loop())
    server = module.start_server("127.0.0.1", port, handle)
    # Not by standard output: the server logs there.
    with os.fdopen(ready_fd, "w") as pipe:
        pipe.write(f"{port}\n")
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Whoever started this ends it by closing its standard input.
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True).start()
    await ended.wait()
    server.shutdown()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))

"""What is asked of a server, and how its answers are read: Fireside by gRPC or Connect, or an OpenAI-compatible API."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fireside.cli.bench.bodies import EventBody, SseBody, WholeBody
from fireside.cli.bench.http1 import get, post
from fireside.cli.bench.http2 import call_headers, grpc_call
from fireside.cli.failure import UsageError
from fireside.gen.v1 import (
    chat_service_pb2,
    conversation_service_pb2,
    generation_pb2,
    message_pb2,
    model_service_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.cli.bench.http1 import Body
    from fireside.cli.bench.tally import Answer

_PROMPT = "Tell me of the fire."


class Protocol(Enum):
    """How a server is spoken to."""

    CONNECT = "connect"
    GRPC = "grpc"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Target:
    """A server."""

    host: str
    port: int
    tls: bool
    base: str
    """The path in front of `/chat/completions` and `/models`."""

    key: str = ""

    @property
    def authority(self) -> str:
        """Host and port as they stand in a request."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every request."""
        return {"authorization": f"Bearer {self.key}"} if self.key else {}


def target_of(url: str, key: str = "") -> Target:
    """The server at `url`; its path, `/v1` if there is none, is that of an OpenAI-compatible API. Raises UsageError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"{url!r} is no address: expected http://host:port or https://host:port.")
    tls = parts.scheme == "https"
    return Target(parts.hostname, parts.port or (443 if tls else 80), tls, parts.path.rstrip("/") or "/v1", key)


@dataclass(frozen=True, slots=True)
class Dialect:
    """The requests of one step. Each call of `request` makes another one, with ids of its own."""

    protocol: Protocol
    request: Callable[[], bytes]
    body: Callable[[Answer], Body]


def _spec(model: str) -> bytes:
    spec = generation_pb2.GenerationSpec(
        generation_id=str(uuid.uuid4()),
        conversation_id=str(uuid.uuid4()),
        answer_id=str(uuid.uuid4()),
        model=model,
        send=generation_pb2.SendInput(
            message_id=str(uuid.uuid4()), parts=[message_pb2.Part(text=message_pb2.TextPart(text=_PROMPT))]
        ),
    )
    return chat_service_pb2.GenerateRequest(spec=spec).SerializeToString()


def chat(target: Target, protocol: Protocol, model: str, extra: dict[str, bool]) -> Dialect:
    """Streamed answers of `model`, each in a conversation of its own. `extra` goes into REST requests."""
    if protocol is Protocol.REST:
        asked = {"model": model, "messages": [{"role": "user", "content": _PROMPT}], "stream": True, **extra}
        headers = {"content-type": "application/json", **target.headers}
        request = post(target.authority, f"{target.base}/chat/completions", headers, json.dumps(asked).encode())
        return Dialect(protocol, lambda: request, SseBody)
    path = "/fireside.v1.ChatService/Generate"
    if protocol is Protocol.GRPC:
        block = call_headers(target.authority, path, target.headers, tls=target.tls)
        return Dialect(protocol, lambda: grpc_call(block, _spec(model)), EventBody)
    headers = {"content-type": "application/connect+proto", "connect-protocol-version": "1", **target.headers}

    def connect() -> bytes:
        message = _spec(model)
        return post(target.authority, path, headers, b"\0" + len(message).to_bytes(4, "big") + message)

    return Dialect(protocol, connect, EventBody)


_UNARY = {
    "list conversations": (
        "/fireside.v1.ConversationService/ListConversations",
        conversation_service_pb2.ListConversationsRequest(page_size=50).SerializeToString(),
    ),
    "list models": (
        "/fireside.v1.ModelService/ListModels",
        model_service_pb2.ListModelsRequest().SerializeToString(),
    ),
    "health": ("/grpc.health.v1.Health/Check", b""),
}


def unary_calls(target: Target, protocol: Protocol) -> dict[str, Dialect]:
    """The calls of `fireside bench api`, by name."""
    if protocol is Protocol.REST:
        paths = {"list models": f"{target.base}/models"}
        return {name: _fixed(protocol, get(target.authority, path, target.headers)) for name, path in paths.items()}
    if protocol is Protocol.GRPC:
        return {
            name: _fixed(
                protocol, grpc_call(call_headers(target.authority, path, target.headers, tls=target.tls), body)
            )
            for name, (path, body) in _UNARY.items()
        }
    headers = {"content-type": "application/proto", "connect-protocol-version": "1", **target.headers}
    return {
        name: _fixed(protocol, post(target.authority, path, headers, body)) for name, (path, body) in _UNARY.items()
    }


def _fixed(protocol: Protocol, request: bytes) -> Dialect:
    return Dialect(protocol, lambda: request, WholeBody)

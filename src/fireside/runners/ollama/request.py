"""What Ollama is asked: a conversation as its messages, with pictures, tools and options. Does no I/O."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import msgspec

from fireside.runners.prompt import (
    Calls,
    ToolEntry,
    clean,
    cut_at_results,
    part_text,
    result_text,
    role_of,
    tool_entries,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fireside.gen.v1 import message_pb2
    from fireside.runners.base import GenerateRequest

_KeepAlive = int | str | msgspec.UnsetType


class _CalledFunction(msgspec.Struct, frozen=True):
    name: str
    arguments: msgspec.Raw


class CallEntry(msgspec.Struct, frozen=True):
    """A tool call that the model made."""

    id: str
    function: _CalledFunction


class ChatMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of the prompt. `images` are in base64."""

    role: str
    content: str | msgspec.UnsetType = msgspec.UNSET
    images: list[str] | msgspec.UnsetType = msgspec.UNSET
    tool_calls: list[CallEntry] | msgspec.UnsetType = msgspec.UNSET
    tool_name: str | msgspec.UnsetType = msgspec.UNSET
    tool_call_id: str | msgspec.UnsetType = msgspec.UNSET


class ModelOptions(msgspec.Struct, frozen=True):
    """How to sample. What is unset takes the model's default."""

    num_predict: int | msgspec.UnsetType = msgspec.UNSET
    temperature: float | msgspec.UnsetType = msgspec.UNSET
    top_p: float | msgspec.UnsetType = msgspec.UNSET
    seed: int | msgspec.UnsetType = msgspec.UNSET
    stop: list[str] | msgspec.UnsetType = msgspec.UNSET


class ChatRequest(msgspec.Struct, frozen=True):
    """The body of POST /api/chat."""

    model: str
    messages: list[ChatMessage]
    options: ModelOptions
    stream: bool = True
    think: bool | msgspec.UnsetType = msgspec.UNSET
    tools: list[ToolEntry] | msgspec.UnsetType = msgspec.UNSET
    keep_alive: _KeepAlive = msgspec.UNSET


class EmbedRequest(msgspec.Struct, frozen=True):
    """The body of POST /api/embed."""

    model: str
    input: list[str]
    keep_alive: _KeepAlive = msgspec.UNSET


class NameRequest(msgspec.Struct, frozen=True):
    """The body of POST /api/show and /api/pull."""

    model: str


def chat_body(request: GenerateRequest, keep_alive: str, *, think: bool) -> bytes:
    """The body. Raises InvalidArgumentError (INVALID_TOOL)."""
    sampling = request.sampling
    unset = msgspec.UNSET
    return msgspec.json.encode(
        ChatRequest(
            model=request.model,
            messages=chat_messages(request),
            options=ModelOptions(
                num_predict=sampling.max_tokens if sampling.HasField("max_tokens") else unset,
                temperature=sampling.temperature if sampling.HasField("temperature") else unset,
                top_p=sampling.top_p if sampling.HasField("top_p") else unset,
                # Ollama keeps it in a signed integer of the engine, which is 32 bits wide.
                seed=sampling.seed & 0x7FFF_FFFF if sampling.HasField("seed") else unset,
                stop=list(sampling.stop) if sampling.stop else unset,
            ),
            think=True if think else unset,
            tools=tool_entries(request.tools) if request.tools else unset,
            keep_alive=keep_alive_of(keep_alive),
        )
    )


def embed_body(model: str, texts: Sequence[str], keep_alive: str) -> bytes:
    """The body that asks for vectors."""
    return msgspec.json.encode(EmbedRequest(model, [clean(text) for text in texts], keep_alive_of(keep_alive)))


def keep_alive_of(text: str) -> _KeepAlive:
    """A number of seconds as a number: as text Ollama takes only what has a unit."""
    if not text:
        return msgspec.UNSET
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def chat_messages(request: GenerateRequest) -> list[ChatMessage]:
    """The conversation. Messages without any content are left out; reasoning is, as models expect."""
    calls = Calls.of(request.messages)
    return [entry for message in request.messages for entry in _entries(message, calls)]


def _entries(message: message_pb2.Message, calls: Calls) -> Iterator[ChatMessage]:
    """A message as one or several."""
    role = role_of(message)
    for parts, call_id in cut_at_results(message, calls):
        if call_id:
            call = calls.answered[call_id]
            yield ChatMessage("tool", result_text(parts[0].tool_result), tool_name=call.name, tool_call_id=call.id)
        else:
            yield from _entry(role, parts, calls)


def _entry(role: str, parts: list[message_pb2.Part], calls: Calls) -> Iterator[ChatMessage]:
    made: list[CallEntry] = []
    images: list[str] = []
    texts: list[str] = []
    for part in parts:
        if part.HasField("tool_call") and calls.has(part):
            call = part.tool_call
            made.append(CallEntry(call.id, _CalledFunction(call.name, _object(call.arguments))))
        elif part.HasField("image") and part.image.data:
            images.append(base64.b64encode(part.image.data).decode())
        elif text := part_text(part):
            texts.append(text)
    if made or images or texts:
        yield ChatMessage(
            "user" if role == "tool" else role,
            clean("\n\n".join(texts)),
            images or msgspec.UNSET,
            made or msgspec.UNSET,
        )


def _object(arguments: str) -> msgspec.Raw:
    """The arguments, which Ollama wants as an object; none when the model wrote something else."""
    content = clean(arguments).encode()
    try:
        msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        return msgspec.Raw(b"{}")
    return msgspec.Raw(content)

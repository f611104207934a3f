"""The OpenAI chat protocol's requests: a conversation as messages with pictures and tools. Does no I/O."""

from __future__ import annotations

import base64
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
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from fireside.gen.v1 import message_pb2
    from fireside.runners.base import GenerateRequest

# Fields that a server may refuse to know. It is then asked again without them, and from then on.
STREAM_OPTIONS = "stream_options"
CONTINUE = "continue_final_message"
# What newer OpenAI models call the limit; a server that says so refuses the old name.
MAX_COMPLETION_TOKENS = "max_completion_tokens"


class TextContent(msgspec.Struct, frozen=True):
    """A text among pictures."""

    text: str
    type: str = "text"


class _Url(msgspec.Struct, frozen=True):
    url: str


class ImageContent(msgspec.Struct, frozen=True):
    """A picture, as a data: URL."""

    image_url: _Url
    type: str = "image_url"


class _CalledFunction(msgspec.Struct, frozen=True):
    name: str
    arguments: str


class CallEntry(msgspec.Struct, frozen=True):
    """A tool call that the model made."""

    id: str
    function: _CalledFunction
    type: str = "function"


class ChatMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of the prompt. `content` is None for nothing but tool calls."""

    role: str
    content: str | list[TextContent | ImageContent] | msgspec.UnsetType | None = msgspec.UNSET
    tool_calls: list[CallEntry] | msgspec.UnsetType = msgspec.UNSET
    tool_call_id: str | msgspec.UnsetType = msgspec.UNSET


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = True


class ChatRequest(msgspec.Struct, frozen=True):
    """The body of POST /chat/completions. What is unset takes the server's default."""

    model: str
    messages: list[ChatMessage]
    stream: bool = True
    stream_options: _StreamOptions | msgspec.UnsetType = msgspec.UNSET
    max_tokens: int | msgspec.UnsetType = msgspec.UNSET
    max_completion_tokens: int | msgspec.UnsetType = msgspec.UNSET
    temperature: float | msgspec.UnsetType = msgspec.UNSET
    top_p: float | msgspec.UnsetType = msgspec.UNSET
    seed: int | msgspec.UnsetType = msgspec.UNSET
    stop: list[str] | msgspec.UnsetType = msgspec.UNSET
    tools: list[ToolEntry] | msgspec.UnsetType = msgspec.UNSET
    continue_final_message: bool | msgspec.UnsetType = msgspec.UNSET
    add_generation_prompt: bool | msgspec.UnsetType = msgspec.UNSET
    return_progress: bool | msgspec.UnsetType = msgspec.UNSET


class EmbeddingRequest(msgspec.Struct, frozen=True):
    """The body of POST /embeddings."""

    model: str
    input: list[str]
    encoding_format: str = "float"


def chat_body(request: GenerateRequest, without: AbstractSet[str] = frozenset(), *, llama: bool = False) -> bytes:
    """The body, without the optional fields in `without`. Raises InvalidArgumentError (INVALID_TOOL).

    `llama`: the server is known to be llama.cpp's. It is asked to tell how far it has read the prompt: only when it has
    something to send does it notice for sure that the reader has gone, however busy it is with others.
    """
    sampling = request.sampling
    unset = msgspec.UNSET
    limit = sampling.max_tokens if sampling.HasField("max_tokens") else unset
    renamed = MAX_COMPLETION_TOKENS in without
    messages = chat_messages(request)
    goes_on = bool(messages) and messages[-1].role == "assistant" and CONTINUE not in without
    return msgspec.json.encode(
        ChatRequest(
            model=request.model,
            messages=messages,
            stream_options=unset if STREAM_OPTIONS in without else _StreamOptions(),
            max_tokens=unset if renamed else limit,
            max_completion_tokens=limit if renamed else unset,
            temperature=sampling.temperature if sampling.HasField("temperature") else unset,
            top_p=sampling.top_p if sampling.HasField("top_p") else unset,
            seed=sampling.seed if sampling.HasField("seed") else unset,
            stop=list(sampling.stop) if sampling.stop else unset,
            tools=tool_entries(request.tools) if request.tools else unset,
            # vLLM and SGLang begin another answer without these; llama.cpp needs neither.
            continue_final_message=True if goes_on else unset,
            add_generation_prompt=False if goes_on else unset,
            return_progress=True if llama else unset,
        )
    )


def chat_messages(request: GenerateRequest) -> list[ChatMessage]:
    """The conversation. Tool calls and results that have no counterpart become notes, since servers refuse them.

    Messages without any content are left out; so an empty last answer is not gone on from but begun.
    """
    calls = Calls.of(request.messages)
    return [entry for message in request.messages for entry in _entries(message, calls)]


def _entries(message: message_pb2.Message, calls: Calls) -> Iterator[ChatMessage]:
    """A message as one or several."""
    role = role_of(message)
    for parts, call_id in cut_at_results(message, calls):
        if call_id:
            yield ChatMessage("tool", result_text(parts[0].tool_result), tool_call_id=call_id)
        else:
            yield from _entry(role, parts, calls)


def _entry(role: str, parts: list[message_pb2.Part], calls: Calls) -> Iterator[ChatMessage]:
    made = [part.tool_call for part in parts if part.HasField("tool_call") and calls.has(part)]
    content = _content([part for part in parts if not (part.HasField("tool_call") and calls.has(part))])
    if made and role == "assistant":
        entries = [CallEntry(call.id, _CalledFunction(call.name, clean(call.arguments) or "{}")) for call in made]
        yield ChatMessage(role, content or None, entries)
    elif content:
        # A note about a result without its call is something that the user tells.
        yield ChatMessage("user" if role == "tool" else role, content)


def _content(parts: list[message_pb2.Part]) -> str | list[TextContent | ImageContent]:
    """Text where there are no pictures: every server takes that."""
    if not any(part.HasField("image") and part.image.data for part in parts):
        return clean("\n\n".join(filter(None, map(part_text, parts))))
    content: list[TextContent | ImageContent] = []
    for part in parts:
        if part.HasField("image") and part.image.data:
            data = base64.b64encode(part.image.data).decode()
            content.append(ImageContent(_Url(f"data:{part.image.media_type or 'image/png'};base64,{data}")))
        elif text := clean(part_text(part)):
            content.append(TextContent(text))
    return content

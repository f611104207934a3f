"""What the local llama.cpp is asked: OpenAI's chat request with the engine's own additions. Text alone; does no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fireside.runners.prompt import role_of, text_of

if TYPE_CHECKING:
    from fireside.runners.base import GenerateRequest


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of the prompt."""

    role: str
    content: str


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = True


class ChatRequest(msgspec.Struct, frozen=True):
    """The body of POST /v1/chat/completions, with llama.cpp's additions."""

    messages: list[ChatMessage]
    max_tokens: int
    id_slot: int
    temperature: float
    top_p: float
    top_k: int
    repeat_penalty: float
    seed: int | msgspec.UnsetType = msgspec.UNSET
    stop: list[str] | msgspec.UnsetType = msgspec.UNSET
    stream: bool = True
    stream_options: _StreamOptions = _StreamOptions()
    cache_prompt: bool = True
    return_progress: bool = True


def chat_messages(request: GenerateRequest) -> list[ChatMessage]:
    """The prompt: the text parts, and a short note in brackets for any other. Reasoning is left out, as models expect.

    Messages without any content are left out; so an empty last answer is not gone on from but begun.
    """
    messages = (ChatMessage(role_of(message), text_of(message)) for message in request.messages)
    return [message for message in messages if message.content]

"""What OpenAI's clients are answered with, as msgspec structs. Not the chunks of a stream: chunks.py assembles those."""

from __future__ import annotations

from typing import Literal

import msgspec

from fireside.edge.plain import Reply


class PromptDetails(msgspec.Struct, frozen=True):
    """Of the tokens read, those that a prompt cache already held."""

    cached_tokens: int = 0


class Usage(msgspec.Struct, frozen=True):
    """Token counts as the runner reports them; 0 where it does not."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails


class CalledFunction(msgspec.Struct, frozen=True):
    """The function of a call; `arguments` is JSON text as the model wrote it."""

    name: str
    arguments: str


class ToolCall(msgspec.Struct, frozen=True):
    """A call that the model asks for."""

    id: str
    function: CalledFunction
    type: Literal["function"] = "function"


class IndexedToolCall(msgspec.Struct, frozen=True):
    """The same in a chunk of a stream, where `index` counts the calls of the answer. It comes in one piece."""

    index: int
    id: str
    function: CalledFunction
    type: Literal["function"] = "function"


class AnswerMessage(msgspec.Struct, frozen=True):
    """The model's message. `content` is None when there are only tool calls."""

    content: str | None
    role: Literal["assistant"] = "assistant"
    refusal: None = None
    reasoning_content: str | msgspec.UnsetType = msgspec.UNSET
    tool_calls: list[ToolCall] | msgspec.UnsetType = msgspec.UNSET


class Choice(msgspec.Struct, frozen=True):
    """The one answer."""

    message: AnswerMessage
    finish_reason: str
    index: int = 0
    logprobs: None = None


class ChatCompletion(msgspec.Struct, frozen=True):
    """A whole answer. `id` is the generation's."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    object: Literal["chat.completion"] = "chat.completion"


class ModelCard(msgspec.Struct, frozen=True):
    """A model. What OpenAI does not have comes last: how it is called, how much fits, whether it can answer now."""

    id: str
    created: int
    owned_by: str
    name: str
    available: bool
    context_length: int | msgspec.UnsetType = msgspec.UNSET
    alias_of: list[str] | msgspec.UnsetType = msgspec.UNSET
    object: Literal["model"] = "model"


class ModelList(msgspec.Struct, frozen=True):
    """All models, in the order of the runners."""

    data: list[ModelCard]
    object: Literal["list"] = "list"


class Embedding(msgspec.Struct, frozen=True):
    """One vector: numbers, or base64 of little-endian 32-bit floats."""

    index: int
    embedding: tuple[float, ...] | str
    object: Literal["embedding"] = "embedding"


class EmbeddingsUsage(msgspec.Struct, frozen=True):
    """Token counts of the texts."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(msgspec.Struct, frozen=True):
    """The vectors, in the order of the texts."""

    data: list[Embedding]
    model: str
    usage: EmbeddingsUsage
    object: Literal["list"] = "list"


def reply(answer: ChatCompletion | ModelCard | ModelList | EmbeddingList) -> Reply:
    """The answer as JSON, with status 200."""
    return Reply(200, msgspec.json.encode(answer), "application/json")

"""What a model is asked: history and limits to a runner's request. Pure; the engine loads and sends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from google.protobuf import json_format

from fireside.gen.v1 import message_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.runners.base import GenerateRequest

# Of a model's context, the share that is left for the answer when the request does not say how much it wants.
ANSWER_SHARE = 0.25
_MESSAGE_OVERHEAD_TOKENS = 8
# What models commonly count for a picture of moderate size.
_IMAGE_TOKENS = 1000
# What a message is based on, and not what it says.
_SAYS_NOTHING = ("text", "search", "citation", "collection")


def plan(history: Sequence[message_pb2.Message], request: GenerateRequest, *, context_length: int) -> GenerateRequest:
    """`request` with the messages of `history` (oldest first) but for the oldest that do not fit.

    System messages, the last question and what follows it to the end stay as far as the last two messages go: a prompt
    that is too long by itself is for the runner to refuse, with a sentence that says so. A call of tools and its results
    stay or go together, because models refuse one without the other. `context_length` is in tokens, 0 if not known.
    """
    said = [message for message in history if _says_something(message)]
    if context_length:
        sampling = request.sampling
        wanted = sampling.max_tokens if sampling.HasField("max_tokens") else int(context_length * ANSWER_SHARE)
        said = _fit(said, context_length - min(wanted, context_length // 2))
    return replace(request, messages=tuple(said))


def estimate_tokens(message: message_pb2.Message) -> int:
    """About how many tokens a message costs, on the safe side."""
    tokens = _MESSAGE_OVERHEAD_TOKENS
    for part in message.parts:
        tokens += text_tokens(_text_of(part))
        if part.HasField("image"):
            tokens += _IMAGE_TOKENS
    return tokens


def text_tokens(text: str) -> int:
    """About how many tokens a text costs: 3.5 Latin characters or one CJK character a token."""
    wide = len(text.encode("utf-8", "surrogatepass")) - len(text)
    return wide // 2 + (len(text) - wide // 2) * 2 // 7


def _text_of(part: message_pb2.Part) -> str:
    if part.HasField("tool_call"):
        return part.tool_call.name + part.tool_call.arguments
    if part.HasField("tool_result"):
        return json_format.MessageToJson(part.tool_result.result, indent=None, ensure_ascii=False)
    return part.text.text


def _says_something(message: message_pb2.Message) -> bool:
    # An answer that was stopped before its first token is part of the tree but not of the talk.
    return any(part.text.text or part.WhichOneof("kind") not in _SAYS_NOTHING for part in message.parts)


def _fit(messages: list[message_pb2.Message], budget: int) -> list[message_pb2.Message]:
    costs = [estimate_tokens(message) for message in messages]
    total = sum(costs)
    question = max((at for at, message in enumerate(messages) if _asks(message)), default=-1)
    kept: list[message_pb2.Message] = []
    for turn in _turns(messages):
        must_stay = any(
            messages[at].role == message_pb2.ROLE_SYSTEM or at >= len(messages) - 2 or at == question for at in turn
        )
        if total > budget and not must_stay:
            total -= sum(costs[at] for at in turn)
        else:
            kept.extend(messages[at] for at in turn)
    return kept


def _turns(messages: Sequence[message_pb2.Message]) -> list[list[int]]:
    """The messages' indexes in groups that stay or go together: results are with the call before them."""
    turns: list[list[int]] = []
    for at, message in enumerate(messages):
        if turns and _brings_results(message):
            turns[-1].append(at)
        else:
            turns.append([at])
    return turns


def _asks(message: message_pb2.Message) -> bool:
    return message.role == message_pb2.ROLE_USER and not _brings_results(message)


def _brings_results(message: message_pb2.Message) -> bool:
    return message.role == message_pb2.ROLE_TOOL or any(part.HasField("tool_result") for part in message.parts)

"""What a model is asked: history and limits to a runner's request. Pure; the engine loads and sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.runners.base import GenerateRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of a model's context, the share that is left for the answer when the request does not say how much it wants.
ANSWER_SHARE = 0.25
_MESSAGE_OVERHEAD_TOKENS = 8


def plan(
    history: Sequence[message_pb2.Message],
    model: str,
    sampling: generation_pb2.SamplingOptions,
    *,
    context_length: int,
    session: str,
) -> GenerateRequest:
    """The request for `history` (oldest first), without the oldest messages that do not fit.

    System messages and the last two messages always stay: a prompt that is too long by itself is for the runner to
    refuse, with a sentence that says so. `context_length` is in tokens, 0 if not known.
    """
    said = [message for message in history if _says_something(message)]
    if context_length:
        wanted = sampling.max_tokens if sampling.HasField("max_tokens") else int(context_length * ANSWER_SHARE)
        said = _fit(said, context_length - min(wanted, context_length // 2))
    return GenerateRequest(model=model, messages=tuple(said), sampling=sampling, session=session)


def estimate_tokens(message: message_pb2.Message) -> int:
    """About how many tokens a message costs: 3.5 Latin characters or one CJK character a token, on the safe side."""
    tokens = _MESSAGE_OVERHEAD_TOKENS
    for part in message.parts:
        text = (
            part.text.text if part.HasField("text") else part.tool_call.arguments if part.HasField("tool_call") else ""
        )
        wide = len(text.encode()) - len(text)
        tokens += wide // 2 + (len(text) - wide // 2) * 2 // 7
    return tokens


def _says_something(message: message_pb2.Message) -> bool:
    # An answer that was stopped before its first token is part of the tree but not of the talk.
    return any(part.WhichOneof("kind") != "text" or part.text.text for part in message.parts)


def _fit(messages: list[message_pb2.Message], budget: int) -> list[message_pb2.Message]:
    costs = [estimate_tokens(message) for message in messages]
    total = sum(costs)
    kept: list[message_pb2.Message] = []
    for index, message in enumerate(messages):
        must_stay = message.role == message_pb2.ROLE_SYSTEM or index >= len(messages) - 2
        if total > budget and not must_stay:
            total -= costs[index]
        else:
            kept.append(message)
    return kept

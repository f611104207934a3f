"""A runner whose vectors come from a small dictionary of meanings, so that a test knows what is near to what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from fireside.core.errors import InvalidArgumentError, UnavailableError
from fireside.gen.v1 import model_pb2
from fireside.runners.base import Delta, Embeddings, GenerateRequest, RunnerInfo

MODEL = "meanings/dictionary"

_MEANINGS = (
    ("cat", "feline", "kitten"),
    ("dog", "puppy"),
    ("tax", "taxes", "money"),
    ("sleep", "sleeps"),
    ("house", "kitchen"),
)


class MeaningRunner:
    """Words of one meaning share a direction; all texts share one besides, as real vectors do. `mood` makes it hang or fail."""

    name = "meanings"

    def __init__(self) -> None:
        self.mood = ""
        self.asked: list[str] = []

    async def info(self) -> RunnerInfo:
        return RunnerInfo(
            (
                model_pb2.Model(
                    id=MODEL, runner=self.name, state=model_pb2.MODEL_STATE_READY, tasks=[model_pb2.MODEL_TASK_EMBED]
                ),
            )
        )

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        raise InvalidArgumentError("NOT_A_CHAT_MODEL", "It only makes vectors.")
        yield

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        self.asked.extend(texts)
        if self.mood == "hang":
            await asyncio.Event().wait()
        if self.mood == "fail":
            raise UnavailableError("RUNNER_UNAVAILABLE", "It is away.")
        return Embeddings(tuple(_vector(text) for text in texts))

    async def aclose(self) -> None:
        """Nothing to free."""


def _vector(text: str) -> tuple[float, ...]:
    words = text.lower().replace(",", " ").split()
    return (1.0, *(3.0 * sum(word in meaning for word in words) for meaning in _MEANINGS))

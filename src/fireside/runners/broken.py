"""A runner that was set up but cannot be used, such as one whose API key cannot be read: it says why. Never connects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.errors import UnavailableError
from fireside.runners.base import RunnerInfo

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fireside.runners.base import Delta, Embeddings, GenerateRequest


class BrokenRunner:
    """Stands in the place of a runner and raises UnavailableError (RUNNER_UNAVAILABLE) with its problem."""

    def __init__(self, name: str, problem: str) -> None:
        self._name = name
        self._problem = problem

    @property
    def name(self) -> str:
        """The prefix of its model ids."""
        return self._name

    async def info(self) -> RunnerInfo:
        """No models, and the problem."""
        return RunnerInfo(problem=self._problem, hint=self._problem)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        """Raises UnavailableError."""
        raise self._error(request.model)
        yield

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:  # noqa: ARG002  # The seam's signature.
        """Raises UnavailableError."""
        raise self._error(model)

    async def aclose(self) -> None:
        """Nothing is open."""

    def _error(self, model: str) -> UnavailableError:
        return UnavailableError("RUNNER_UNAVAILABLE", self._problem, runner=self._name, model=model)

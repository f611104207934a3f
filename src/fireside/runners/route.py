"""The way from a model's id to the runners that may answer for it, in order. Not the choice of ids: that is catalog.py.

The first candidate that takes the request answers. Once there was content, nobody stands in any more.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fireside.core.errors import FiresideError, InvalidArgumentError
from fireside.runners.base import StandIn, is_content

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fireside.runners.base import Delta, Embeddings, GenerateRequest
    from fireside.runners.managed.runner import ManagedRunner


@dataclass(frozen=True, slots=True)
class Candidate:
    """A runner and its own name of a model."""

    runner: ManagedRunner
    name: str

    @property
    def model(self) -> str:
        """The model's id."""
        return f"{self.runner.name}/{self.name}"

    @property
    def hopeful(self) -> bool:
        """Whether it likely takes a request: only a guess, by what was seen of the runner lately."""
        return self.runner.usable and self.runner.knows(self.name) is not False


class Route:
    """What answers for `model`, which is the id to record. Good for one request: a later one asks the catalog again."""

    def __init__(self, model: str, candidates: Sequence[Candidate]) -> None:
        """`candidates` has at least one; when it is not `model` itself that answers, the route says who does."""
        self.model = model
        self._candidates = tuple(candidates)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Who may answer, the preferred one first."""
        return self._candidates

    @property
    def context_length(self) -> int:
        """Tokens that fit whoever answers, as far as is known; 0 for not known."""
        listed = [candidate.runner.listed(candidate.name) for candidate in self._candidates]
        return min((model.context_length for model in listed if model and model.context_length), default=0)

    @property
    def vision(self) -> bool:
        """Whether whoever answers reads pictures, as far as is known."""
        listed = [candidate.runner.listed(candidate.name) for candidate in self._candidates]
        return all(model is not None and model.vision for model in listed)

    def admit(self, account: str) -> None:
        """Raises what nobody's `admit` lets pass, as the first candidate says it. See ManagedRunner.admit."""
        problem: FiresideError | None = None
        try:
            for candidate in self._candidates:
                try:
                    candidate.runner.admit(candidate.name, account)
                except FiresideError as error:
                    problem = problem or error
                else:
                    return
            if problem is not None:
                raise problem
        finally:
            # An error knows the functions that it came through: kept by one of them it would be a circle.
            del problem

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        """Runs the model or a stand-in; `request.model` is filled in. Errors: those of the first candidate that failed."""
        waiting = self._in_hope()
        problem: FiresideError | None = None
        try:
            while waiting:
                candidate = waiting.pop(0)
                begun = False
                try:
                    async with aclosing(candidate.runner.generate(replace(request, model=candidate.name))) as deltas:
                        async for delta in deltas:
                            if not begun and is_content(delta):
                                begun = True
                                if candidate.model != self.model:
                                    yield StandIn(candidate.model)
                            yield delta
                except FiresideError as error:
                    problem = problem or error
                    if begun or not waiting or isinstance(error, InvalidArgumentError):
                        raise problem if not begun else error from None
                else:
                    return
        finally:
            # As in `admit`.
            del problem

    async def embed(self, texts: Sequence[str], account: str = "") -> Embeddings:
        """Turns texts into vectors. Only runners with a model of the same own name stand in: vectors of others do not mix."""
        first = self._candidates[0]
        waiting = [candidate for candidate in self._in_hope() if candidate.name == first.name]
        while True:
            candidate = waiting.pop(0)
            try:
                return await candidate.runner.embed(candidate.name, texts, account)
            except InvalidArgumentError:
                raise
            except FiresideError:
                if not waiting:
                    raise

    def _in_hope(self) -> list[Candidate]:
        """The candidates, those that will hardly take the request last."""
        return sorted(self._candidates, key=_hopeless)


def _hopeless(candidate: Candidate) -> bool:
    return not candidate.hopeful

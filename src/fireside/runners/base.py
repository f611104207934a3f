"""The seam to whatever runs a model. Not a pool, a queue or a retry: those wrap a runner from outside.

A runner is one file in this folder. It never calls up: it gets a frozen request and yields deltas.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import re
    from collections.abc import AsyncGenerator

    from fireside.gen.v1 import generation_pb2, message_pb2, model_pb2


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """What a model is asked.

    `model` is the runner's own name of the model (without the runner's prefix). `messages` is the branch, oldest
    first; when the last one is from the assistant the answer goes on from its text. `session` is the conversation's
    id: requests of one session share a prompt prefix, so a runner may keep its cache by it.
    """

    model: str
    messages: tuple[message_pb2.Message, ...]
    sampling: generation_pb2.SamplingOptions
    session: str = ""


class Activity(Enum):
    """What a runner is doing before the first token."""

    QUEUED = "queued"
    LOADING = "loading"
    PREFILLING = "prefilling"


@dataclass(frozen=True, slots=True)
class Progress:
    """No content yet. `queue_position` counts from 1 and is 0 when not queued."""

    activity: Activity
    queue_position: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """Text to append to the answer; as many tokens as there are at once."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Text to append to the model's reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class WholePart:
    """A part that comes in one piece: a tool call, an image, a citation."""

    part: message_pb2.Part


class Finish(Enum):
    """Why the model ended by itself."""

    COMPLETE = "complete"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


@dataclass(frozen=True, slots=True)
class Finished:
    """The last delta of every answer that did not fail. Token counts are 0 where the runner does not say."""

    finish: Finish = Finish.COMPLETE
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


Delta = Progress | Text | Reasoning | WholePart | Finished


@dataclass(frozen=True, slots=True)
class RunnerInfo:
    """What a runner offers. `models` carry ids with the runner's prefix; `hint` says what to do when none is ready.

    `unlisted` matches the whole names (without the prefix) of hidden models that it takes beside those.
    """

    models: tuple[model_pb2.Model, ...] = field(default=())
    hint: str = ""
    unlisted: re.Pattern[str] | None = None


class Runner(Protocol):
    """A backend that runs models. At most five methods (house rule 7)."""

    @property
    def name(self) -> str:
        """The prefix of its model ids: `name/model`."""
        ...

    async def info(self) -> RunnerInfo:
        """What it offers now. Never raises for a backend that is away: its models are UNAVAILABLE and say why."""
        ...

    def generate(self, request: GenerateRequest) -> AsyncGenerator[Delta]:
        """Runs the model. Closing the generator (or cancelling its task) frees the model within 200 ms.

        Yields any number of deltas and, unless it fails, `Finished` as the last one.
        Raises NotFoundError (no such model), ResourceExhaustedError (queue full or waited too long),
        UnavailableError (the backend is away or died), DeadlineExceededError (it hangs),
        InvalidArgumentError (it refuses the request, such as a prompt that is too long).
        """
        ...

    def admit(self, model: str) -> None:
        """Raises NotFoundError or ResourceExhaustedError if a request for `model` would now.

        Called before a message is accepted, maybe from another thread than the event loop's, so it only looks.
        """
        ...

    async def aclose(self) -> None:
        """Frees everything. The runner is not used afterwards."""
        ...

"""The seam to whatever runs a model. Not a pool, a queue or a retry: those wrap a runner from outside.

A backend's runner is `<backend>/runner.py` in this folder. It never calls up: it gets a frozen request and yields deltas.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import re
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from fireside.gen.v1 import generation_pb2, message_pb2, model_pb2
    from fireside.runners.reach import Reach


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """What a model is asked.

    `model` is the runner's own name of the model (without the runner's prefix). `messages` is the branch, oldest
    first; when the last one is from the assistant the answer goes on from its text. `session` is the conversation's
    id: requests of one session share a prompt prefix, so a runner may keep its cache by it. `account` is who asks:
    requests of different accounts take turns in a queue. `tools` are what the model may ask to be called. `deadline`
    is when the answer is given up, in seconds of time.monotonic(), if that is known: whoever wraps a runner keeps to
    it, and a runner passes on to its backend what is left of it.
    """

    model: str
    messages: tuple[message_pb2.Message, ...]
    sampling: generation_pb2.SamplingOptions
    session: str = ""
    account: str = ""
    tools: tuple[generation_pb2.Tool, ...] = ()
    deadline: float | None = None


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
    """Text to append to the answer; as many tokens as there are at once.

    An empty one is a sign of life: of a backend that writes what comes in one piece, such as the arguments of a call.
    """

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


@dataclass(frozen=True, slots=True)
class StandIn:
    """Another model answers than the one that was asked: its id. Comes before its first content, if at all.

    Only what routes between runners yields it, never a runner.
    """

    model: str


Delta = Progress | Text | Reasoning | WholePart | Finished | StandIn


def is_content(delta: Delta) -> bool:
    """Whether a delta is something of the answer, or its end: neither progress nor a sign of life."""
    return not isinstance(delta, _NO_CONTENT) and not (isinstance(delta, _WRITING) and not delta.text)


_NO_CONTENT = (Progress, StandIn)
_WRITING = (Text, Reasoning)


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector for each text, in their order, all of one length. `prompt_tokens` is 0 where the runner does not say."""

    vectors: tuple[tuple[float, ...], ...]
    prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class RunnerInfo:
    """What a runner offers. `models` carry ids with the runner's prefix; `hint` says what to do when none is ready.

    `unlisted` matches the whole names (without the prefix) of hidden models that it takes beside those; `other_names`
    are further names of listed models, each with the name that it stands for. `problem` is why the backend does not answer, and empty when it does; `version` is what it calls itself.
    """

    models: tuple[model_pb2.Model, ...] = field(default=())
    hint: str = ""
    unlisted: re.Pattern[str] | None = None
    other_names: Mapping[str, str] = field(default_factory=dict[str, str])
    problem: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """How a runner outside this process is reached: what its adapter is made from.

    `addresses` are as RunnerSpec has them, checked; `models` limits or replaces what it lists; `secret` is the API key
    or token, empty for none; `connect_timeout` is in seconds. Of the gRPC kinds alone: `max_message_length` is in
    bytes; a connection that is silent for `keepalive_time` (0: any time) is probed, and given up when that is not
    answered within `keepalive_timeout`, both in seconds. `reach` says where it may be; None lets it be anywhere.
    """

    name: str
    addresses: tuple[str, ...]
    secret: str = field(default="", repr=False)
    models: tuple[str, ...] = ()
    keep_alive: str = ""
    connect_timeout: float = 10.0
    max_message_length: int = 64 * 1024 * 1024
    keepalive_time: float = 30.0
    keepalive_timeout: float = 10.0
    reach: Reach | None = None


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
        Raises NotFoundError (no such model), ResourceExhaustedError (it is too busy), UnavailableError (the backend
        is away or died), DeadlineExceededError (it hangs), InvalidArgumentError (it refuses the request, such as a
        prompt that is too long).
        """
        ...

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Turns texts into vectors. Errors as `generate`; InvalidArgumentError (NOT_AN_EMBEDDING_MODEL)."""
        ...

    async def aclose(self) -> None:
        """Frees everything. The runner is not used afterwards."""
        ...

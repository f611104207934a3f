"""What Ollama says of its models: its listing, their details, and which are in memory. Does no I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

from fireside.gen.v1 import model_pb2
from fireside.runners.refusals import garbage

if TYPE_CHECKING:
    from collections.abc import Iterable

_T = TypeVar("_T")
_LATEST = ":latest"
_NUM_CTX = re.compile(r"^num_ctx\s+(\d+)\s*$", re.MULTILINE)
_ENCODERS = ("bert", "nomic-bert", "nomic-bert-moe", "gemma-embedding")


class _Details(msgspec.Struct):
    family: str | None = None
    parameter_size: str | None = None
    quantization_level: str | None = None


class Tag(msgspec.Struct):
    """A model as GET /api/tags has it. `digest` changes when the model does."""

    name: str = ""
    model: str = ""
    digest: str = ""
    details: _Details | None = None


class Tags(msgspec.Struct):
    """The body of GET /api/tags."""

    models: list[Tag] | None = None


class Running(msgspec.Struct):
    """A model in memory, as GET /api/ps has it. `context_length` is in tokens, 0 where it is not said."""

    name: str = ""
    model: str = ""
    context_length: int = 0


class RunningList(msgspec.Struct):
    """The body of GET /api/ps."""

    models: list[Running] | None = None


class Version(msgspec.Struct):
    """The body of GET /api/version."""

    version: str = ""


class Shown(msgspec.Struct):
    """The body of POST /api/show, what is used of it."""

    capabilities: list[str] | None = None
    model_info: dict[str, object] | None = None
    parameters: str | None = None

    @property
    def context_length(self) -> int:
        """In tokens: what the model is set to, else what it was trained for; 0 if neither is said."""
        if found := _NUM_CTX.search(self.parameters or ""):
            return int(found[1])
        info = self.model_info or {}
        length = info.get(f"{info.get('general.architecture')}.context_length")
        return length if isinstance(length, int) and length > 0 else 0


def parse(body: bytes, kind: type[_T]) -> _T:
    """The body as `kind`. Raises UnavailableError (RUNNER_FAILED)."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise garbage(str(error)) from error


def full_name(model: str) -> str:
    """The name with its tag: Ollama takes `latest` when there is none."""
    return model if ":" in model.rpartition("/")[2] else f"{model}{_LATEST}"


def short_names(names: Iterable[str]) -> dict[str, str]:
    """The names that people leave `:latest` out of, as Ollama lets them, each with the whole one."""
    return {name.removesuffix(_LATEST): name for name in names if name.endswith(_LATEST)}


def describe(runner: str, tag: Tag, shown: Shown, running: Running | None) -> model_pb2.Model:
    """The model to offer, ready."""
    name = tag.name or tag.model
    details = tag.details or _Details()
    about = ", ".join(filter(None, (details.parameter_size, details.quantization_level)))
    return model_pb2.Model(
        id=f"{runner}/{name}",
        display_name=name.removesuffix(_LATEST),
        runner=runner,
        description=about,
        context_length=min((running.context_length if running else 0) or shown.context_length, 0xFFFF_FFFF),
        state=model_pb2.MODEL_STATE_READY,
        tasks=_tasks(shown, details),
        vision="vision" in (shown.capabilities or ()),
        loaded=running is not None,
    )


def _tasks(shown: Shown, details: _Details) -> list[model_pb2.ModelTask]:
    capabilities = shown.capabilities
    if not capabilities:
        # Versions before 0.6.4 say nothing of it.
        embeds = details.family in _ENCODERS
        return [model_pb2.MODEL_TASK_EMBED if embeds else model_pb2.MODEL_TASK_CHAT]
    tasks: list[model_pb2.ModelTask] = []
    if "completion" in capabilities or "embedding" not in capabilities:
        tasks.append(model_pb2.MODEL_TASK_CHAT)
    if "embedding" in capabilities:
        tasks.append(model_pb2.MODEL_TASK_EMBED)
    return tasks

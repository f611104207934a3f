"""Which models there are and which runner serves each. Not a router or a queue: each model belongs to one runner."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from fireside.core.errors import NotFoundError
from fireside.gen.v1 import model_pb2
from fireside.runners.base import RunnerInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.runners.base import Runner

CACHE_SECONDS = 2.0
NO_RUNNER_HINT = (
    "No model can answer yet. Run `make weights` to install the local model, "
    "or `fireside doctor` to see what is missing and how to fix it."
)


class Catalog:
    """The models of all runners, by id (`<runner>/<model>`).

    `default_model` is the id of the model that new conversations start with; empty takes the first one that is ready.
    """

    def __init__(self, runners: Sequence[Runner], default_model: str = "") -> None:
        """Raises ValueError when two runners have the same name."""
        self._runners = {runner.name: runner for runner in runners}
        if len(self._runners) != len(runners):
            message = "two runners have the same name"
            raise ValueError(message)
        self._configured = default_model
        self._lock = asyncio.Lock()
        self._info = RunnerInfo()
        self._infos: dict[str, RunnerInfo] = {}
        self._default = default_model
        self._fresh_until = 0.0

    async def models(self) -> RunnerInfo:
        """All models in the order of the runners, the default one marked, at most `CACHE_SECONDS` old.

        `hint` is empty unless neither a listed model nor the default one can answer.
        """
        async with self._lock:
            if time.monotonic() >= self._fresh_until:
                await self._refresh()
        return self._info

    async def get(self, model_id: str) -> model_pb2.Model:
        """The model with this id, listed or not. Raises NotFoundError (MODEL_NOT_FOUND)."""
        info = await self.models()
        for model in info.models:
            if model.id == model_id:
                return model
        model = self._unlisted(model_id)
        if model is None:
            raise _not_found(model_id)
        return model

    def resolve(self, model_id: str) -> tuple[Runner, str]:
        """The runner that serves the model, and the runner's own name of it. Empty means the default model.

        This looks at the runner's name only: the runner itself refuses a model that it does not have.
        Without a configured default, empty works once `models` or `default_model` has been awaited.
        Raises NotFoundError (MODEL_NOT_FOUND).
        """
        wanted = model_id or self._default
        prefix, slash, name = wanted.partition("/")
        runner = self._runners.get(prefix)
        if runner is None or not slash or not name:
            raise _not_found(wanted)
        return runner, name

    async def default_model(self) -> str:
        """The id of the model that new conversations start with; empty when there is no model at all."""
        await self.models()
        return self._default

    async def aclose(self) -> None:
        """Closes the runners, all of them even when one fails; then raises what failed."""
        outcomes = await asyncio.gather(*(r.aclose() for r in self._runners.values()), return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        if failures:
            message = "closing the runners failed"
            raise ExceptionGroup(message, failures)

    async def _refresh(self) -> None:
        infos = await asyncio.gather(*(runner.info() for runner in self._runners.values()))
        self._infos = dict(zip(self._runners, infos, strict=True))
        models = [_copy(model) for info in infos for model in info.models]
        self._default = self._configured or _first_choice(models)
        if self._default and all(model.id != self._default for model in models):
            unlisted = self._unlisted(self._default)
            if unlisted is not None:
                models.append(unlisted)
        for model in models:
            model.default = model.id == self._default
        can_answer = any(
            model.state == model_pb2.MODEL_STATE_READY and (model.default or not model.hidden) for model in models
        )
        hints = " ".join(info.hint for info in infos if info.hint)
        self._info = RunnerInfo(tuple(models), "" if can_answer else hints or NO_RUNNER_HINT)
        self._fresh_until = time.monotonic() + CACHE_SECONDS

    def _unlisted(self, model_id: str) -> model_pb2.Model | None:
        prefix, _, name = model_id.partition("/")
        info = self._infos.get(prefix)
        if info is None or info.unlisted is None or info.unlisted.fullmatch(name) is None:
            return None
        return model_pb2.Model(
            id=model_id, display_name=name, runner=prefix, state=model_pb2.MODEL_STATE_READY, hidden=True
        )


def _first_choice(models: Sequence[model_pb2.Model]) -> str:
    visible = [model for model in models if not model.hidden]
    ready = [model for model in visible if model.state == model_pb2.MODEL_STATE_READY]
    return next((model.id for model in (*ready, *visible)), "")


def _copy(model: model_pb2.Model) -> model_pb2.Model:
    copy = model_pb2.Model()
    copy.CopyFrom(model)
    return copy


def _not_found(model_id: str) -> NotFoundError:
    if not model_id:
        return NotFoundError("MODEL_NOT_FOUND", NO_RUNNER_HINT)
    return NotFoundError(
        "MODEL_NOT_FOUND", f"There is no model named {model_id!r}. Pick one of those that are listed.", model=model_id
    )

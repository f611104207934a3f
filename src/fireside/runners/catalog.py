"""Which models there are, under which names, and who answers for each. Not a queue, no health check: managed/.

A model's id is `<runner>/<the runner's own name of it>`. An alias has no slash; it stands for the ids that it lists.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from fireside.core.errors import NotFoundError
from fireside.gen.v1 import model_pb2, runner_pb2
from fireside.runners.base import RunnerInfo
from fireside.runners.route import Candidate, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fireside.runners.managed.runner import ManagedRunner

logger = logging.getLogger(__name__)

NO_RUNNER_HINT = (
    "No model can answer yet. Run `make weights` to install the local model, "
    "or `fireside doctor` to see what is missing and how to fix it."
)


class Catalog:
    """The models of all runners and their aliases.

    `default_model` is the id or alias that new conversations start with; empty takes the first one that is ready, in the
    order of the runners.
    """

    def __init__(
        self,
        runners: Sequence[ManagedRunner],
        default_model: str = "",
        aliases: Sequence[runner_pb2.ModelAlias] = (),
    ) -> None:
        """Raises ValueError when two runners have the same name."""
        self._configured = default_model
        self._runners: dict[str, ManagedRunner] = {}
        self._aliases: dict[str, tuple[str, ...]] = {}
        self._retiring: dict[asyncio.Task[None], ManagedRunner] = {}
        self._callbacks: list[Callable[[], None]] = []
        self._listing: RunnerInfo | None = None
        self._take(runners, aliases)

    @property
    def runners(self) -> tuple[ManagedRunner, ...]:
        """The runners, in their order."""
        return tuple(self._runners.values())

    def runner(self, name: str) -> ManagedRunner | None:
        """The runner of this name."""
        return self._runners.get(name)

    def on_change(self, callback: Callable[[], None]) -> None:
        """`callback` is called whenever the list of models has changed, with everything in place already."""
        self._callbacks.append(callback)

    async def replace(self, runners: Sequence[ManagedRunner], aliases: Sequence[runner_pb2.ModelAlias] = ()) -> None:
        """Takes these runners and aliases from now on.

        Runners that were there and are not in the new list take no new request; they are closed in the background once
        what they run has ended. Raises ValueError when two runners have the same name; then nothing has changed.
        """
        before = self.runners
        self._take(runners, aliases)
        self.look()
        for runner in before:
            if runner not in self._runners.values():
                task = asyncio.create_task(_retire(runner), name=f"retire {runner.name}")
                self._retiring[task] = runner
                task.add_done_callback(self._retiring.pop)
        self._changed()

    def look(self) -> None:
        """Begins to look at the runners that were not looked at yet, and does not wait for them."""
        for runner in self._runners.values():
            runner.look()

    async def models(self) -> RunnerInfo:
        """All models in the order of the runners, then the aliases; the default one is marked.

        Returns soon, however slow a backend is: then its models are as they were known. `hint` is empty unless neither
        a listed model nor the default one can answer.
        """
        await asyncio.gather(*(runner.info() for runner in self._runners.values()))
        return self._list()

    def known(self) -> tuple[model_pb2.Model, ...]:
        """All models as they were last known."""
        return self._list().models

    async def get(self, model_id: str) -> model_pb2.Model:
        """The model with this id or alias, listed or not. Raises NotFoundError (MODEL_NOT_FOUND)."""
        info = await self.models()
        for model in info.models:
            if model.id == model_id:
                return model
        model = self._unlisted(model_id)
        if model is None:
            raise _not_found(model_id)
        return model

    async def look_up(self, model_id: str) -> None:
        """Sees to it that `resolve` and `admit` know the model (empty: the default one), as far as it can be known soon."""
        if not model_id and not self._configured:
            if not self._default():
                await self.models()
            return
        for target in self._aliases.get(model_id or self._configured, (model_id or self._configured,)):
            prefix, _, name = target.partition("/")
            runner = self._runners.get(prefix)
            if runner is not None and runner.knows(name) is not True:
                await runner.info()

    def resolve(self, model_id: str) -> Route:
        """Who answers for a model's id or an alias. Empty means the default model.

        This looks at names only: `Route.admit` refuses a model that its runner does not have. Without a configured
        default, empty works once some runner was looked at (`look_up`, `models`). Raises NotFoundError (MODEL_NOT_FOUND).
        """
        wanted = model_id or self._default()
        targets = self._aliases.get(wanted, (wanted,))
        candidates: dict[str, Candidate] = {}
        for target in targets:
            for candidate in self._candidates(target):
                candidates.setdefault(candidate.model, candidate)
        if not candidates:
            raise _not_found(wanted)
        return Route(wanted, list(candidates.values()))

    async def default_model(self) -> str:
        """The id of the model that new conversations start with; empty when there is no model at all."""
        await self.models()
        return self._default()

    async def aclose(self) -> None:
        """Closes the runners, all of them even when one fails; then raises what failed. What still runs is ended."""
        retiring = dict(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        runners = [*self._runners.values(), *retiring.values()]
        outcomes = await asyncio.gather(*(runner.aclose() for runner in runners), return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        if failures:
            message = "closing the runners failed"
            raise ExceptionGroup(message, failures)

    def _take(self, runners: Sequence[ManagedRunner], aliases: Iterable[runner_pb2.ModelAlias]) -> None:
        by_name = {runner.name: runner for runner in runners}
        if len(by_name) != len(runners):
            message = "two runners have the same name"
            raise ValueError(message)
        self._runners = by_name
        self._aliases = {alias.alias: tuple(alias.targets) for alias in aliases}
        for runner in runners:
            runner.on_change(self._changed)
        self._listing = None

    def _changed(self) -> None:
        self._listing = None
        for callback in self._callbacks:
            callback()

    def _candidates(self, target: str) -> Iterator[Candidate]:
        """The runner of an id, then those that may stand in for it: the next ones, from the first again after the last."""
        prefix, _, name = target.partition("/")
        runner = self._runners.get(prefix)
        if runner is None or not name:
            return
        yield Candidate(runner, name)
        if runner.options.fallback:
            runners = self.runners
            at = runners.index(runner)
            for other in runners[at + 1 :] + runners[:at]:
                if other.knows(name):
                    yield Candidate(other, name)

    def _default(self) -> str:
        return self._configured or next((model.id for model in self._list().models if model.default), "")

    def _list(self) -> RunnerInfo:
        """The listing from what is known, made anew when that has changed."""
        if self._listing is None:
            self._listing = self._make_list()
        return self._listing

    def _make_list(self) -> RunnerInfo:
        infos = [runner.known for runner in self._runners.values() if runner.known is not None]
        models = [_copy(model) for info in infos for model in info.models]
        by_id = {model.id: model for model in models}
        models += [self._describe(alias, targets, by_id) for alias, targets in self._aliases.items()]
        default = self._configured or first_choice(models)
        if default and all(model.id != default for model in models):
            unlisted = self._unlisted(default)
            if unlisted is not None:
                models.append(unlisted)
        for model in models:
            model.default = model.id == default
        can_answer = any(
            model.state == model_pb2.MODEL_STATE_READY and _chats(model) and (model.default or not model.hidden)
            for model in models
        )
        hints = " ".join(info.hint or info.problem for info in infos if info.hint or info.problem)
        return RunnerInfo(tuple(models), "" if can_answer else hints or NO_RUNNER_HINT)

    def _describe(self, alias: str, targets: Sequence[str], by_id: dict[str, model_pb2.Model]) -> model_pb2.Model:
        """An alias as a model: what its first target that is ready is."""
        found = [model for target in targets if (model := by_id.get(target) or self._unlisted(target)) is not None]
        ready = [model for model in found if model.state == model_pb2.MODEL_STATE_READY]
        described = model_pb2.Model()
        if found:
            described.CopyFrom((ready or found)[0])
        else:
            described.state = model_pb2.MODEL_STATE_UNAVAILABLE
            described.state_message = f"None of its models is there: {', '.join(targets)}."
        described.id = described.display_name = alias
        described.ClearField("description")
        described.hidden = False
        described.alias_of[:] = targets
        return described

    def _unlisted(self, model_id: str) -> model_pb2.Model | None:
        prefix, _, name = model_id.partition("/")
        runner = self._runners.get(prefix)
        if runner is not None and (listed := runner.listed(name)) is not None:
            other = _copy(listed)
            other.id, other.hidden = model_id, True
            return other
        info = runner.known if runner is not None else None
        if info is None or info.unlisted is None or info.unlisted.fullmatch(name) is None:
            return None
        return model_pb2.Model(
            id=model_id, display_name=name, runner=prefix, state=model_pb2.MODEL_STATE_READY, hidden=True
        )


async def _retire(runner: ManagedRunner) -> None:
    """Lets what runs come to its end. A failure to close is nobody's to handle, and so it is only told to the log."""
    await runner.drain()
    try:
        await runner.aclose()
    except Exception:
        logger.exception("Closing the runner %s failed", runner.name)


def _chats(model: model_pb2.Model) -> bool:
    return not model.tasks or any(
        task in (model_pb2.MODEL_TASK_CHAT, model_pb2.MODEL_TASK_UNSPECIFIED) for task in model.tasks
    )


def first_choice(models: Sequence[model_pb2.Model]) -> str:
    """The id of the model to start with among these: the first that is ready, else the first; "" for none."""
    visible = [model for model in models if not model.hidden and not model.alias_of and _chats(model)]
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

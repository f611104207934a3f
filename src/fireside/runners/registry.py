"""The runners of a server while it runs: made from what is defined anywhere, changed through the API. Not who answers.

It gives the catalog its runners. What did not change keeps its connections, its queue and its health; answers that are
being written end with the runner that they started with.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from fireside.core.errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
    FieldViolation,
    InvalidArgumentError,
    NotFoundError,
    UnavailableError,
)
from fireside.gen.v1 import runner_pb2
from fireside.runners.definition import Definition, built_in, from_declared, from_saved, merged, merged_aliases
from fireside.runners.making import Defaults, Maker, Recipe
from fireside.runners.spec_rules import checked_secret, checked_spec, refuse_new_hosts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

    from fireside.gen.v1 import model_pb2
    from fireside.runners.catalog import Catalog
    from fireside.runners.declared import DeclaredAlias, DeclaredRunner
    from fireside.runners.managed.runner import ManagedRunner
    from fireside.runners.ollama.pull import PullProgress
    from fireside.runners.sealing import Sealer

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Looked at now and then besides being told, because a note may be lost without anybody knowing: the process that wrote may
# die between the commit and its notes (SQLite), and where the folder takes no sockets nobody is told anything. Without it
# a runner that was removed would be used until the next change. What is read is a few rows.
_POLL_SECONDS = 15.0
# What the store's shelf tells other processes, and what the store says when it may have missed something.
_TOPICS = ("runners", "")
_DISPLAY_NAMES = {"local": "Embedded model", "scripted": "Scripted (for tests)"}


class Shelved(Protocol):
    """What a shelf holds: runners with their sealed secrets, the order of names, aliases."""

    @property
    def runners(self) -> Sequence[tuple[runner_pb2.Runner, bytes | None]]: ...  # noqa: D102 - said above
    @property
    def order(self) -> Sequence[str]: ...  # noqa: D102 - said above
    @property
    def aliases(self) -> Sequence[runner_pb2.ModelAlias]: ...  # noqa: D102 - said above


class Shelf(Protocol):
    """Where runners that were made through the API are kept. The server's is store.runner_shelf, which says more."""

    @property
    def shared(self) -> bool: ...  # noqa: D102 - said there
    async def read(self) -> Shelved: ...  # noqa: D102 - said there
    async def insert(self, spec: runner_pb2.RunnerSpec, secret: bytes | None) -> runner_pb2.Runner: ...  # noqa: D102
    async def update(self, spec: runner_pb2.RunnerSpec, secret: bytes | None, etag: str) -> runner_pb2.Runner: ...  # noqa: D102
    async def delete(self, name: str) -> bool: ...  # noqa: D102 - said there
    async def reorder(self, names: Sequence[str]) -> None: ...  # noqa: D102 - said there
    async def put_alias(self, alias: runner_pb2.ModelAlias) -> None: ...  # noqa: D102 - said there
    async def delete_alias(self, alias: str) -> bool: ...  # noqa: D102 - said there


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryOptions:
    """What the settings say of runners."""

    declared: tuple[DeclaredRunner, ...] = ()
    aliases: tuple[DeclaredAlias, ...] = ()
    defaults: Defaults = field(default_factory=Defaults)


@dataclass(slots=True)
class _Entry:
    """A runner that there is. `managed` is None while it is switched off."""

    definition: Definition
    recipe: Recipe | None
    managed: ManagedRunner | None


class Registry:
    """All runners by name. Made, then `open`ed; `aclose` before the catalog."""

    def __init__(self, catalog: Catalog, shelf: Shelf, sealer: Sealer, options: RegistryOptions) -> None:
        """What the catalog has already is part of the server. It owns what it is given."""
        self._catalog = catalog
        self._shelf = shelf
        self._maker = Maker(sealer, options.defaults)
        self._options = options
        self._built_ins = {runner.name: runner for runner in catalog.runners}
        fallback = options.defaults.managed.fallback
        self._fixed = [
            *(built_in(name, _DISPLAY_NAMES.get(name, name)) for name in self._built_ins),
            *(from_declared(item, fallback=fallback) for item in options.declared),
        ]
        self._entries: dict[str, _Entry] = {}
        self._aliases: list[runner_pb2.ModelAlias] = []
        self._lock = asyncio.Lock()
        self._told = asyncio.Event()
        self._changing: set[asyncio.Task[Any]] = set()
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Makes the runners. Connects to none of them."""
        async with self._lock:
            await self._reload()
        for entry in self._entries.values():
            if told := entry.definition.note or (entry.recipe.problem if entry.recipe else ""):
                logger.warning("Runner %s: %s", entry.definition.name, told)
        if self._shelf.shared:
            self._watching = asyncio.create_task(self._watch_forever(), name="watch runners")

    async def aclose(self) -> None:
        """Lets changes that were begun end, and hears of no others. The runners are the catalog's to close."""
        await asyncio.gather(*self._changing, return_exceptions=True)
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    def heard(self, topic: str) -> None:
        """Another process has told of a change of `topic`, or what it told may be lost."""
        if topic in _TOPICS:
            self._told.set()

    async def runners(self) -> list[runner_pb2.Runner]:
        """All runners in their order, with how they are."""
        entries = list(self._entries.values())
        await _looked_at(entries)
        return [_shown(entry) for entry in entries]

    async def runner(self, name: str) -> tuple[runner_pb2.Runner, Sequence[model_pb2.Model]]:
        """A runner, and the models that it offers. Raises NotFoundError (RUNNER_NOT_FOUND)."""
        entry = self._entry(name)
        await _looked_at([entry])
        known = entry.managed.known if entry.managed is not None else None
        return _shown(entry), known.models if known is not None else ()

    async def create(self, spec: runner_pb2.RunnerSpec, secret: str) -> runner_pb2.Runner:
        """Adds a runner. Raises InvalidArgumentError, AlreadyExistsError (RUNNER_EXISTS)."""
        spec, secret = checked_spec(spec, self._options.defaults.reach), checked_secret(secret)

        async def change() -> None:
            if spec.name in self._entries:
                raise AlreadyExistsError("RUNNER_EXISTS", f"There is a runner named {spec.name}: take another name.")
            await self._shelf.insert(spec, self._maker.seal(spec.name, secret))

        await self._change(change)
        return (await self.runner(spec.name))[0]

    async def update(self, spec: runner_pb2.RunnerSpec, secret: str | None, etag: str) -> runner_pb2.Runner:
        """Replaces a runner's spec, and its secret unless that is None.

        Raises InvalidArgumentError (SECRET_REQUIRED and others), NotFoundError, FailedPreconditionError
        (RUNNER_NOT_EDITABLE), AbortedError (STALE_ETAG).
        """
        spec = checked_spec(spec, self._options.defaults.reach)

        async def change() -> None:
            present = self._editable(spec.name)
            if etag and etag != present.runner.etag:
                raise AbortedError("STALE_ETAG", "The runner has changed; read it again.", runner=spec.name)
            if secret is None:
                refuse_new_hosts(spec, present)
                sealed = present.sealed
            else:
                sealed = self._maker.seal(spec.name, checked_secret(secret))
            # What the rules were checked against is what is replaced, whichever process writes meanwhile.
            await self._shelf.update(spec, sealed, present.runner.etag)

        await self._change(change)
        return (await self.runner(spec.name))[0]

    async def delete(self, name: str) -> None:
        """Removes a runner. Raises NotFoundError, FailedPreconditionError (RUNNER_NOT_EDITABLE)."""

        async def change() -> None:
            self._editable(name)
            await self._shelf.delete(name)

        await self._change(change)

    async def reorder(self, names: Sequence[str]) -> list[runner_pb2.Runner]:
        """Sets the order of all runners. Raises InvalidArgumentError if the names are not exactly theirs."""

        async def change() -> None:
            if sorted(names) != sorted(self._entries):
                text = "expected the name of each runner once: " + ", ".join(self._entries)
                violation = FieldViolation("names", text)
                raise InvalidArgumentError("NOT_ALL_RUNNERS", f"names: {text}", violations=(violation,))
            await self._shelf.reorder(names)

        await self._change(change)
        return await self.runners()

    async def test(
        self, spec: runner_pb2.RunnerSpec, secret: str | None
    ) -> tuple[runner_pb2.RunnerStatus, Sequence[model_pb2.Model]]:
        """Tries a runner that is not kept. Raises InvalidArgumentError as `create` and `update` do."""
        spec = checked_spec(spec, self._options.defaults.reach)
        present = self._entries.get(spec.name)
        definition = Definition(runner=runner_pb2.Runner(spec=spec), secret=checked_secret(secret or ""))
        if secret is None and present is not None:
            refuse_new_hosts(spec, present.definition)
            definition = replace(definition, secret=present.definition.secret, sealed=present.definition.sealed)
        options = replace(self._maker.options(spec), check_interval=0.0)
        runner = self._maker.make(self._maker.recipe(definition), options)
        try:
            info = await runner.check()
            return runner.status(), info.models
        finally:
            await runner.aclose()

    async def pull(self, name: str, model: str) -> AsyncGenerator[PullProgress]:
        """Lets a runner download a model. Raises NotFoundError, FailedPreconditionError (PULL_NOT_SUPPORTED)."""
        entry = self._entry(name)
        managed = entry.managed
        if entry.recipe is not None and entry.recipe.problem:
            raise UnavailableError("RUNNER_UNAVAILABLE", entry.recipe.problem, runner=name)
        puller: Callable[[str], AsyncGenerator[PullProgress]] | None = getattr(managed and managed.runner, "pull", None)
        if managed is None or puller is None:
            reason = "is switched off" if managed is None else "downloads no models: get them where it runs"
            raise FailedPreconditionError("PULL_NOT_SUPPORTED", f"The runner {name} {reason}.", runner=name)
        async with aclosing(puller(model)) as reports:
            async for report in reports:
                yield report
        await managed.check()

    def aliases(self) -> list[runner_pb2.ModelAlias]:
        """All aliases by name."""
        return self._aliases

    async def set_alias(self, alias: runner_pb2.ModelAlias) -> runner_pb2.ModelAlias:
        """Makes or replaces an alias. Raises FailedPreconditionError (ALIAS_NOT_EDITABLE)."""
        self._refuse_fixed_alias(alias.alias)
        await self._change(lambda: self._shelf.put_alias(alias))
        return runner_pb2.ModelAlias(alias=alias.alias, targets=alias.targets, source=runner_pb2.RUNNER_SOURCE_API)

    async def delete_alias(self, alias: str) -> None:
        """Removes an alias. Raises NotFoundError (ALIAS_NOT_FOUND), FailedPreconditionError (ALIAS_NOT_EDITABLE)."""
        self._refuse_fixed_alias(alias)
        if not await self._change(lambda: self._shelf.delete_alias(alias)):
            raise NotFoundError("ALIAS_NOT_FOUND", "There is no such alias.", alias=alias)

    def _entry(self, name: str) -> _Entry:
        entry = self._entries.get(name)
        if entry is None:
            raise NotFoundError("RUNNER_NOT_FOUND", f"There is no runner named {name!r}.", runner=name)
        return entry

    def _editable(self, name: str) -> Definition:
        definition = self._entry(name).definition
        if definition.runner.source != runner_pb2.RUNNER_SOURCE_API:
            raise FailedPreconditionError(
                "RUNNER_NOT_EDITABLE",
                f"The runner {name} was set up in {definition.where}: change it there.",
                runner=name,
                where=definition.where,
            )
        return definition

    def _refuse_fixed_alias(self, alias: str) -> None:
        fixed = next((item for item in self._options.aliases if item.alias == alias), None)
        if fixed is not None:
            text = f"The alias {alias} was set up in {fixed.where}: change it there."
            raise FailedPreconditionError("ALIAS_NOT_EDITABLE", text, alias=alias, where=fixed.where)

    async def _change(self, change: Callable[[], Coroutine[object, None, T]]) -> T:
        """Runs a change of what is stored, on what is stored now, and makes it true here.

        It runs to its end even when its caller goes, so that what is stored and what is used stay the same.
        """

        async def locked() -> T:
            async with self._lock:
                await self._reload()
                result = await change()
                await self._reload()
                return result

        task = asyncio.create_task(locked(), name="change runners")
        self._changing.add(task)
        task.add_done_callback(self._changed)
        return await asyncio.shield(task)

    def _changed(self, task: asyncio.Task[object]) -> None:
        self._changing.discard(task)
        if not task.cancelled():
            task.exception()  # its caller has it, or has gone

    async def _reload(self) -> None:
        """Makes what is there what is defined. Under the lock."""
        shelved = await self._shelf.read()
        saved = [from_saved(runner, sealed) for runner, sealed in shelved.runners]
        definitions = merged([*self._fixed, *saved], shelved.order)
        aliases = merged_aliases(self._options.aliases, shelved.aliases)
        entries = {item.name: self._updated(item, self._entries.get(item.name)) for item in definitions}
        managed = [entry.managed for entry in entries.values() if entry.managed is not None]
        unchanged = managed == list(self._catalog.runners) and aliases == self._aliases
        self._entries, self._aliases = entries, aliases
        if not unchanged:
            await self._catalog.replace(managed, aliases)

    def _updated(self, definition: Definition, present: _Entry | None) -> _Entry:
        """The entry of a definition: with the present runner if it would be made the same way."""
        own = self._built_ins.get(definition.name)
        if own is not None or definition.runner.spec.disabled:
            return _Entry(definition, None, own)
        recipe, options = self._maker.recipe(definition), self._maker.options(definition.runner.spec)
        if present is not None and present.managed is not None and present.recipe == recipe:
            # How it is called and how patient one is with it needs no other connections.
            present.managed.options = options
            return _Entry(definition, recipe, present.managed)
        return _Entry(definition, recipe, self._maker.make(recipe, options))

    async def _watch_forever(self) -> None:
        """Follows what other processes change: when told, and now and then in case that was lost."""
        while True:
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._told.wait()
            except TimeoutError:
                pass
            self._told.clear()
            try:
                async with self._lock:
                    await self._reload()
            except UnavailableError as error:
                logger.warning("Reading the runners again failed: %s", error)
            except Exception:  # a defect must not end the watch
                logger.exception("Reading the runners again failed")


async def _looked_at(entries: Sequence[_Entry]) -> None:
    """Has each runner been looked at lately, as far as that goes in about a second."""
    await asyncio.gather(*(entry.managed.info() for entry in entries if entry.managed is not None))


def _shown(entry: _Entry) -> runner_pb2.Runner:
    """The runner with its status, as a message of its own."""
    shown = runner_pb2.Runner()
    shown.CopyFrom(entry.definition.runner)
    if entry.managed is None:
        shown.status.health = runner_pb2.RUNNER_HEALTH_DISABLED
    else:
        shown.status.CopyFrom(entry.managed.status())
    if entry.definition.note:
        if shown.status.health == runner_pb2.RUNNER_HEALTH_OK:
            shown.status.health = runner_pb2.RUNNER_HEALTH_DEGRADED
        shown.status.message = f"{shown.status.message} {entry.definition.note}".strip()
    return shown

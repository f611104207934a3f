"""What groups say of models and limits, kept in memory, because it is asked for with each answer. Groups themselves: groups.py."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from fireside.gen.v1 import account_pb2
from fireside.store import groups

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fireside.core.principal import Principal
    from fireside.gen.v1.group_pb2 import Group
    from fireside.gen.v1.model_pb2 import Model
    from fireside.identity.changes import Changes
    from fireside.store.db import Database

logger = logging.getLogger(__name__)


class GroupRules:
    """The rules of all groups. `open` before use."""

    def __init__(self, db: Database, changes: Changes) -> None:
        self._db = db
        self._changes = changes
        self._groups: Mapping[str, Group] = {}
        # Which groups each pattern is for, split into whole ids and beginnings.
        self._ids: dict[str, set[str]] = {}
        self._prefixes: dict[str, set[str]] = {}
        self._reloading: asyncio.Task[None] | None = None
        self._again = False
        self._listeners: list[Callable[[str], None]] = []

    async def open(self) -> None:
        """Reads the groups, and again whenever they change."""
        await self._load()
        self._changes.listen(self._heard)

    async def aclose(self) -> None:
        """Reads no more."""
        if self._reloading is not None:
            self._reloading.cancel()
            await asyncio.gather(self._reloading, return_exceptions=True)

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Calls `listener` with an account that may use other models now, perhaps; empty for all accounts."""
        self._listeners.append(listener)

    def groups_of(self, principal: Principal) -> list[Group]:
        """The principal's groups."""
        return [group for group_id in principal.groups if (group := self._groups.get(group_id)) is not None]

    def may_use(self, principal: Principal, model_id: str) -> bool:
        """Whether no group has the model for itself, or one of the principal's has. Admins may use every model."""
        if not self._restricts:
            return True
        if principal.role == account_pb2.ACCOUNT_ROLE_ADMIN:
            return True
        model_id = _plain(model_id)
        holders = set(self._ids.get(model_id, ()))
        for prefix, some in self._prefixes.items():
            if model_id.startswith(prefix):
                holders |= some
        return not holders or bool(holders & principal.groups)

    def guards(self, principal: Principal, runner: str) -> bool:
        """Whether some model of the runner may be kept from the principal: then a name that nobody knows is as well."""
        prefix = _plain(f"{runner}/")
        patterns = (*self._ids, *self._prefixes)
        concerned = any(pattern.startswith(prefix) or prefix.startswith(pattern) for pattern in patterns)
        return concerned and principal.role != account_pb2.ACCOUNT_ROLE_ADMIN

    def visible(self, principal: Principal, models: Sequence[Model]) -> list[Model]:
        """The models that the principal may use."""
        return [model for model in models if self.may_use(principal, model.id)]

    def _heard(self, account_id: str) -> None:
        if account_id:  # one account's own change is no group's, but it may have moved
            if self._restricts:
                self._tell(account_id)
            return
        if self._reloading is not None and not self._reloading.done():
            self._again = True
            return
        self._reloading = asyncio.create_task(self._reload(), name="read the rules of groups again")

    async def _reload(self) -> None:
        while True:
            self._again = False
            restricted = self._restricts
            try:
                await self._load()
                # Only now: whoever is told asks what there is.
                if restricted or self._restricts:
                    self._tell("")
            except Exception:  # the store may be away for a while; what is known goes on
                logger.exception("The rules of groups could not be read again; the known ones are kept")
            if not self._again:
                return

    @property
    def _restricts(self) -> bool:
        return bool(self._ids or self._prefixes)

    def _tell(self, account_id: str) -> None:
        for listener in self._listeners:
            listener(account_id)

    async def _load(self) -> None:
        found = await self._db.read(groups.every)
        ids: dict[str, set[str]] = {}
        prefixes: dict[str, set[str]] = {}
        for group in found:
            for pattern in group.models:
                if pattern.endswith("*"):
                    prefixes.setdefault(pattern[:-1].casefold(), set()).add(group.id)
                else:
                    ids.setdefault(_plain(pattern), set()).add(group.id)
        self._groups = {group.id: group for group in found}
        self._ids, self._prefixes = ids, prefixes


def _plain(model_id: str) -> str:
    """The same for all ways to write a model's name that a backend takes for one: Ollama's, for all we know of."""
    return model_id.casefold().removesuffix(":latest")

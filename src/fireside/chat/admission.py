"""Which models a person may use, who answers for them, and whether the person's limits let them ask. No queue: runners/.

Without rules and limits (a server with one account) everything is allowed and nothing is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.errors import NotFoundError
from fireside.runners.base import RunnerInfo
from fireside.runners.catalog import first_choice
from fireside.runners.route import Route

if TYPE_CHECKING:
    from fireside.core.principal import Principal
    from fireside.gen.v1.message_pb2 import Usage
    from fireside.gen.v1.model_pb2 import Model
    from fireside.identity.group_rules import GroupRules
    from fireside.identity.limits import Limits
    from fireside.runners.catalog import Catalog
    from fireside.runners.route import Candidate


class Admission:
    """The catalog of models as one account sees it."""

    def __init__(self, catalog: Catalog, rules: GroupRules | None = None, limits: Limits | None = None) -> None:
        self._catalog = catalog
        self._rules = rules
        self._limits = limits

    @property
    def catalog(self) -> Catalog:
        """The models as the server has them."""
        return self._catalog

    async def models(self, principal: Principal) -> RunnerInfo:
        """The models that the principal may use; one of them is the default, if any can answer."""
        info = await self._catalog.models()
        found = tuple(model for model in info.models if self._sees(principal, model))
        if len(found) == len(info.models):
            return info
        if not any(model.default for model in found):
            choice = first_choice(found)
            found = tuple(_as_default(model) if model.id == choice else model for model in found)
        return RunnerInfo(found, info.hint)

    async def get(self, principal: Principal, model_id: str) -> Model:
        """One model. Raises NotFoundError (MODEL_NOT_FOUND), also for one that the principal may not use."""
        model = await self._catalog.get(model_id)
        if not self._sees(principal, model):
            raise _not_found(model_id)
        return model

    async def prepare(self, principal: Principal, model_id: str) -> None:
        """Sees to it that `admit` knows what it needs, as far as it can be known soon."""
        await self._catalog.look_up(model_id)
        if self._limits is not None:
            await self._limits.prepare(principal)

    def admit(self, principal: Principal, wanted: str) -> str:
        """The model for a wanted one (empty: the default), with one more message counted for the principal.

        Raises NotFoundError, ResourceExhaustedError (the principal's limits, or the runner's queue), UnavailableError.
        """
        route = self.route(principal, wanted)
        route.admit(principal.id)
        if self._limits is not None:
            self._limits.admit(principal)
        return route.model

    def route(self, principal: Principal, wanted: str) -> Route:
        """Who may answer the principal. Raises NotFoundError."""
        route = self._catalog.resolve(wanted)
        if self._rules is None:
            return route
        # Nobody gets behind an alias, or by standing in, what they may not use by its own name.
        candidates = [item for item in route.candidates if self._may_ask(principal, item)]
        if candidates and self._may(principal, route.model):
            return Route(route.model, candidates)
        if not wanted and (choice := first_choice([m for m in self._catalog.known() if self._sees(principal, m)])):
            return self.route(principal, choice)
        raise _not_found(wanted)

    def spend(self, account: str, usage: Usage) -> None:
        """Counts the tokens of an answer that has ended."""
        if self._limits is not None:
            self._limits.spend(account, usage.prompt_tokens + usage.completion_tokens)

    def _sees(self, principal: Principal, model: Model) -> bool:
        return self._may(principal, model.id) and (
            not model.alias_of or any(self._may(principal, target) for target in model.alias_of)
        )

    def _may_ask(self, principal: Principal, candidate: Candidate) -> bool:
        # What a backend that nobody has looked at yet takes a name for cannot be known.
        unknown = candidate.runner.knows(candidate.name) is None
        if self._rules is not None and unknown and self._rules.guards(principal, candidate.runner.name):
            return False
        return self._may(principal, candidate.model)

    def _may(self, principal: Principal, model_id: str) -> bool:
        return self._rules is None or self._rules.may_use(principal, model_id)


def _as_default(model: Model) -> Model:
    copy = type(model)()
    copy.CopyFrom(model)
    copy.default = True
    return copy


def _not_found(model_id: str) -> NotFoundError:
    if not model_id:
        return NotFoundError("MODEL_NOT_FOUND", "There is no model that you may use. Ask an admin for one.")
    return NotFoundError(
        "MODEL_NOT_FOUND", f"There is no model named {model_id!r}. Pick one of those that are listed.", model=model_id
    )

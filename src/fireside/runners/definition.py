"""What runners there are to be, from all sources, decided without doing anything: the registry makes them.

Of runners with one name, the file's wins over the environment's, and that over the one that was made through the API:
who operates the server has the last word, and the file says more than a variable that may be there for other programs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from google.protobuf.duration_pb2 import Duration

from fireside.gen.v1 import runner_pb2
from fireside.runners.backends import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fireside.runners.declared import DeclaredAlias, DeclaredRunner

# Who comes first where no order was set: what somebody set up, then what everybody has, then what was added later.
_RANK = (
    runner_pb2.RUNNER_SOURCE_FILE,
    runner_pb2.RUNNER_SOURCE_ENVIRONMENT,
    runner_pb2.RUNNER_SOURCE_BUILT_IN,
    runner_pb2.RUNNER_SOURCE_API,
)
# Who wins over whom.
_POWER = (
    runner_pb2.RUNNER_SOURCE_BUILT_IN,
    runner_pb2.RUNNER_SOURCE_FILE,
    runner_pb2.RUNNER_SOURCE_ENVIRONMENT,
    runner_pb2.RUNNER_SOURCE_API,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One runner to be. `runner` has no status. The secret is here in the clear, or sealed as the store has it."""

    runner: runner_pb2.Runner
    secret: str = field(default="", repr=False)
    sealed: bytes | None = field(default=None, repr=False)
    where: str = ""
    """Where it was set up, for people."""

    note: str = ""
    """What is wrong with how it was set up, though it works."""

    @property
    def name(self) -> str:
        """The runner's."""
        return self.runner.spec.name


def built_in(name: str, display_name: str) -> Definition:
    """The definition of a runner that is part of the server."""
    spec = runner_pb2.RunnerSpec(name=name, kind=runner_pb2.RUNNER_KIND_BUILT_IN, display_name=display_name)
    runner = runner_pb2.Runner(spec=spec, source=runner_pb2.RUNNER_SOURCE_BUILT_IN)
    return Definition(runner=runner, where="the server itself")


def from_declared(declared: DeclaredRunner, *, fallback: bool) -> Definition:
    """The definition of a runner of the file or the environment. `fallback` holds where it does not say."""
    spec = runner_pb2.RunnerSpec(
        name=declared.name,
        kind=KINDS[declared.kind],
        display_name=declared.display_name,
        addresses=declared.addresses,
        disabled=declared.disabled,
        models=declared.models,
        fallback=fallback if declared.fallback is None else declared.fallback,
        keep_alive=declared.keep_alive,
    )
    for name, seconds in (
        ("connect", declared.connect_timeout),
        ("first_token", declared.first_token_timeout),
        ("between_tokens", declared.between_tokens_timeout),
        ("total", declared.total_timeout),
    ):
        if seconds is not None:
            getattr(spec.timeouts, name).CopyFrom(_duration(seconds))
    if declared.concurrency is not None:
        spec.limits.concurrency = declared.concurrency
    if declared.queue_length is not None:
        spec.limits.queue_length = declared.queue_length
    if declared.queue_wait is not None:
        spec.limits.queue_wait.CopyFrom(_duration(declared.queue_wait))
    source = runner_pb2.RUNNER_SOURCE_FILE if declared.in_file else runner_pb2.RUNNER_SOURCE_ENVIRONMENT
    runner = runner_pb2.Runner(spec=spec, source=source, has_secret=bool(declared.api_key))
    return Definition(runner=runner, secret=declared.api_key, where=declared.where)


def from_saved(runner: runner_pb2.Runner, sealed: bytes | None) -> Definition:
    """The definition of a runner that was made through the API."""
    return Definition(runner=runner, sealed=sealed, where="the settings screen")


def merged(definitions: Iterable[Definition], order: Sequence[str]) -> list[Definition]:
    """One definition for each name, in their order; `order` may lack names and have others. Losers become notes."""
    winners: dict[str, Definition] = {}
    for definition in sorted(definitions, key=lambda item: _POWER.index(item.runner.source)):
        winner = winners.setdefault(definition.name, definition)
        if winner is not definition:
            note = (
                f"{definition.where} has another runner named {definition.name}, which is not used: "
                "give one of them another name."
            )
            winners[definition.name] = replace(winner, note=f"{winner.note} {note}".strip())
    places = {name: place for place, name in enumerate(order)}
    last = len(places)
    return sorted(winners.values(), key=lambda item: (places.get(item.name, last), _RANK.index(item.runner.source)))


def merged_aliases(
    declared: Iterable[DeclaredAlias], saved: Iterable[runner_pb2.ModelAlias]
) -> list[runner_pb2.ModelAlias]:
    """All aliases by name; the file's win."""
    found = {alias.alias: alias for alias in saved}
    for item in declared:
        found[item.alias] = runner_pb2.ModelAlias(
            alias=item.alias, targets=item.targets, source=runner_pb2.RUNNER_SOURCE_FILE
        )
    return [found[name] for name in sorted(found)]


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(int(seconds * 1e9))
    return duration

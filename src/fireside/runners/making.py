"""From what is defined of a runner to a runner. Keeps none: equal recipes tell the registry that one need not be made again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fireside.core.errors import FailedPreconditionError, FiresideError
from fireside.gen.v1 import runner_pb2
from fireside.runners.backends import build
from fireside.runners.base import BackendOptions
from fireside.runners.broken import BrokenRunner
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner
from fireside.runners.reach import Reach
from fireside.runners.sealing import SecretKeyError, UnsealError

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

    from fireside.runners.definition import Definition
    from fireside.runners.sealing import Sealer

_PURPOSE = "runner secret"
# Whoever writes the settings, or the program, may have it call what it likes.
_OPERATORS = frozenset(
    (runner_pb2.RUNNER_SOURCE_BUILT_IN, runner_pb2.RUNNER_SOURCE_FILE, runner_pb2.RUNNER_SOURCE_ENVIRONMENT)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a runner takes that does not say otherwise. `connect_timeout` is in seconds; the rest as BackendOptions."""

    managed: ManagedOptions = field(default_factory=ManagedOptions)
    connect_timeout: float = 10.0
    max_message_length: int = 64 * 1024 * 1024
    keepalive_time: float = 30.0
    keepalive_timeout: float = 10.0
    reach: Reach = field(default_factory=Reach)
    """Where runners that people add may be."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a runner's connections and its queue are made from. `problem` says why none can be made."""

    kind: runner_pb2.RunnerKind
    backend: BackendOptions
    concurrency: int
    queue_length: int
    problem: str


class Maker:
    """Makes runners, with the server's defaults and its secret key."""

    def __init__(self, sealer: Sealer, defaults: Defaults) -> None:
        self._sealer = sealer
        self._defaults = defaults

    def seal(self, name: str, secret: str) -> bytes | None:
        """The secret of the runner of this name as it is stored. FailedPreconditionError: the key cannot be used."""
        try:
            return self._sealer.seal(_PURPOSE, name, secret) if secret else None
        except SecretKeyError as error:
            raise FailedPreconditionError("SECRET_KEY_UNUSABLE", str(error)) from error

    def recipe(self, definition: Definition) -> Recipe:
        """What to make. Never fails: what is wrong becomes a problem of the runner."""
        spec, secret, problem = definition.runner.spec, definition.secret, ""
        try:
            if definition.sealed is not None:
                secret = self._sealer.open(_PURPOSE, spec.name, definition.sealed)
        except UnsealError:
            problem = f"The API key of runner {spec.name} cannot be read with this server's secret key: enter it again."
        except SecretKeyError as error:
            problem = f"The API key of runner {spec.name} cannot be read. {error}"
        backend = BackendOptions(
            name=spec.name,
            addresses=tuple(spec.addresses),
            secret=secret,
            models=tuple(spec.models),
            keep_alive=spec.keep_alive,
            connect_timeout=_or(spec.timeouts, "connect", self._defaults.connect_timeout),
            max_message_length=self._defaults.max_message_length,
            keepalive_time=self._defaults.keepalive_time,
            keepalive_timeout=self._defaults.keepalive_timeout,
            reach=None if definition.runner.source in _OPERATORS else self._defaults.reach,
        )
        options = self.options(spec)
        return Recipe(spec.kind, backend, options.concurrency, options.queue_length, problem)

    def options(self, spec: runner_pb2.RunnerSpec) -> ManagedOptions:
        """How the runner is used."""
        defaults, limits = self._defaults.managed, spec.limits
        timeouts = replace(
            defaults.timeouts,
            first_token=_or(spec.timeouts, "first_token", defaults.timeouts.first_token),
            between_tokens=_or(spec.timeouts, "between_tokens", defaults.timeouts.between_tokens),
            total=_or(spec.timeouts, "total", defaults.timeouts.total),
        )
        return replace(
            defaults,
            concurrency=limits.concurrency if limits.HasField("concurrency") else defaults.concurrency,
            queue_length=limits.queue_length if limits.HasField("queue_length") else defaults.queue_length,
            queue_wait=_or(limits, "queue_wait", defaults.queue_wait),
            timeouts=timeouts,
            fallback=spec.fallback,
            display_name=spec.display_name,
        )

    def make(self, recipe: Recipe, options: ManagedOptions) -> ManagedRunner:
        """A runner that has not connected yet. What cannot be made becomes a runner that says so."""
        problem = recipe.problem
        if not problem:
            try:
                return ManagedRunner(build(recipe.kind, recipe.backend), options)
            except (
                ValueError,
                FiresideError,
                ImportError,
            ) as error:  # such as a kind of a newer version, in a database that it shares
                problem = f"The runner {recipe.backend.name} cannot be used by this version of Fireside: {error}."
        return ManagedRunner(BrokenRunner(recipe.backend.name, problem), options)


def _or(message: runner_pb2.RunnerTimeouts | runner_pb2.RunnerLimits, name: str, default: float) -> float:
    """A duration in seconds; the default where none is set."""
    if not message.HasField(name):  # pyright: ignore[reportArgumentType] - a name of both types
        return default
    duration: Duration = getattr(message, name)
    return duration.ToNanoseconds() / 1e9

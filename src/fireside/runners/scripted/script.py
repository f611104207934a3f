"""The grammar of a scripted model's name, and what a name comes to. The language is explained at the top of runner.py."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from fireside.core.errors import (
    FailedPreconditionError,
    FiresideError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)

KINDS: dict[str, tuple[type[FiresideError], str]] = {
    "unavailable": (UnavailableError, "RUNNER_UNAVAILABLE"),
    "connect-timeout": (UnavailableError, "RUNNER_CONNECT_TIMEOUT"),
    "died": (UnavailableError, "RUNNER_DIED"),
    "rate-limited": (ResourceExhaustedError, "RUNNER_RATE_LIMITED"),
    "refused": (InvalidArgumentError, "RUNNER_REFUSED"),
    "unauthorized": (FailedPreconditionError, "RUNNER_UNAUTHORIZED"),
    "too-long": (InvalidArgumentError, "PROMPT_TOO_LONG"),
    "not-found": (NotFoundError, "MODEL_NOT_FOUND"),
}
_COUNT = r"\d{1,7}"
_DURATION = r"\d{1,6}(?:\.\d{1,3})?(?:ms|s)"
_WHEN = rf"(?:start|after:{_COUNT})"
_KNOB = (
    rf"(?:(?:tokens|burst|reasoning|seed|times|embed)={_COUNT}|(?:pace|first|timeout)={_DURATION}"
    rf"|queue=(?:full|{_COUNT}(?::{_DURATION})?)|(?:fail|crash|hang)={_WHEN}|as=(?:{'|'.join(KINDS)})|at=[a-z0-9-]{{1,40}}"
    r"|echo|markdown|tool|limit|image)"
)
GRAMMAR = re.compile(rf"{_KNOB}(?:,{_KNOB})*")
_MOST_NUMBERS = 4096


@dataclass(frozen=True, slots=True)
class Script:
    """A model's name, parsed. Times are in seconds; `fail`, `crash` and `hang` count tokens, None for never."""

    tokens: int | None = None
    pace: float = 0.0
    first: float = 0.0
    queue: int = 0
    queue_step: float = 0.0
    queue_full: bool = False
    burst: int = 1
    reasoning: int = 0
    seed: int = 0
    echo: bool = False
    markdown: bool = False
    tool: bool = False
    limit: bool = False
    fail: int | None = None
    crash: int | None = None
    hang: int | None = None
    timeout: float | None = None
    kind: str = ""
    times: int | None = None
    at: str = ""
    image: bool = False
    embed: int | None = None


@functools.lru_cache(maxsize=256)
def parse(name: str) -> Script:
    """The script that a model's name spells. Raises NotFoundError (MODEL_NOT_FOUND)."""
    knobs = name.split(",")
    values = {key: value for key, _, value in (knob.partition("=") for knob in knobs)}
    if GRAMMAR.fullmatch(name) is None or len(values) != len(knobs):
        raise NotFoundError(
            "MODEL_NOT_FOUND", f"{name!r} is not a script: see the top of runners/scripted/runner.py.", model=name
        )
    place, _, step = values.get("queue", "0").partition(":")
    return Script(
        tokens=int(values["tokens"]) if "tokens" in values else None,
        pace=_seconds(values.get("pace", "")),
        first=_seconds(values.get("first", "")),
        queue=0 if place == "full" else int(place),
        queue_step=_seconds(step),
        queue_full=place == "full",
        burst=max(1, int(values.get("burst", "1"))),
        reasoning=int(values.get("reasoning", "0")),
        seed=int(values.get("seed", "0")),
        echo="echo" in values,
        markdown="markdown" in values,
        tool="tool" in values,
        limit="limit" in values,
        fail=_when(values.get("fail")),
        crash=_when(values.get("crash")),
        hang=_when(values.get("hang")),
        timeout=_seconds(values["timeout"]) if "timeout" in values else None,
        kind=values.get("as", ""),
        times=int(values["times"]) if "times" in values else None,
        at=values.get("at", ""),
        image="image" in values,
        embed=max(1, min(_MOST_NUMBERS, int(values["embed"]))) if "embed" in values else None,
    )


def _seconds(duration: str) -> float:
    if duration.endswith("ms"):
        return float(duration[:-2]) / 1000
    return float(duration[:-1]) if duration else 0.0


def _when(moment: str | None) -> int | None:
    if moment is None:
        return None
    return 0 if moment == "start" else int(moment.removeprefix("after:"))

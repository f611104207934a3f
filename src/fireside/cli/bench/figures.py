"""The figures that a benchmark reports, as plain data: percentiles and rows. Measures nothing and prints nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.cli.bench.tally import Tally

_CURVE_POINTS = 60


@dataclass(frozen=True, slots=True)
class Spread:
    """How values are spread, in milliseconds; all 0 for no values."""

    count: int = 0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0
    curve: tuple[float, ...] = ()
    """The values at evenly spaced shares from 0 to 1, for a plot."""


def spread(seconds: Sequence[float]) -> Spread:
    """Of values in seconds."""
    if not seconds:
        return Spread()
    ordered = sorted(seconds)
    last = len(ordered) - 1

    def at(share: float) -> float:
        return round(ordered[min(last, int(len(ordered) * share))] * 1000, 3)

    curve = tuple(at(step / _CURVE_POINTS) for step in range(_CURVE_POINTS + 1))
    return Spread(len(ordered), at(0.5), at(0.95), at(0.99), round(ordered[-1] * 1000, 3), curve)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process used while a step ran. Unknown for a process that cannot be looked at."""

    cpu_seconds: float
    rss_start: float
    """Resident memory in MB, of the process and its children."""

    rss_peak: float
    rss_end: float


@dataclass(frozen=True, slots=True)
class Row:
    """One step against one server. Times in milliseconds but `seconds`."""

    server: str
    protocol: str
    concurrency: int
    seconds: float
    answers: int
    left: int
    """Answers whose reader went away on purpose."""

    errors: int
    lost_tokens: int
    tokens: int
    ttft: Spread
    gap: Spread
    added: Spread
    """From the upstream's sending of a token to its arrival; empty where tokens carry no stamps."""

    whole: Spread
    """From the request to the end of the answer."""

    cost: Cost | None
    generator_cpu: float
    """Seconds of CPU that the load generator used."""

    upstream_cpu: float
    """Seconds of CPU that the scripted upstream used; 0 if there is none."""

    tokens_per_second: float
    """Tokens that arrived while all readers were busy: without the ramp at the start and the last answers."""

    error: str = ""
    """The first error."""

    @property
    def answers_per_second(self) -> float:
        """Answers that ended well, over the whole step."""
        return self.answers / self.seconds if self.seconds else 0.0

    @property
    def cpu_ms_per_answer(self) -> float | None:
        """The server's CPU for one answer, everything included."""
        answers = self.answers + self.left
        return self.cost.cpu_seconds * 1e3 / answers if self.cost and answers else None

    @property
    def memory_kib_per_reader(self) -> float | None:
        """The server's growth in memory while its readers were there, shared among them."""
        return (self.cost.rss_peak - self.cost.rss_start) * 1e6 / 1024 / self.concurrency if self.cost else None

    @property
    def cpu_us_per_token(self) -> float | None:
        """The server's CPU for one token, everything included."""
        return self.cost.cpu_seconds * 1e6 / self.tokens if self.cost and self.tokens else None


@dataclass(frozen=True, slots=True)
class Sample:
    """The server's memory at one moment."""

    seconds: float
    megabytes: float
    concurrency: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a step took: time, throughput, and CPU seconds of the processes that took part."""

    cost: Cost | None
    generator_cpu: float
    upstream_cpu: float
    seconds: float
    """How long the step took."""

    tokens_per_second: float


@dataclass(frozen=True, slots=True)
class Subject:
    """What was measured, for a row's first cells."""

    server: str
    protocol: str
    concurrency: int


def row_of(subject: Subject, tally: Tally, usage: Usage) -> Row:
    """The row of a step."""
    return Row(
        server=subject.server,
        protocol=subject.protocol,
        concurrency=subject.concurrency,
        seconds=round(usage.seconds, 3),
        answers=tally.ended,
        left=tally.left,
        errors=tally.failed,
        lost_tokens=tally.lost,
        tokens=tally.tokens,
        ttft=spread(tally.ttft),
        gap=spread(tally.gaps),
        added=spread(tally.late),
        whole=spread(tally.whole),
        cost=usage.cost,
        generator_cpu=round(usage.generator_cpu, 3),
        upstream_cpu=round(usage.upstream_cpu, 3),
        tokens_per_second=round(usage.tokens_per_second, 1),
        error=tally.error,
    )

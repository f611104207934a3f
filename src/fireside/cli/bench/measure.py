"""Runs the steps of a benchmark one after the other, watches the processes meanwhile, and makes the rows."""

from __future__ import annotations

import asyncio
import gc
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fireside.cli.bench.figures import Cost, Row, Sample, Subject, Usage, row_of
from fireside.cli.bench.load import Driver, Load
from fireside.cli.bench.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fireside.cli.bench.dialects import Dialect, Target
    from fireside.cli.bench.processes import Watched

_SAMPLE_SECONDS = 0.25
_SETTLE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Side:
    """A server that is measured, and how."""

    name: str
    target: Target
    dialect: Dialect
    watched: Watched | None
    expected: int
    """Tokens in a whole answer; 0 if it is not known."""

    stamped: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """How a step stands, for the progress line."""

    subject: Subject
    seconds: float
    left: float
    """Seconds until the last answers are started."""

    tokens_per_second: float
    answers: int
    errors: int


@dataclass(slots=True)
class Bench:
    """A benchmark under way."""

    upstream: Watched | None
    authority: Path | None
    patience: float
    """How long answers may take to end after the last one was started, in seconds."""

    tell: Callable[[Moment], None]
    rows: list[Row] = field(default_factory=list[Row])
    samples: list[Sample] = field(default_factory=list[Sample])
    """The memory of the server that is called `Fireside` or is the target, over all its steps."""

    begun: float = field(default_factory=time.monotonic)

    async def step(self, side: Side, load: Load, *, sampled: bool) -> Row:
        """Runs a step and adds its row. Raises OSError if there is no server."""
        tally = Tally(side.expected, side.stamped)
        subject = Subject(side.name, side.dialect.protocol.value, load.concurrency)
        driver = Driver(side.target, side.dialect, load, tally, self.authority)
        gc.collect()
        before = _Used.now(side.watched, self.upstream)
        watching = asyncio.create_task(self._watch(side, subject, load, tally, sampled=sampled))
        try:
            seconds = await driver.run(self.patience)
        finally:
            watching.cancel()
            progress = await watching
        after = _Used.now(side.watched, self.upstream)
        usage = Usage(
            cost=_cost(before, after, progress.peak) if side.watched else None,
            generator_cpu=after.own - before.own,
            upstream_cpu=after.upstream - before.upstream,
            seconds=seconds,
            tokens_per_second=progress.rate(load, tally.tokens, seconds),
        )
        self.rows.append(row_of(subject, tally, usage))
        # The server tidies up after its readers; the next step must not pay for that.
        await asyncio.sleep(_SETTLE_SECONDS)
        return self.rows[-1]

    async def _watch(self, side: Side, subject: Subject, load: Load, tally: Tally, *, sampled: bool) -> _Progress:
        """Looks at the step from time to time, until it is cancelled: that is its end."""
        progress = _Progress()
        begin = time.monotonic()
        try:
            while True:
                await asyncio.sleep(_SAMPLE_SECONDS)
                now = time.monotonic()
                progress.counts.append((now - begin, tally.tokens))
                if side.watched is not None:
                    rss = side.watched.rss()
                    progress.peak = max(progress.peak, rss)
                    if sampled:
                        self.samples.append(Sample(round(now - self.begun, 2), round(rss, 1), load.concurrency))
                left = max(0.0, load.ramp + load.seconds - (now - begin))
                self.tell(Moment(subject, now - begin, left, progress.latest(), tally.ended, tally.failed))
        except asyncio.CancelledError:
            return progress


@dataclass(slots=True)
class _Progress:
    """What was seen while a step ran."""

    peak: float = 0.0
    counts: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    """How many tokens had arrived after so many seconds."""

    def latest(self) -> float:
        """Tokens a second, over the last two seconds."""
        recent = self.counts[-8:]
        (first, had), (last, has) = recent[0], recent[-1]
        return (has - had) / (last - first) if last > first else 0.0

    def rate(self, load: Load, tokens: int, seconds: float) -> float:
        """Tokens a second while all readers were busy, or over the whole step when that was too short."""
        steady = [item for item in self.counts if load.ramp <= item[0] <= load.ramp + load.seconds]
        if load.answers is None and len(steady) > 1:
            (first, had), (last, has) = steady[0], steady[-1]
            return (has - had) / (last - first)
        return tokens / seconds if seconds else 0.0


@dataclass(frozen=True, slots=True)
class _Used:
    """CPU seconds and memory at one moment."""

    server: float
    rss: float
    upstream: float
    own: float

    @classmethod
    def now(cls, server: Watched | None, upstream: Watched | None) -> _Used:
        return cls(
            server.cpu() if server else 0.0,
            server.rss() if server else 0.0,
            upstream.cpu() if upstream else 0.0,
            time.process_time(),
        )


def _cost(before: _Used, after: _Used, peak: float) -> Cost:
    peak = max(peak, before.rss, after.rss)
    return Cost(round(after.server - before.server, 3), round(before.rss, 1), round(peak, 1), round(after.rss, 1))

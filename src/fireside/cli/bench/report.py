"""What a benchmark found, as Markdown and as JSON. The page with plots is made in page.py."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fireside import __version__

if TYPE_CHECKING:
    from fireside.cli.bench.figures import Row, Sample

_HEADINGS = (
    "server", "protocol", "readers", "answers", "errors", "lost", "tokens/s", "TTFT p50", "p95", "p99", "max",
    "gap p50", "p99", "added p50", "p99", "max", "CPU ms/answer", "CPU us/token", "RSS MB", "at the end",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """A finished benchmark."""

    title: str
    command: str
    machine: str
    time: str
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    samples: tuple[Sample, ...]


def machine() -> str:
    """The hardware and the software that it ran on."""
    model = platform.processor() or platform.machine()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    for line in text.splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    load = f", load {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    return f"{os.cpu_count()} cores of {model}, {platform.system()}, Python {platform.python_version()}{load}"


def now() -> str:
    """The time of day in UTC, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def header() -> str:
    """The first two lines of the table."""
    return f"| {' | '.join(_HEADINGS)} |\n|{'---|' * len(_HEADINGS)}"


def line(row: Row) -> str:
    """A row of the table. Times are in milliseconds."""
    per_answer, per_token = row.cpu_ms_per_answer, row.cpu_us_per_token
    stamped = row.added.count
    cells = (
        row.server, row.protocol, str(row.concurrency), str(row.answers), str(row.errors), str(row.lost_tokens),
        f"{row.tokens_per_second:,.0f}",
        f"{row.ttft.p50:.1f}", f"{row.ttft.p95:.1f}", f"{row.ttft.p99:.1f}", f"{row.ttft.max:.1f}",
        f"{row.gap.p50:.1f}", f"{row.gap.p99:.1f}",
        f"{row.added.p50:.1f}" if stamped else "", f"{row.added.p99:.1f}" if stamped else "",
        f"{row.added.max:.1f}" if stamped else "",
        "" if per_answer is None else f"{per_answer:.2f}", "" if per_token is None else f"{per_token:.1f}",
        f"{row.cost.rss_peak:.0f}" if row.cost else "", f"{row.cost.rss_end:.0f}" if row.cost else "",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def markdown(report: Report) -> str:
    """The whole report as a page."""
    parts = [
        f"# {report.title}",
        f"{report.time}, Fireside {__version__}. {report.machine}.",
        f"```sh\n{report.command}\n```",
        "\n".join([header(), *map(line, report.rows)]),
        "\n".join(f"- {note}" for note in [*report.notes, *_own_cost(report)]),
    ]
    errors = [f"- {row.server}, {row.concurrency} readers: {row.error}" for row in report.rows if row.error]
    if errors:
        parts.append("First errors:\n\n" + "\n".join(errors))
    return "\n\n".join(parts) + "\n"


def _own_cost(report: Report) -> list[str]:
    """What the tool itself used: it shares the machine with what it measures."""
    tokens = sum(row.tokens for row in report.rows)
    if not tokens:
        return []
    generator = sum(row.generator_cpu for row in report.rows) / tokens * 1e6
    upstream = sum(row.upstream_cpu for row in report.rows) / tokens * 1e6
    text = f"The load generator used {generator:.1f} us of CPU a token"
    return [f"{text}, the scripted upstream {upstream:.1f} us." if upstream else f"{text}."]


def as_json(report: Report) -> str:
    """The whole report as data."""
    rows = [
        asdict(row)
        | {
            "answers_per_second": row.answers_per_second,
            "cpu_ms_per_answer": row.cpu_ms_per_answer,
            "cpu_us_per_token": row.cpu_us_per_token,
            "memory_kib_per_reader": row.memory_kib_per_reader,
        }
        for row in report.rows
    ]
    return json.dumps(asdict(report) | {"version": __version__, "rows": rows}, indent=1) + "\n"

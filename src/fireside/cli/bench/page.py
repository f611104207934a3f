"""The report as one HTML page with plots. It asks for nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from fireside import __version__
from fireside.cli.bench.plots import Axis, Series, plot
from fireside.cli.bench.report import header, line

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.cli.bench.figures import Row, Spread
    from fireside.cli.bench.report import Report

_STYLE = """
:root { color-scheme: light dark; --ink: #1d1a17; --paper: #fdfbf8; --soft: #6d655c; --line: #e4ddd3; }
@media (prefers-color-scheme: dark) { :root { --ink: #ece7e0; --paper: #191613; --soft: #a39a8f; --line: #38322b; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 1220px; padding: 0 1rem; }
h1, h2 { font-weight: 600; line-height: 1.2; } h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
.about { color: var(--soft); } code { overflow-wrap: anywhere; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 1.5rem; }
section { border: 1px solid var(--line); border-radius: 10px; padding: 1rem; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font-size: 11px; text-anchor: middle; }
svg text.left { text-anchor: end; } .grid { stroke: var(--line); } .line { fill: none; stroke-width: 2; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: .5rem 0 0; padding: 0; font-size: 13px; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; }
.wide { overflow-x: auto; margin: 1.5rem 0; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
"""
_PALETTE = ("#c2410c", "#0f766e", "#4f46e5", "#a16207", "#be185d", "#0369a1", "#4d7c0f", "#7c3aed")
_MOST_LINES = 8


def page(report: Report) -> str:
    """The whole page."""
    colours = "".join(
        f".c{number} {{ stroke: {colour}; }} .dot.c{number} {{ fill: {colour}; }} .k{number} {{ background: {colour}; }}\n"
        for number, colour in enumerate(_PALETTE)
    )
    plots = "".join(f"<section><h2>{escape(title)}</h2>{drawn}</section>" for title, drawn in _plots(report))
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    errors = "".join(
        f"<li>{escape(row.server)}, {row.concurrency} readers: {escape(row.error)}</li>"
        for row in report.rows
        if row.error
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(report.title)}: Fireside benchmark</title>\n<style>{_STYLE}{colours}</style>\n</head>\n<body>\n"
        f"<h1>{escape(report.title)}</h1>\n"
        f'<p class="about">{escape(report.time)}, Fireside {escape(__version__)}. {escape(report.machine)}.<br>'
        f"<code>{escape(report.command)}</code></p>\n"
        f'<div class="plots">{plots}</div>\n<div class="wide">{_table(report)}</div>\n<ul>{notes}</ul>\n'
        + (f"<h2>First errors</h2><ul>{errors}</ul>\n" if errors else "")
        + "</body>\n</html>\n"
    )


def _plots(report: Report) -> list[tuple[str, str]]:
    share = Axis("share of them, %")
    milliseconds = Axis("milliseconds", log=True)
    found = [
        ("Time to first token", plot(_curves(report, lambda row: row.ttft), milliseconds, share)),
        ("Between two messages with tokens", plot(_curves(report, lambda row: row.gap), milliseconds, share)),
    ]
    if any(row.added.count for row in report.rows):
        title = "Added on the way from the upstream to the reader, each token"
        found.append((title, plot(_curves(report, lambda row: row.added), milliseconds, share)))
    readers = Axis("readers at once", log=True)
    found.append(
        ("Throughput", plot(_by_size(report, lambda row: row.tokens_per_second), readers, Axis("tokens a second")))
    )
    memory = tuple((sample.seconds, sample.megabytes) for sample in report.samples)
    if memory:
        lines = [Series("the server", memory)]
        found.append(("Memory over the whole run", plot(lines, Axis("seconds"), Axis("resident MB"))))
    return found


def _curves(report: Report, of: Callable[[Row], Spread]) -> list[Series]:
    """Cumulative distributions. Of many steps those with the most readers are shown, the floor first."""
    rows = sorted((row for row in report.rows if of(row).count), key=lambda row: -row.concurrency)[:_MOST_LINES]
    return [
        Series(
            f"{row.server} by {row.protocol}, {row.concurrency:,}",
            tuple(
                (max(value, 0.01), 100 * index / (len(of(row).curve) - 1)) for index, value in enumerate(of(row).curve)
            ),
        )
        for row in rows
    ]


def _by_size(report: Report, of: Callable[[Row], float]) -> list[Series]:
    names = dict.fromkeys((row.server, row.protocol) for row in report.rows)
    return [
        Series(
            f"{server} by {protocol}",
            tuple(
                (float(row.concurrency), of(row))
                for row in report.rows
                if (row.server, row.protocol) == (server, protocol)
            ),
        )
        for server, protocol in names
    ]


def _table(report: Report) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in _cells(header().split("\n", 1)[0]))
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(line(row))) + "</tr>" for row in report.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cells(text: str) -> list[str]:
    return [cell.strip() for cell in text.strip().strip("|").split("|")]

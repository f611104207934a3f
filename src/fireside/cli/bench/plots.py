"""Line plots as SVG text. Knows nothing of benchmarks; colours and fonts come from the page's style."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 44
_TICKS = 5
_COLOURS = 8


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name and its points."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis. A logarithmic one shows values from 0.01 up."""

    label: str
    log: bool = False


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    log: bool
    start: float
    end: float

    def place(self, value: float) -> float:
        if self.log:
            share = math.log10(max(value, self.low) / self.low) / math.log10(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            return [10.0**power for power in range(first, last + 1)]
        step = _round_step((self.high - self.low) / _TICKS)
        return [step * number for number in range(math.ceil(self.low / step), math.floor(self.high / step + 1e-9) + 1)]


def plot(series: Sequence[Series], x: Axis, y: Axis) -> str:
    """The plot with its legend, or a sentence if there is nothing to show."""
    lines = [item for item in series if item.points]
    if not lines:
        return "<p>Nothing was measured here.</p>"
    xs = [point[0] for item in lines for point in item.points]
    ys = [point[1] for item in lines for point in item.points]
    across = _scale(xs, x, _LEFT, _WIDTH - _RIGHT)
    up = _scale(ys, y, _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(y.label)} against {escape(x.label)}">'
    ]
    parts += _grid(across, up)
    parts.append(f'<text class="axis" x="{(_LEFT + _WIDTH) / 2}" y="{_HEIGHT - 6}">{escape(x.label)}</text>')
    middle = (_HEIGHT - _BOTTOM + _TOP) / 2
    parts.append(f'<text class="axis" transform="translate(14 {middle}) rotate(-90)">{escape(y.label)}</text>')
    for number, item in enumerate(lines):
        places = [(across.place(px), up.place(py)) for px, py in item.points]
        drawn = " ".join(f"{px},{py}" for px, py in places)
        parts.append(f'<polyline class="line c{number % _COLOURS}" points="{drawn}"/>')
        if len(places) <= 12:
            parts += [f'<circle class="dot c{number % _COLOURS}" cx="{px}" cy="{py}" r="3"/>' for px, py in places]
    parts.append("</svg>")
    keys = "".join(
        f'<li><i class="k{number % _COLOURS}"></i>{escape(item.name)}</li>' for number, item in enumerate(lines)
    )
    return "".join(parts) + f'<ul class="legend">{keys}</ul>'


def _scale(values: list[float], axis: Axis, start: float, end: float) -> _Scale:
    high = max(values)
    if axis.log:
        low = 10.0 ** math.floor(math.log10(max(min(values), 0.01)))
        top = 10.0 ** math.ceil(math.log10(max(high, low * 10)))
        return _Scale(low, top, log=True, start=start, end=end)
    return _Scale(0.0, high * 1.05 or 1.0, log=False, start=start, end=end)


def _grid(across: _Scale, up: _Scale) -> list[str]:
    parts: list[str] = []
    for value in across.ticks():
        at = across.place(value)
        parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text class="tick" x="{at}" y="{_HEIGHT - _BOTTOM + 16}">{_number(value)}</text>')
    for value in up.ticks():
        at = up.place(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(f'<text class="tick left" x="{_LEFT - 6}" y="{at + 4}">{_number(value)}</text>')
    return parts


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    return next((power * factor for factor in (1, 2, 5) if power * factor >= rough), power * 10)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"

"""How much is done, how fast and how long it takes still: pure figures and their words. Draws nothing: see screen.py."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

_WINDOW_SECONDS: Final = 5.0
_BAR: Final = 20
_UNITS: Final = ("kB", "MB", "GB", "TB")


@dataclass(slots=True)
class Rate:
    """Bytes a second, of late."""

    _moments: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])

    def at(self, now: float, done: int) -> float:
        """The rate when `done` bytes are there at the time `now` (seconds)."""
        moments = self._moments
        if moments and done < moments[-1][1]:
            moments.clear()  # It began again further back.
        moments.append((now, done))
        while len(moments) > 2 and now - moments[1][0] > _WINDOW_SECONDS:
            moments.popleft()
        then, before = moments[0]
        return (done - before) / (now - then) if now > then else 0.0


def size_text(size: float) -> str:
    """Such as `12.3 MB`."""
    if size < 1000:
        return f"{size:.0f} bytes"
    unit = -1
    while size >= 1000 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.1f} {_UNITS[unit]}" if size < 100 else f"{size:.0f} {_UNITS[unit]}"


def time_text(seconds: float) -> str:
    """Such as `2 min 5 s`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def line(name: str, done: int, total: int, rate: float, width: int) -> str:
    """One line of at most `width` columns: name, bar, percent, bytes, rate and time left."""
    share = done / total if total else 1.0
    bar = "#" * int(share * _BAR)
    left = f", {time_text((total - done) / rate)} left" if rate > 0 and done < total else ""
    speed = f"  {size_text(rate)}/s{left}" if rate > 0 else ""
    figures = f"[{bar:-<{_BAR}}] {share * 100:3.0f} %  {size_text(done)} of {size_text(total)}{speed}"
    room = width - len(figures) - 2
    if room < 8:
        return figures[:width]
    shown = name if len(name) <= room else "…" + name[-(room - 1) :]
    return f"{shown:<{min(room, 32)}}  {figures}"

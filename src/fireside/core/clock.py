"""The wall clock, in the unit that the store keeps. Durations are measured with time.monotonic where they are needed."""

from __future__ import annotations

import time


def now_us() -> int:
    """Microseconds since the Unix epoch."""
    return time.time_ns() // 1_000

"""What the answers of one step add up to, and the record of one answer. The hot path of the load generator: no I/O here.

A stamped token is eight characters: the time at which the scripted upstream sent it, and a space. All processes of a
machine share the clock, so that its way through the server is measured for every single token.
"""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STAMP_LENGTH = 8
_TICKS_PER_SECOND = 100_000
_MASK = (1 << 28) - 1
monotonic = time.monotonic


def stamp(now: float) -> bytes:
    """The token that is sent at `now`, in seconds of the monotonic clock."""
    return b"%07x " % (int(now * _TICKS_PER_SECOND) & _MASK)


def _floats() -> array[float]:
    return array("d")


@dataclass(slots=True)
class Tally:
    """The measurements of one step against one server. All times are in seconds."""

    expected: int = 0
    """Tokens in a whole answer; 0 if it is not known."""

    stamped: bool = False
    """Whether the tokens are stamps."""

    ttft: array[float] = field(default_factory=_floats)
    gaps: array[float] = field(default_factory=_floats)
    """Between two messages of an answer that carried tokens."""

    late: array[float] = field(default_factory=_floats)
    """From the moment the upstream sent a token until it arrived here, for each token that is a stamp."""

    whole: array[float] = field(default_factory=_floats)
    """How long the answers took from the request to the end."""

    started: int = 0
    ended: int = 0
    failed: int = 0
    left: int = 0
    """Answers whose reader went away on purpose."""

    tokens: int = 0
    lost: int = 0
    """Tokens that answers which ended well lacked, or had too many."""

    error: str = ""
    """The first error."""


class Answer:
    """One answer as it comes: told of its tokens and of its end."""

    __slots__ = ("_begun", "_last", "_leave", "_leave_at", "_rest", "_sent", "_tally", "done", "tokens")

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._sent = self._last = monotonic()
        self._rest: str = ""
        self._begun = False
        self._leave_at = 0
        self._leave: Callable[[], None] | None = None
        self.tokens = 0
        self.done = False
        tally.started += 1

    def leave_at(self, tokens: int, leave: Callable[[], None]) -> None:
        """Has the reader go away, by `leave`, when so many tokens have come."""
        self._leave_at, self._leave = tokens, leave

    def text(self, content: str, count: int = 1) -> None:
        """A message with tokens has come: `count` of them, unless stamps tell."""
        self._take(content, count)
        if self._leave is not None and self.tokens >= self._leave_at and not self.done:
            self.done = True
            self._tally.left += 1
            self._leave()

    def _take(self, content: str, count: int) -> None:
        now = monotonic()
        tally = self._tally
        if self._begun:
            tally.gaps.append(now - self._last)
        else:
            self._begun = True
            tally.ttft.append(now - self._sent)
        self._last = now
        if not tally.stamped:
            self.tokens += count
            tally.tokens += count
            return
        if self._rest or len(content) % STAMP_LENGTH:
            content = self._rest + content
            cut = len(content) - len(content) % STAMP_LENGTH
            content, self._rest = content[:cut], content[cut:]
        count = len(content) // STAMP_LENGTH
        self.tokens += count
        tally.tokens += count
        ticks = int(now * _TICKS_PER_SECOND)
        late = tally.late
        for at in range(0, len(content), STAMP_LENGTH):
            late.append(((ticks - int(content[at : at + STAMP_LENGTH - 1], 16)) & _MASK) / _TICKS_PER_SECOND)

    def end(self, error: str = "") -> None:
        """It has ended, or failed. Only the first call counts."""
        if self.done:
            return
        self.done = True
        tally = self._tally
        if error:
            tally.failed += 1
            tally.error = tally.error or error
            return
        tally.ended += 1
        tally.whole.append(monotonic() - self._sent)
        if tally.expected:
            tally.lost += abs(tally.expected - self.tokens)

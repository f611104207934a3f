"""Lines of bytes to deltas: what every protocol with an event on each line shares. Does no I/O and knows no protocol.

Lines that arrive in one read become one delta, because each delta is a wake-up for every reader of the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.errors import FiresideError
from fireside.runners.base import Delta, Reasoning, Text
from fireside.runners.prompt import clean
from fireside.runners.refusals import garbage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# One line may be a picture; more than this without an end is no protocol.
_LONGEST_LINE = 64 << 20
_LONG_LINE = 64 << 10


class AnswerLines:
    """The part of a reader that cuts lines and joins texts. A protocol's own is made from it by giving `_line`."""

    def __init__(self, model: str = "") -> None:
        """`model` is its name in errors."""
        self.ended = False
        self.events = 0
        self._model = model
        self._deltas: list[Delta] = []
        # The line that has begun, in pieces, and its bytes so far.
        self._rest: list[bytes] = []
        self._size = 0
        self._kind: type[Text | Reasoning] = Text
        self._texts: list[str] = []
        self._alive = False

    def feed(self, data: bytes) -> Iterable[Delta]:
        """The deltas of what has arrived. Sets `ended` after the last event; counts `events`.

        Going through them raises, after the last one, FiresideError for an event that is an error or not understood.
        """
        if self._rest:
            self._rest.append(data)
            if b"\n" not in data:
                return self._more_of_a_line(len(data))
            data = b"".join(self._rest)
        *lines, rest = data.split(b"\n")
        self._rest = [rest] if rest else []
        self._size = len(rest)
        try:
            for line in lines:
                if line and not self.ended:
                    self._line(line)
        except FiresideError as error:
            return _then_raise(self._taken(), error)
        return self._taken()

    def _more_of_a_line(self, size: int) -> Iterable[Delta]:
        """Joining only whole lines keeps a picture, which comes in many reads, from being copied with each of them."""
        self._size += size
        if self._size > _LONGEST_LINE:
            return _then_raise([], garbage("a line has no end"))
        if self._size > _LONG_LINE:
            self._show_life()
        return self._taken()

    def finish(self) -> Iterable[Delta]:
        """The deltas that are left when the stream has ended. Going through them raises FiresideError if that was early."""
        rest = self.feed(b"\n") if self._rest and not self.ended else ()
        yield from rest
        if not self.ended:
            self._cut_off()
            yield from self._taken()

    def _line(self, line: bytes) -> None:
        """Takes a line without its end, not an empty one. Raises FiresideError."""
        raise NotImplementedError

    def _cut_off(self) -> None:
        """Ends the answer where the stream ended without saying so. Raises FiresideError if it is not whole."""
        raise NotImplementedError

    def _append(self, kind: type[Text | Reasoning], text: str) -> None:
        """Adds text, to the last delta if that is of the same kind."""
        if self._kind is not kind:
            self._flush()
            self._kind = kind
        self._texts.append(text)

    def _put(self, delta: Delta) -> None:
        """Adds any other delta."""
        self._flush()
        self._deltas.append(delta)

    def _show_life(self) -> None:
        """Something came that is not to be told yet: without any other delta, an empty text says that it did."""
        self._alive = True

    def _flush(self) -> None:
        if self._texts:
            if text := clean("".join(self._texts)):
                self._deltas.append(self._kind(text))
            self._texts = []

    def _taken(self) -> list[Delta]:
        self._flush()
        deltas, self._deltas = self._deltas, []
        if self._alive:
            self._alive = False
            return deltas or [Text("")]
        return deltas


def _then_raise(deltas: list[Delta], error: FiresideError) -> Iterator[Delta]:
    yield from deltas
    raise error

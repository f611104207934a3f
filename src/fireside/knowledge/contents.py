"""Leaves out a table of contents: its lines have the words of every question, and answer none. Pure.

A line is one of a table by its leader and number ("Fonts … 12"). Some of them whose numbers never fall are a table of
contents; prices fall now and then, and so do the numbers of most other lists.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fireside.knowledge.extract.base import Block, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LINE = re.compile(r"[^\n]{1,300}? ?(?:…|\.{4,}|(?: \.){4,}) ?(?:(?P<number>\d{1,4})|[ivxlcdm]{1,8})\Z")
_FEWEST = 8


class ContentsSieve:
    """Passes on the blocks of a document but for its tables of contents. They may come in batches."""

    def __init__(self) -> None:
        self._held: list[Block] = []
        self._inside = False
        self._last = 0

    def feed(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """The blocks that are no part of a table of contents, as far as can be told yet."""
        for block in blocks:
            number = _number(block)
            if number is None:
                yield from self.end()
                yield block
                continue
            if number and number < self._last:
                yield from self.end()
            self._last = max(self._last, number)
            if not self._inside:
                self._held.append(block)
            if len(self._held) >= _FEWEST:
                self._inside = True
                self._held.clear()

    def end(self) -> Iterator[Block]:
        """The lines that were held back and turn out to be no table."""
        held, self._held, self._inside, self._last = self._held, [], False, 0
        yield from held


def _number(block: Block) -> int | None:
    """The page that a line of a table of contents names (0: in Roman numerals); None of what is no such line."""
    if block.kind in (Kind.CODE, Kind.TABLE) or not (found := _LINE.match(block.text)):
        return None
    return int(found["number"] or 0)

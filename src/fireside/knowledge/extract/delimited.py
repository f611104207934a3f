"""Tables in text: CSV and its relatives, whatever parts their cells. Not workbooks."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from fireside.knowledge.extract.base import Extracted, Source
from fireside.knowledge.extract.clean import one_line
from fireside.knowledge.extract.kinds import kind_of
from fireside.knowledge.extract.tables import table_blocks
from fireside.knowledge.extract.text import decoded

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEPARATORS = ",;\t|"
_SAMPLE_LINES = 50
_MOST_COLUMNS = 1_000


class DelimitedExtractor:
    """Reads CSV and TSV."""

    def accepts(self, media_type: str, name: str) -> bool:
        """See base.py."""
        return kind_of(media_type, name) == "delimited"

    def extract(self, source: Source) -> Iterator[Extracted]:
        """See base.py."""
        csv.field_size_limit(16_000_000)
        for block in table_blocks(_rows(source)):
            yield Extracted((block,))


def _rows(source: Source) -> Iterator[list[str]]:
    lines = _lines(source)
    sample = [line for _, line in zip(range(_SAMPLE_LINES), lines, strict=False)]
    separator = separator_of(sample)
    for row in csv.reader(_again(sample, lines), delimiter=separator):
        yield [one_line(cell) for cell in row[:_MOST_COLUMNS]]


def _again(sample: list[str], lines: Iterator[str]) -> Iterator[str]:
    yield from sample
    yield from lines


def _lines(source: Source) -> Iterator[str]:
    rest = ""
    for piece in decoded(source.path):
        rest += piece
        *whole, rest = rest.split("\n")
        for line in whole:
            yield f"{line}\n"
    if rest:
        yield rest


def separator_of(sample: list[str]) -> str:
    """The separator by which most lines have the same number of cells, more than one."""
    best, score = ",", (0.0, 0)
    for separator in _SEPARATORS:
        counts = [len(row) for row in csv.reader(sample, delimiter=separator) if row]
        if not counts:
            continue
        usual = max(set(counts), key=counts.count)
        found = (counts.count(usual) / len(counts), usual)
        if usual > 1 and found > score:
            best, score = separator, found
    return best


EXTRACTOR = DelimitedExtractor()

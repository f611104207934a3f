"""Code, configuration and markup for machines: cut where something new begins at the margin. It understands no language.

Notebooks are told by their cells.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from fireside.knowledge.extract import problems
from fireside.knowledge.extract.base import Block, Extracted, Kind, Source
from fireside.knowledge.extract.kinds import kind_of
from fireside.knowledge.extract.markdown import markdown_blocks
from fireside.knowledge.extract.text import decoded

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENOUGH = 1_200
"""Characters after which a block ends at the next blank line, be it inside a function."""
_CLOSING = re.compile(r"[\])}]|end\b|fi\b|done\b|esac\b|else\b|elif\b|except\b|finally\b|catch\b", re.IGNORECASE)


class SourceCodeExtractor:
    """Reads code."""

    def accepts(self, media_type: str, name: str) -> bool:
        """See base.py."""
        return kind_of(media_type, name) == "source_code"

    def extract(self, source: Source) -> Iterator[Extracted]:
        """See base.py."""
        if source.name.lower().endswith(".ipynb"):
            yield from _notebook(source)
            return
        for text in decoded(source.path):
            yield Extracted(tuple(Block(Kind.CODE, unit) for unit in units_of(text)))


def units_of(text: str) -> Iterator[str]:
    """Pieces that each begin at the margin after a blank line: a function, a class, a section of settings."""
    unit: list[str] = []
    size, blank = 0, False
    for line in text.expandtabs(4).split("\n"):
        if not line.strip():
            blank = True
            if unit:
                unit.append("")
            continue
        margin = not line[0].isspace() and not _CLOSING.match(line)
        if unit and blank and (margin or size > _ENOUGH):
            yield "\n".join(unit).rstrip()
            unit, size = [], 0
        unit.append(line.rstrip())
        size += len(line) + 1
        blank = False
    if unit:
        yield "\n".join(unit).rstrip()


class _Cell(msgspec.Struct):
    cell_type: str = ""
    source: str | list[str] = ""


class _Notebook(msgspec.Struct):
    cells: list[_Cell] = []


def _notebook(source: Source) -> Iterator[Extracted]:
    try:
        notebook = msgspec.json.decode(source.path.read_bytes(), type=_Notebook)
    except msgspec.MsgspecError as error:
        raise problems.damaged("it is no notebook that is whole") from error
    for number, cell in enumerate(notebook.cells, 1):
        text = cell.source if isinstance(cell.source, str) else "".join(cell.source)
        if cell.cell_type == "markdown":
            yield Extracted(markdown_blocks(text), number, len(notebook.cells))
        elif cell.cell_type == "code":
            yield Extracted((Block(Kind.CODE, text),), number, len(notebook.cells))


EXTRACTOR = SourceCodeExtractor()

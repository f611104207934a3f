"""Rows of cells as blocks of a bounded size, each with the header. Not where the rows come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.knowledge.extract.base import Block, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_PIECE_CHARS = 16_000
_HEADER_WITHIN = 10
"""Rows at the beginning in which the header is looked for: titles may stand over it."""


def table_blocks(rows: Iterable[Sequence[str]], page: int = 0) -> Iterator[Block]:
    """The rows that have something in them, the header again in each block."""
    header, lines, size = "", list[str](), 0
    found = 0
    for row in rows:
        line = line_of(row)
        if not line:
            continue
        found += 1
        if not header and sum(map(bool, row)) > 1:
            # What stands over the header is no row.
            if lines:
                yield Block(Kind.PARAGRAPH, "\n".join(lines), page)
                lines, size = [], 0
            header = line
            continue
        if not header and found > _HEADER_WITHIN:
            header = lines.pop(0) if lines else line
        lines.append(line)
        size += len(line)
        if size >= _PIECE_CHARS:
            yield _block(header, lines, page)
            lines, size = [], 0
    if lines or header:
        yield _block(header, lines, page)


def line_of(row: Sequence[str]) -> str:
    """A row as a line, without empty cells at its end; empty when all are."""
    last = max((number for number, cell in enumerate(row) if cell), default=-1)
    return " | ".join(row[: last + 1])


def _block(header: str, lines: list[str], page: int) -> Block:
    return Block(Kind.TABLE, "\n".join([header, *lines] if header else lines), page, 1 if header else 0)

"""Workbooks: a sheet is a page, its rows a table. What formulas come to is what the program that saved it had shown."""

from __future__ import annotations

import mimetypes
import warnings
from datetime import date, datetime, time, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fireside.knowledge.extract import problems
from fireside.knowledge.extract.archives import Archive
from fireside.knowledge.extract.base import Block, Extracted, Kind, Source
from fireside.knowledge.extract.clean import one_line
from fireside.knowledge.extract.kinds import kind_of
from fireside.knowledge.extract.tables import table_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_COLUMNS = 1_000


class XlsxExtractor:
    """Reads XLSX."""

    def accepts(self, media_type: str, name: str) -> bool:
        """See base.py."""
        return kind_of(media_type, name) == "xlsx"

    def extract(self, source: Source) -> Iterator[Extracted]:
        """See base.py. A sheet is a page."""
        # The system's lists of media types, which the library would read, are out of reach.
        mimetypes.knownfiles.clear()
        try:
            # An extra, whose package has no types.
            openpyxl: Any = import_module("openpyxl")
        except ImportError:
            raise problems.extra_missing("knowledge", "Reading Excel") from None
        with Archive(source) as archive:
            archive.refuse_entities()
        # It warns of charts and the like, which are not text.
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(source.path, read_only=True, data_only=True, keep_links=False)
        try:
            sheets = book.worksheets
            for number, sheet in enumerate(sheets, 1):
                yield Extracted((Block(Kind.HEADING, one_line(sheet.title), number, 1),), number - 1, len(sheets))
                for block in table_blocks(_rows(sheet), number):
                    yield Extracted((block,), number - 1, len(sheets))
                yield Extracted((), number, len(sheets))
        finally:
            book.close()


def _rows(sheet: Any) -> Iterator[list[str]]:
    # What a file says of its own size is not taken for true.
    sheet.reset_dimensions()
    for row in sheet.iter_rows():
        yield [_shown(cell) for cell in row[:_MOST_COLUMNS]]


def _shown(cell: Any) -> str:
    """A cell about as the program shows it."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        midnight = not (value.hour or value.minute or value.second)
        return f"{value:%Y-%m-%d}" if midnight else f"{value:%Y-%m-%d %H:%M:%S}".removesuffix(":00")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, int | float):
        share = "%" in (cell.number_format or "")
        return f"{value * 100:.10g}%" if share else f"{value:.15g}"
    return one_line(str(value))


EXTRACTOR = XlsxExtractor()

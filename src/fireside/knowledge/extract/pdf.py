"""PDF by PDFium: the text of each page in the order in which it was written, the outline as headings. Not its look."""

from __future__ import annotations

import ctypes
import math
from collections import deque
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fireside.knowledge.extract import ocr, problems
from fireside.knowledge.extract.base import Block, Extracted, Kind, Source
from fireside.knowledge.extract.clean import mend_hyphens, one_line
from fireside.knowledge.extract.kinds import kind_of
from fireside.knowledge.extract.pdf_lines import Assembler, Entry, Line, edges, sizes_of, without_running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ctypes import Array

    from fireside.core.errors import FiresideError

_BATCH = 16
_SAMPLE = 24
_AROUND = 2
_MOST_ENTRIES = 20_000
_IMAGE = 3
_PASSWORD = 4
_OCR_SCALE = 2.0
"""144 points an inch: what OCR was measured with."""


class PdfExtractor:
    """Reads PDF."""

    def accepts(self, media_type: str, name: str) -> bool:
        """See base.py."""
        return kind_of(media_type, name) == "pdf"

    def extract(self, source: Source) -> Iterator[Extracted]:
        """See base.py. A page is a page."""
        pdf = _Pdf(source)
        try:
            yield from _read(pdf)
        finally:
            pdf.close()


def _read(pdf: _Pdf) -> Iterator[Extracted]:
    total = pdf.pages
    if total == 0:
        raise problems.damaged("it has no pages")
    outline = pdf.outline()
    # Where there is an outline, it says what a heading is, and sizes do not.
    sampled = range(0, 0 if outline else total, max(1, total // _SAMPLE))
    assembler = Assembler(sizes_of(map(pdf.lines, sampled)), outlined=bool(outline))
    blocks: list[Block] = []
    done = 0
    for number, lines in _without_running(pdf, total):
        blocks += assembler.page(number + 1, lines, outline.get(number, ()))
        scanned = [] if lines else _scanned(pdf, number)
        blocks += scanned
        done = number + 1
        if done % _BATCH == 0 or scanned:
            yield Extracted(tuple(blocks), done, total, pdf.warnings())
            blocks = []
    yield Extracted((*blocks, *assembler.end()), done, total, (*pdf.warnings(), *pdf.last_warnings()))


def _without_running(pdf: _Pdf, total: int) -> Iterator[tuple[int, list[Line]]]:
    """The lines of each page, in order, without running headers and footers: those that pages around have too."""
    window: deque[tuple[int, list[Line], dict[tuple[str, int], int]]] = deque(maxlen=2 * _AROUND + 1)
    for number in range(total + _AROUND):
        if number < total:
            lines = pdf.lines(number)
            window.append((number, lines, edges(lines, number)))
        middle = number - _AROUND
        while window and window[0][0] < middle - _AROUND:
            window.popleft()
        for at, lines, own in window:
            if at == middle:
                yield middle, without_running(lines, own, [keys for other, _, keys in window if other != middle])


def _scanned(pdf: _Pdf, number: int) -> list[Block]:
    """What OCR reads on a page that has no text, if it is installed and there is a picture."""
    if not pdf.has_pictures(number):
        return []
    if not ocr.installed():
        pdf.unread.append(number + 1)
        return []
    return [Block(Kind.PARAGRAPH, text, number + 1) for text in ocr.read(pdf.picture(number))]


class _Pdf:
    """An open document: PDFium's functions, called directly where its Python classes would take most of the time."""

    def __init__(self, source: Source) -> None:
        try:
            # An extra, whose package has no types.
            pypdfium2: Any = import_module("pypdfium2")
            raw: Any = import_module("pypdfium2.raw")
        except ImportError:
            raise problems.extra_missing("knowledge", "Reading PDF") from None
        self._raw: Any = raw
        self._error: Any = pypdfium2.PdfiumError
        self.unread: list[int] = []
        self._warnings: list[str] = []
        try:
            self._document: Any = pypdfium2.PdfDocument(source.path)
        except pypdfium2.PdfiumError as error:
            raise self._refusal(error) from error
        self.pages = len(self._document)
        self._box = raw.FS_RECTF()
        self._matrix = raw.FS_MATRIX()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._font = ctypes.create_string_buffer(64)
        self._flags = ctypes.c_int()
        self._buffer: Array[ctypes.c_ushort] = (ctypes.c_ushort * 8192)()

    def close(self) -> None:
        self._document.close()

    def warnings(self) -> tuple[str, ...]:
        """Those since the last call."""
        found, self._warnings = tuple(self._warnings), []
        return found

    def last_warnings(self) -> tuple[str, ...]:
        """What can only be said at the end."""
        if not self.unread:
            return ()
        some = ", ".join(map(str, self.unread[:10])) + (", ..." if len(self.unread) > 10 else "")
        warning = (
            f"{len(self.unread)} of {self.pages} pages are pictures without text (page {some}). To have them read,"
            " pip install 'fireside[ocr]' on the server and have the document read again."
        )
        return (warning,)

    def outline(self) -> dict[int, tuple[Entry, ...]]:
        """The entries of the outline for each page, by its number from 0."""
        found: dict[int, list[Entry]] = {}
        try:
            for count, bookmark in enumerate(self._document.get_toc(max_depth=6)):
                title = one_line(bookmark.get_title() or "")
                target = bookmark.get_dest()
                page = target.get_index() if target else None
                if count >= _MOST_ENTRIES:
                    break
                if page is None or not title:
                    continue
                mode, view = target.get_view()
                # XYZ has x, y and zoom.
                y = view[1] if mode == self._raw.PDFDEST_VIEW_XYZ and len(view) > 1 else None
                found.setdefault(page, []).append(Entry(min(bookmark.level + 1, 9), title, y))
        except (self._error, ValueError, IndexError):
            self._warnings.append("Its outline is damaged and was not read to its end.")
        return {page: tuple(entries) for page, entries in found.items()}

    def lines(self, number: int) -> list[Line]:
        """The lines of a page, by its number from 0."""
        raw = self._raw
        page = raw.FPDF_LoadPage(self._document, number)
        if not page:
            self._warn_once(number)
            return []
        text_page = raw.FPDFText_LoadPage(page)
        try:
            return self._lines(text_page) if text_page else []
        finally:
            raw.FPDFText_ClosePage(text_page)
            raw.FPDF_ClosePage(page)

    def has_pictures(self, number: int) -> bool:
        """Whether there is a picture on a page."""
        try:
            page = self._document[number]
        except self._error:
            return False
        found = any(True for _ in page.get_objects(filter=[_IMAGE], max_depth=3))
        page.close()
        return found

    def picture(self, number: int) -> Any:
        """A page as an array of its pixels."""
        page = self._document[number]
        # A page may say that it is a kilometre wide.
        scale = min(_OCR_SCALE, 4000 / max(page.get_size()))
        pixels = page.render(scale=scale).to_numpy().copy()
        page.close()
        return pixels

    def _lines(self, page: Any) -> list[Line]:
        raw = self._raw
        count = raw.FPDFText_CountChars(page)
        if count <= 0:
            return []
        if len(self._buffer) < count * 2 + 2:
            self._buffer = (ctypes.c_ushort * (count * 2 + 2))()
        written = raw.FPDFText_GetText(page, 0, count, self._buffer)
        text = bytes(memoryview(self._buffer)[: max(written - 1, 0)]).decode("utf-16-le", "replace")
        found: list[Line] = []
        start = 0
        for part in text.split("\n"):
            line = part.strip()
            if line:
                first = start + len(part) - len(part.lstrip())
                last = first + len(line) - 1
                found.append(self._line(page, mend_hyphens(line), first, last))
            start += len(part) + 1
        return found

    def _line(self, page: Any, text: str, first: int, last: int) -> Line:
        raw, box, matrix = self._raw, self._box, self._matrix
        begin = max(raw.FPDFText_GetCharIndexFromTextIndex(page, first), 0)
        end = max(raw.FPDFText_GetCharIndexFromTextIndex(page, last), 0)
        raw.FPDFText_GetMatrix(page, begin, matrix)
        size = raw.FPDFText_GetFontSize(page, begin) * (math.hypot(matrix.c, matrix.d) or 1.0)
        mono = self._is_mono(page, begin) and self._is_mono(page, end)
        raw.FPDFText_GetLooseCharBox(page, end, box)
        raw.FPDFText_GetCharOrigin(page, end, self._x, self._y)
        last_y = self._y.value
        raw.FPDFText_GetCharOrigin(page, begin, self._x, self._y)
        return Line(text, self._x.value, self._y.value, box.right, last_y, size, mono)

    def _is_mono(self, page: Any, index: int) -> bool:
        self._raw.FPDFText_GetFontInfo(page, index, self._font, len(self._font), self._flags)
        # The standard fonts have no flags.
        return bool(self._flags.value & 1) or b"Courier" in self._font.value

    def _warn_once(self, number: int) -> None:
        warning = f"Page {number + 1} is damaged and was not read."
        if warning not in self._warnings:
            self._warnings.append(warning)

    def _refusal(self, error: Exception) -> FiresideError:
        if getattr(error, "err_code", None) == _PASSWORD or "password" in str(error).lower():
            return problems.encrypted()
        return problems.damaged("it is no PDF that is whole")


EXTRACTOR = PdfExtractor()

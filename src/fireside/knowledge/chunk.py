"""Cuts a document into passages: by headings, pages, paragraphs and sentences. Pure; not the reading and not the storing.

Sizes are in tokens as they are estimated here: a Chinese, Japanese or Korean character is one, 3.5 others are one. A
passage of the default size has room in the 512 tokens of the embedded model even where the estimate is far off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fireside.knowledge.contents import ContentsSieve
from fireside.knowledge.cuts import UNITS, hard_cuts, sentences, units
from fireside.knowledge.extract.base import Block, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PROSE = (Kind.PARAGRAPH, Kind.QUOTE, Kind.LIST, Kind.HEADING)
_BLANK = re.compile(r"\s*\Z")
_LONGEST_HEADING = 300
_DEEPEST = 9


@dataclass(frozen=True, slots=True)
class Options:
    """Sizes in tokens.

    No passage has more than `size`, with what it repeats. One with at least `enough` ends where a paragraph does when
    the next one has no room as a whole; one with less than `little` goes on over a heading. Up to `overlap` tokens of whole
    sentences of a passage are repeated by the next, where one paragraph or section goes on.
    """

    size: int = 250
    enough: int = 150
    little: int = 80
    overlap: int = 30


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage. `page` is where it begins (0: no pages), `headings` what that stands under, the outermost first.

    The first `repeated` characters of `text` are in an earlier passage too: its last sentences, or a table's header.
    """

    text: str
    page: int
    headings: tuple[str, ...]
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is not cut any more, the white space before it, and whether it may be repeated."""

    text: str
    gap: str
    prose: bool


@dataclass(slots=True)
class _Draft:
    """The passage that is being filled."""

    page: int = 0
    headings: tuple[str, ...] = ()
    text: str = ""
    size: int = 0
    repeated: int = 0
    tail: list[_Piece] = field(default_factory=list["_Piece"])

    @property
    def fresh(self) -> int:
        """Units that no passage had before."""
        return self.size - units(self.text[: self.repeated])


def cut(blocks: Iterable[Block], options: Options | None = None) -> list[Chunk]:
    """The passages of a whole document."""
    cutter = Cutter(options)
    return [*cutter.feed(blocks), *cutter.end()]


class Cutter:
    """Cuts a document that comes in batches. The passages are the same however it is divided into batches."""

    def __init__(self, options: Options | None = None) -> None:
        options = options or Options()
        self._size = options.size * UNITS
        self._enough = options.enough * UNITS
        self._little = options.little * UNITS
        self._overlap = options.overlap * UNITS
        self._headings: list[tuple[int, str]] = []
        self._bare = False
        self._bare_page = 0
        self._draft = _Draft()
        self._done: list[Chunk] = []
        self._sieve = ContentsSieve()

    def feed(self, blocks: Iterable[Block]) -> list[Chunk]:
        """The passages that are finished by these blocks."""
        self._cut(self._sieve.feed(block for block in blocks if not _BLANK.match(block.text)))
        return self._take()

    def end(self) -> list[Chunk]:
        """The rest. The cutter is not used afterwards."""
        self._cut(self._sieve.end())
        self._leave_bare()
        self._flush()
        return self._take()

    def _cut(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            if block.page != self._draft.page:
                self._turn(block.page)
            if block.kind is Kind.HEADING and len(block.text) <= _LONGEST_HEADING:
                self._heading(block)
            else:
                self._bare = False
                self._body(block)

    def _take(self) -> list[Chunk]:
        done, self._done = self._done, []
        return done

    def _turn(self, page: int) -> None:
        """A passage ends with its page."""
        self._flush()
        self._draft.page = page

    def _heading(self, block: Block) -> None:
        text = " ".join(block.text.split())
        level = min(max(block.level, 1), _DEEPEST)
        if self._bare and level <= self._headings[-1][0]:
            self._leave_bare()
        while self._headings and self._headings[-1][0] >= level:
            self._headings.pop()
        draft = self._draft
        above = self._path()
        # A short passage goes on over the heading of a section beside or below its own, and says the heading itself.
        near = draft.headings[: len(above)] == above and len(draft.headings) <= len(above) + 1
        spoken = _Piece(text, "\n\n", prose=False)
        goes_on = 0 < draft.fresh < self._little and near and self._fits(spoken, units(text))
        self._headings.append((level, text))
        self._bare, self._bare_page = not goes_on, block.page
        if goes_on:
            self._add(spoken)
        else:
            self._flush()

    def _leave_bare(self) -> None:
        """A heading with nothing under it is a text itself, or nobody would find it."""
        if not self._bare:
            return
        self._bare = False
        page = self._draft.page
        if page != self._bare_page:
            self._turn(self._bare_page)
        level, text = self._headings.pop()
        self._body(Block(Kind.CODE, text, self._bare_page))
        self._headings.append((level, text))
        if page != self._bare_page:
            self._turn(page)

    def _body(self, block: Block) -> None:
        if block.kind is Kind.TABLE:
            self._table(block)
            return
        gap = "\n" if block.kind is Kind.LIST else "\n\n"
        prose = block.kind in _PROSE
        whole = _Piece(block.text.strip() if prose else block.text.strip("\n").rstrip(), gap, prose=prose)
        size = units(whole.text)
        if self._fits(whole, size):
            self._add(whole)
        elif size <= self._size and self._draft.fresh >= self._enough:
            self._flush(overlap=prose)
            if not self._fits(whole, size):
                self._forget_overlap()
            self._add(whole)
        else:
            self._fill(_sentence_pieces(whole) if prose else _line_pieces(whole))

    def _fill(self, pieces: Iterator[_Piece]) -> None:
        for piece in pieces:
            for part in self._parts(piece):
                if not self._fits(part, units(part.text)):
                    self._flush(overlap=part.prose)
                    if not self._fits(part, units(part.text)):
                        self._forget_overlap()
                self._add(part)

    def _parts(self, piece: _Piece) -> Iterator[_Piece]:
        if units(piece.text) <= self._size:
            yield piece
            return
        gap = piece.gap
        for text, next_gap in hard_cuts(piece.text, self._size):
            yield _Piece(text, gap, prose=False)
            gap = next_gap

    def _table(self, block: Block) -> None:
        whole = _Piece(block.text.strip("\n"), "\n\n", prose=False)
        size = units(whole.text)
        if self._fits(whole, size):
            self._add(whole)
            return
        if self._draft.fresh >= self._enough:
            self._flush()
        rows = whole.text.split("\n")
        header = "\n".join(rows[: block.level])
        # A header that leaves no room for rows is not repeated.
        header = header if header and units(header) <= self._size // 3 else ""
        for number, row in enumerate(rows):
            gap = "\n" if number else "\n\n"
            for part in self._parts(_Piece(row, gap, prose=False)):
                if not self._fits(part, units(part.text)):
                    self._flush()
                    if header and number >= block.level:
                        self._repeat(header)
                        if not self._fits(part, units(part.text)):
                            self._forget_overlap()
                self._add(part)

    def _fits(self, piece: _Piece, size: int) -> bool:
        draft = self._draft
        return draft.size + (units(piece.gap) if draft.text else 0) + size <= self._size

    def _add(self, piece: _Piece) -> None:
        draft = self._draft
        if not draft.text:
            draft.headings = self._path()
        gap = piece.gap if draft.text else ""
        draft.text += gap + piece.text
        draft.size += units(gap) + units(piece.text)
        if piece.prose:
            draft.tail.append(piece)
        else:
            draft.tail.clear()

    def _repeat(self, text: str) -> None:
        """Begins a passage with what an earlier one has."""
        draft = self._draft
        draft.headings = self._path()
        draft.text = text
        draft.size = units(text)
        draft.repeated = len(text)

    def _forget_overlap(self) -> None:
        self._draft = _Draft(self._draft.page)

    def _flush(self, *, overlap: bool = False) -> None:
        draft = self._draft
        self._draft = _Draft(draft.page)
        if len(draft.text) <= draft.repeated:
            return
        self._done.append(Chunk(draft.text, draft.page, draft.headings, draft.repeated))
        if overlap and (text := self._tail(draft)):
            self._repeat(text)

    def _tail(self, draft: _Draft) -> str:
        """The last whole sentences of a passage that are short enough to be said again."""
        text, between = "", ""
        for piece in reversed(draft.tail):
            gaps = [piece.gap]
            parts = [*sentences(piece.text)]
            gaps += [gap for _, gap in parts[:-1]]
            for (sentence, _), gap in zip(reversed(parts), reversed(gaps), strict=True):
                longer = sentence + between + text
                if units(longer) > self._overlap:
                    return text
                text, between = longer, gap
        return text

    def _path(self) -> tuple[str, ...]:
        return tuple(text for _, text in self._headings)


def _sentence_pieces(whole: _Piece) -> Iterator[_Piece]:
    gap = whole.gap
    for sentence, next_gap in sentences(whole.text):
        yield _Piece(sentence, gap, prose=True)
        gap = next_gap


def _line_pieces(whole: _Piece) -> Iterator[_Piece]:
    for number, line in enumerate(whole.text.split("\n")):
        yield _Piece(line, "\n" if number else whole.gap, prose=False)

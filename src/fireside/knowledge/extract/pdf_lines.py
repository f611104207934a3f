"""The lines of PDF pages, put together to headings, paragraphs, lists and code by where and how large they stand. Pure."""

# ruff: noqa: RUF001 - Chinese and typography have marks of their own.

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, quantiles
from typing import TYPE_CHECKING

from fireside.knowledge.cuts import sentences
from fireside.knowledge.extract.base import Block, Kind
from fireside.knowledge.extract.clean import join, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LIST = re.compile(r"(?:[•·‣◦▪●○■□–*-]|\(?\d{1,2}[.)](?!\d)|\(?[a-z][.)])\s*\S")
_NUMBERED = re.compile(r"\d{1,3}(?:\.\d{1,3})*\.?\s")
_ENDS = re.compile(r"[.!?:;。！？：；…]['\"”’)\]】》」』]*\Z")
_DIGITS = re.compile(r"\d+|\b[ivxlc]+\b")
_PAGE_NUMBER = re.compile(r"^\d{1,5}(?!\S)|(?<!\S)\d{1,5}$")
_LEADERS = re.compile(r"(?:\s?[.·…_]){4,}\s*")
_LETTER = re.compile(r"[^\W\d_]")
_EDGE = 2
"""Lines at the top and bottom of a page that may be a running header or footer."""
_ENOUGH_STEPS = 8
_HEADING_CHARS = 160
_CONTEXT = 20
"""Characters before a place that say whether a sentence ends there."""
_LONGEST_SENTENCE = 500


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page in points, from the lower left corner: where its first character stands and its last one ends."""

    text: str
    x: float
    y: float
    right: float
    last_y: float
    size: float
    mono: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the outline: its depth from 1, its title, and the height on its page that it points to, if it says it."""

    level: int
    title: str
    y: float | None


@dataclass(frozen=True, slots=True)
class Sizes:
    """The size of most text, and those of headings, the largest first."""

    body: float
    headings: tuple[float, ...]


def sizes_of(pages: Iterable[Sequence[Line]]) -> Sizes:
    """By a sample of pages. Headings are larger than most text and much less of it."""
    characters: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            characters[_rounded(line.size)] += len(line.text)
    if not characters:
        return Sizes(0, ())
    body = characters.most_common(1)[0][0]
    total = sum(characters.values())
    larger = sorted((size for size in characters if size >= body * 1.15 and characters[size] < total / 8), reverse=True)
    return Sizes(body, tuple(larger[:6]))


def edges(lines: Sequence[Line], page: int) -> dict[tuple[str, int], int]:
    """The lines that may be a running header or footer, by what marks them and where they stand.

    What marks one is what it says without numbers; or, beside the name of a section, how far the number of its page is
    from `page`.
    """
    order = sorted(range(len(lines)), key=lambda number: -lines[number].y)
    found: dict[tuple[str, int], int] = {}
    for number in {*order[:_EDGE], *order[-_EDGE:]}:
        line = lines[number]
        found[_DIGITS.sub("#", line.text.casefold()).replace(" ", ""), round(line.y)] = number
    for number in {*order[:1], *order[-1:]}:
        for numeral in _PAGE_NUMBER.findall(lines[number].text):
            found[f"@{int(numeral) - page}", round(lines[number].y)] = number
    return found


def without_running(
    lines: Sequence[Line], own: dict[tuple[str, int], int], around: Sequence[dict[tuple[str, int], int]]
) -> list[Line]:
    """The lines but for those that at least two of the pages around have too, in the same place: from `edges`."""
    running = {number for key, number in own.items() if sum(key in other for other in around) >= 2}
    return [line for number, line in enumerate(lines) if number not in running]


class Assembler:
    """Makes blocks of pages that come in order. A sentence that goes on over a page is in one block."""

    def __init__(self, sizes: Sizes, *, outlined: bool) -> None:
        self._sizes = sizes
        self._outlined = outlined
        self._held: Block | None = None

    def page(self, number: int, lines: Sequence[Line], outline: Sequence[Entry]) -> list[Block]:
        """The blocks that are finished by a page."""
        blocks = self._blocks(number, lines, outline)
        done: list[Block] = []
        if self._held is not None and blocks:
            first = blocks[0]
            if first.kind is Kind.PARAGRAPH and (first.text[0].islower() or _is_wide(first.text[0])):
                blocks[:1] = _over_page(self._held, first)
            else:
                done.append(self._held)
            self._held = None
        if blocks and blocks[-1].kind is Kind.PARAGRAPH and not _ENDS.search(blocks[-1].text):
            self._held = blocks.pop()
        return done + blocks

    def end(self) -> list[Block]:
        """The rest."""
        return [self._held] if self._held else []

    def _blocks(self, number: int, lines: Sequence[Line], outline: Sequence[Entry]) -> list[Block]:
        headings = _outlined(lines, outline)
        pitch = _pitch(lines)
        blocks: list[Block] = []
        group: list[Line] = []
        skip = 0
        for at, line in enumerate(lines):
            if at < skip:
                continue
            found = headings.get(at)
            if found:
                blocks += _grouped(group, number)
                group = []
                for heading, _ in found:
                    blocks.append(Block(Kind.HEADING, heading.title, number, heading.level))
                skip = at + max(length for _, length in found)
                if skip > at:
                    continue
            if group and self._parted(group, line, pitch):
                blocks += self._finished(group, number)
                group = []
            group.append(line)
        blocks += self._finished(group, number)
        blocks += [Block(Kind.HEADING, entry.title, number, entry.level) for entry, _ in headings.get(len(lines), [])]
        return blocks

    def _finished(self, group: list[Line], number: int) -> list[Block]:
        if group and self._is_large(group[0]) and len(group) <= 3:
            text = one_line(_joined(group))
            if len(text) <= _HEADING_CHARS and _LETTER.search(text):
                level = self._sizes.headings.index(_rounded(group[0].size)) + 1
                return [Block(Kind.HEADING, text, number, level)]
        return _grouped(group, number)

    def _is_large(self, line: Line) -> bool:
        """Whether its letters are those of a heading."""
        return not self._outlined and not line.mono and _rounded(line.size) in self._sizes.headings

    def _parted(self, group: list[Line], line: Line, pitch: float) -> bool:
        """Whether a line begins another block than those before it."""
        before = group[-1]
        slack = 0.3 if line.mono else 0.08
        if before.mono != line.mono or abs(before.size - line.size) > slack * max(before.size, line.size):
            return True
        down = before.last_y - line.y
        if abs(down) < 0.3 * line.size:
            return False
        if down < 0:
            # A column ended, or something stands aside.
            return bool(_ENDS.search(before.text)) or line.mono
        if self._is_large(line):
            # The lines of a long heading are apart as its letters ask for, and not as those of the text do.
            return down > 1.4 * line.size or bool(_NUMBERED.match(line.text))
        if down > max(1.3 * pitch, 1.15 * line.size):
            return True
        if line.mono:
            return False
        if _LIST.match(line.text) or _LEADERS.search(before.text):
            return True
        ended = bool(_ENDS.search(before.text))
        widest = max(other.right for other in group)
        short = before.right < widest - 2 * line.size
        indented = line.x > min(other.x for other in group) + 0.8 * line.size and len(group) > 1
        return ended and (short or indented)


def _over_page(begun: Block, rest: Block) -> list[Block]:
    """A paragraph by its pages: the sentence that goes over is whole where it begins, and the others are where they stand."""
    tail = begun.text[-_CONTEXT:]
    near = join(tail, rest.text)
    at = 0
    for sentence, gap in sentences(near):
        at += len(sentence) + len(gap)
        if at >= len(tail):
            break
    if at > len(tail) + _LONGEST_SENTENCE:
        return [begun, rest]
    first = Block(begun.kind, begun.text[: -len(tail)] + near[:at].rstrip(), begun.page)
    return [first, Block(rest.kind, near[at:], rest.page)] if near[at:] else [first]


def _outlined(lines: Sequence[Line], outline: Sequence[Entry]) -> dict[int, list[tuple[Entry, int]]]:
    """Before which line each entry of the outline stands, and how many lines say it themselves."""
    found: dict[int, list[tuple[Entry, int]]] = {}
    if not outline:
        return found
    plain = [_plain(line.text) for line in lines]
    start = 0
    for entry in outline:
        at, length = _said(plain, _plain(entry.title), start)
        if not length:
            at = _below(lines, entry.y, start)
        found.setdefault(at, []).append((entry, length))
        start = at + length
    return found


def _said(plain: Sequence[str], title: str, start: int) -> tuple[int, int]:
    """Where lines say a title, with or without a number before it, and how many."""
    if not title:
        return start, 0
    for at in range(start, len(plain)):
        text = ""
        for length in (1, 2, 3):
            if at + length > len(plain):
                break
            text += plain[at + length - 1]
            if text.endswith(title) and len(text) - len(title) <= 12:
                return at, length
            if len(text) > len(title) + 12:
                break
    return start, 0


def _below(lines: Sequence[Line], y: float | None, start: int) -> int:
    if y is None:
        return start
    return next((at for at in range(start, len(lines)) if lines[at].y <= y), len(lines))


def _grouped(group: Sequence[Line], number: int) -> list[Block]:
    if not group:
        return []
    if group[0].mono:
        return [Block(Kind.CODE, "\n".join(line.text.rstrip() for line in group), number)]
    text = _LEADERS.sub(" … ", _joined(group))
    kind = Kind.LIST if _LIST.match(text) else Kind.PARAGRAPH
    return [Block(kind, text, number, 1 if kind is Kind.LIST else 0)] if text else []


def _joined(group: Sequence[Line]) -> str:
    whole = ""
    for line in group:
        whole = join(whole, line.text.strip())
    return whole


def _pitch(lines: Sequence[Line]) -> float:
    """From line to line within paragraphs, as it is most often."""
    steps = [before.last_y - line.y for before, line in pairwise(lines)]
    steps = [step for step in steps if 0 < step < 60]
    if len(steps) < _ENOUGH_STEPS:
        return 1.25 * median(line.size for line in lines) if lines else 12.0
    # Most lines are followed by one of the same paragraph, and what parts paragraphs is larger.
    return quantiles(steps, n=4)[0]


def _plain(text: str) -> str:
    return "".join(text.casefold().split())


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _is_wide(character: str) -> bool:
    return "\u2e80" <= character <= "\ud7ff" or "\uf900" <= character <= "\uffef"

"""Where a text may be cut: after sentences, between words, and never inside what a reader sees as one character. Pure.

Sizes are in units, of which a token has seven: two for a character, seven for one that is written full width.
"""

# ruff: noqa: RUF001 - Chinese and typography have marks of their own.

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from fireside.knowledge.extract.clean import CJK

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS = 7
"""Units of a token, as it is estimated."""
_NARROW, _WIDE = 2, 7
_WIDE_CHARACTER = re.compile(f"[{CJK}\U0001f000-\U0001faff]")

_END = re.compile(
    # Chinese and Japanese: the mark alone ends a sentence.
    r"""[。！？；｡]+[”’」』）】》〉"']*(?P<wide>\s*)"""
    # Others: white space follows, and what may begin a sentence.
    r"""|(?<![.!?…])[.!?…]++["'”’»)\]]*(?P<narrow>\s+)(?=["'“‘«(\[]*[^\W_a-z])"""
    # A line that was kept as one.
    r"|(?P<line>(?<![^\S\n])[^\S\n]*+\n\s*)"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:[A-Za-z]|[A-Z]\.[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Gen|Rev|Hon|No|Nos|Fig|Figs|Eq|Eqs|Sec|Ch|Vol|pp?|cf|vs|al|e\.g"
    r"|i\.e|etc|approx|ca|Inc|Ltd|Co|Corp|Dept|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.\Z"
)
_SPACE = re.compile(r"\s+")
_SOFT = re.compile(f"(?<=[,;:、，：；)\\]}}》」』）])|(?<=[{CJK}])(?=[{CJK}])")
_NOT_FIRST = "、。，．：；！？）」』】》〉”’％…·ー々"


def units(text: str) -> int:
    """The size of a text."""
    if text.isascii():
        return _NARROW * len(text)
    return _NARROW * len(text) + (_WIDE - _NARROW) * len(_WIDE_CHARACTER.findall(text))


def sentences(text: str) -> Iterator[tuple[str, str]]:
    """The sentences of a text, each with the white space after it: together they are the text."""
    start = 0
    for found in _END.finditer(text):
        gap = found[found.lastgroup or 0]
        end = found.end() - len(gap)
        if end == start or (found.lastgroup == "narrow" and _ABBREVIATION.search(text, max(start, end - 12), end)):
            continue
        if found.end() == len(text):
            break
        yield text[start:end], gap
        start = found.end()
    if start < len(text):
        yield text[start:], ""


def hard_cuts(text: str, size: int) -> Iterator[tuple[str, str]]:
    """Parts of at most `size` units of a text without sentences, each with the white space after it.

    Cuts between words, else after punctuation or between Chinese characters, else between characters.
    """
    start = 0
    while start < len(text):
        end = _furthest(text, start, size)
        if end < len(text):
            end = _best(text, start, end)
        part = text[start:end]
        body = part.rstrip()
        space = _SPACE.match(text, end)
        start = space.end() if space else end
        if body:
            yield body, part[len(body) :] + (space[0] if space else "")


def _furthest(text: str, start: int, size: int) -> int:
    """The last position up to which the text has at most `size` units, and one character at least."""
    end = min(len(text), start + max(size // _NARROW, 1))
    if units(text[start:end]) <= size:
        return end
    position, left = start, size
    while position < end:
        left -= _WIDE if _WIDE_CHARACTER.match(text[position]) else _NARROW
        if left < 0:
            break
        position += 1
    return max(position, start + 1)


def _best(text: str, start: int, end: int) -> int:
    """Where to cut in the second half of what has room."""
    if text[end].isspace():
        return end
    half = start + (end - start) // 2
    spaces = [found.end() for found in _SPACE.finditer(text, half, end)]
    if spaces:
        return spaces[-1]
    soft = [at.start() for at in _SOFT.finditer(text, half, end) if text[at.start()] not in _NOT_FIRST]
    for position in (*reversed(soft), *range(end, start, -1)):
        if start < position and not _is_inside(text, position):
            return position
    return end


def _is_inside(text: str, position: int) -> bool:
    """Whether a cut here would part what is one character to a reader (the common cases of Unicode's rules)."""
    before, after = text[position - 1], text[position]
    if (
        after in "\u200d\u200c"
        or before == "\u200d"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or "\U000e0020" <= after <= "\U000e007f"
    ):
        return True
    if unicodedata.category(after) in {"Mn", "Me", "Mc"} or "\u1160" <= after <= "\u11ff":
        return True
    if _is_flag(after) and _is_flag(before):
        run = position
        while run > 0 and _is_flag(text[run - 1]):
            run -= 1
        return (position - run) % 2 == 1
    return False


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"

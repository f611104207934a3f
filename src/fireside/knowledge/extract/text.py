"""Plain text in whatever encoding it came: paragraphs between blank lines. Also how all text formats are decoded."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from fireside.knowledge.extract.base import Block, Extracted, Kind, Source
from fireside.knowledge.extract.clean import clean, join_lines
from fireside.knowledge.extract.kinds import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PIECE = 1_048_576
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LIST = re.compile(r"\s*(?:[-*•·‣◦▪]|\(?\d{1,3}[.)、]|\(?[a-zA-Z][.)])\s+\S")
_LONGEST_LINE = 100_000


class TextExtractor:
    """Reads plain text."""

    def accepts(self, media_type: str, name: str) -> bool:
        """See base.py."""
        return kind_of(media_type, name) == "text"

    def extract(self, source: Source) -> Iterator[Extracted]:
        """See base.py."""
        for text in decoded(source.path):
            yield Extracted(tuple(paragraphs(text)))


def decoded(path: Path) -> Iterator[str]:
    """The text of a file in pieces of about a megabyte, which end between paragraphs where there are any."""
    with path.open("rb") as file:
        head = file.read(_PIECE)
        encoding = encoding_of(head, whole=len(head) < _PIECE)
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        rest, data = "", head
        while data:
            rest += decoder.decode(data)
            cut = max(rest.rfind("\n\n"), rest.rfind("\r\n\r\n"))
            if cut < 0 and len(rest) > 4 * _PIECE:
                cut = max(rest.rfind("\n"), rest.rfind(" ")) if " " in rest or "\n" in rest else len(rest)
            if cut > 0:
                yield clean(rest[:cut])
                rest = rest[cut:]
            data = file.read(_PIECE)
        if last := clean(rest + decoder.decode(b"", final=True)):
            yield last


def encoding_of(head: bytes, *, whole: bool = True) -> str:
    """How a text is encoded, by its first bytes: a mark, UTF-8, UTF-16, GB18030, and else Windows' Latin-1.

    Where they are not the `whole` text, a character may be cut off at their end.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        return _wide(head) or ("gb18030" if _is_chinese(head) else "cp1252")
    return _wide(head) or "utf-8"


def _wide(head: bytes) -> str:
    nothing = head.count(0)
    if not nothing or nothing * 5 < len(head):
        return ""
    return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"


def _is_chinese(head: bytes) -> bool:
    """Whether the bytes beyond ASCII come in pairs as in GB2312, most of them of the characters that are used most."""
    common, other, position = 0, 0, 0
    sample = head[:65_536]
    while position < len(sample) - 1:
        first, second = sample[position], sample[position + 1]
        if first < 0x80:
            position += 1
        elif 0xA1 <= first <= 0xF7 and 0xA1 <= second <= 0xFE:
            common += first <= 0xD7
            other += first > 0xD7
            position += 2
        else:
            other += 1
            # A character of four bytes, or one that GBK has besides, or no Chinese at all.
            position += 2 if 0x40 <= second <= 0xFE else 1
    return common > 4 * other


def paragraphs(text: str) -> Iterator[Block]:
    """The paragraphs of a text: what stands between blank lines, and items of lists."""
    for part in re.split(r"\n[^\S\n]*\n", text):
        lines = [line.rstrip() for line in part.split("\n") if line.strip()]
        if not lines:
            continue
        if sum(map(bool, map(_LIST.match, lines))) * 2 > len(lines) > 1:
            yield from _items(lines)
        elif _is_wrapped(lines):
            yield Block(Kind.PARAGRAPH, join_lines([line.strip() for line in lines]))
        else:
            yield Block(Kind.CODE, "\n".join(lines))


def _items(lines: list[str]) -> Iterator[Block]:
    item: list[str] = []
    for line in lines:
        if _LIST.match(line) and item:
            yield Block(Kind.LIST, join_lines(item), level=1)
            item = []
        item.append(line.strip())
    yield Block(Kind.LIST, join_lines(item), level=1)


def _is_wrapped(lines: list[str]) -> bool:
    """Whether the lines are one paragraph that an editor wrapped: all but the last are full, and stand at one margin."""
    if len(lines) == 1:
        return True
    full = max(map(len, lines))
    margins = {len(line) - len(line.lstrip()) for line in lines[1:]}
    return full > 30 and len(margins) == 1 and all(len(line) > full * 0.6 for line in lines[:-1])


EXTRACTOR = TextExtractor()

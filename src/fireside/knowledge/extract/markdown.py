"""Markdown: headings, lists, tables, code and quotes by their marks, in one pass over the lines. It renders nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fireside.knowledge.extract.base import Block, Extracted, Kind, Source
from fireside.knowledge.extract.clean import join_lines, one_line
from fireside.knowledge.extract.kinds import kind_of
from fireside.knowledge.extract.text import decoded

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADING = re.compile(r" {0,3}(#{1,6})(?:\s+(.*))?$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)\s*$")
_FENCE = re.compile(r"(\s*)(`{3,}|~{3,})(.*)$")
_ITEM = re.compile(r"(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$")
_QUOTE = re.compile(r" {0,3}> ?(.*)$")
_RULE = re.compile(r" {0,3}([-*_])(?:\s*\1){2,}\s*$")
_DELIMITER = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_CELL = re.compile(r"(?<!\\)\|")
_FRONT = re.compile(r"(---|\+\+\+)[ \t]*\n(.{0,20000}?)\n(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
# Bounded, so that a line which opens much and closes nothing takes no longer than its length.
_COMMENT = re.compile(r"<!--.{0,2000}?-->", re.DOTALL)
_CODE = re.compile(r"(?<!`)(`{1,9})(?!`)(.{1,2000}?)(?<!`)\1(?!`)", re.DOTALL)
_INLINE = (
    (re.compile(r"!\[([^\]]{0,300})\]\([^)\s]{0,1000}(?:\s\"[^\"]{0,300}\")?\)"), r"\1"),
    (re.compile(r"\[([^\[\]]{1,500})\]\(([a-z]{2,9}:[^)\s]{1,1000})(?:\s\"[^\"]{0,300}\")?\)"), r"\1 (\2)"),
    (re.compile(r"\[([^\[\]]{1,500})\]\([^)]{0,1000}\)"), r"\1"),
    (re.compile(r"(?<![\w*\\])(\*{1,3}|_{1,3})(?=\S)(.{1,1000}?)(?<=[^\s\\])\1(?![\w*])"), r"\2"),
    (re.compile(r"~~(.{1,1000}?)~~"), r"\1"),
    (
        re.compile(
            r"</?(?:a|b|i|em|strong|code|kbd|sub|sup|span|br|p|div|img|details|summary|center|font|u|s|small)(?:\s[^<>]{0,500})?/?>",
            re.IGNORECASE,
        ),
        " ",
    ),
    (re.compile(r"\\([\\`*_{}\[\]()#+.!|<>~-])"), r"\1"),
)
_LONGEST_MARKED = 100_000


class MarkdownExtractor:
    """Reads Markdown."""

    def accepts(self, media_type: str, name: str) -> bool:
        """See base.py."""
        return kind_of(media_type, name) == "markdown"

    def extract(self, source: Source) -> Iterator[Extracted]:
        """See base.py."""
        reader = _Reader()
        first = True
        for text in decoded(source.path):
            piece = text
            if first and (front := _FRONT.match(piece)):
                reader.front(front[2])
                piece = piece[front.end() :]
            first = False
            for line in piece.split("\n"):
                reader.line(line)
            yield Extracted(reader.take())
        reader.end()
        yield Extracted(reader.take())


def markdown_blocks(text: str) -> tuple[Block, ...]:
    """The blocks of a short text."""
    reader = _Reader()
    for line in text.split("\n"):
        reader.line(line)
    reader.end()
    return reader.take()


@dataclass(slots=True)
class _Reader:
    """The state between lines."""

    blocks: list[Block] = field(default_factory=list[Block])
    lines: list[str] = field(default_factory=list[str])
    kind: Kind = Kind.PARAGRAPH
    level: int = 0
    fence: str = ""
    indents: list[int] = field(default_factory=list[int])

    def take(self) -> tuple[Block, ...]:
        blocks, self.blocks = tuple(self.blocks), []
        return blocks

    def front(self, text: str) -> None:
        """What stands before the document: only its title and description are text."""
        for line in text.split("\n"):
            name, _, value = line.partition(":" if ":" in line else "=")
            value = value.strip().strip("\"'")
            if name.strip().lower() == "title" and value:
                self.blocks.append(Block(Kind.HEADING, value, level=1))
            elif name.strip().lower() in {"description", "summary", "subtitle", "abstract"} and len(value) > 1:
                self.blocks.append(Block(Kind.PARAGRAPH, value))

    def line(self, line: str) -> None:
        if self.fence:
            self._in_fence(line)
        elif found := _FENCE.match(line):
            self.end()
            self.fence, self.kind = found[2], Kind.CODE
        elif not line.strip():
            self._blank()
        elif found := _HEADING.match(line):
            self.end()
            self._heading((found[2] or "").rstrip().rstrip("#"), len(found[1]))
        elif self.kind is Kind.PARAGRAPH and self.lines and (found := _UNDERLINE.match(line)):
            text = join_lines(self.lines)
            self.lines = []
            self._heading(text, 1 if found[1][0] == "=" else 2)
        elif self.kind is Kind.PARAGRAPH and len(self.lines) == 1 and "|" in self.lines[0] and _DELIMITER.match(line):
            self.kind, self.level = Kind.TABLE, 1
        elif _RULE.match(line):
            self.end()
        else:
            self._text(line)

    def _text(self, line: str) -> None:
        if found := _ITEM.match(line):
            self.end()
            self._indent(len(found[1].expandtabs(4)))
            self.kind, self.level, self.lines = Kind.LIST, len(self.indents), [f"{found[2]} {found[3]}"]
        elif found := _QUOTE.match(line):
            if self.kind is not Kind.QUOTE:
                self.end()
                self.kind = Kind.QUOTE
            self.lines.append(found[1])
        elif self.kind is Kind.TABLE and "|" not in line:
            self.end()
            self.lines.append(line)
        elif not self.lines and line.startswith(("    ", "\t")):
            self.kind = Kind.CODE
            self.lines.append(line)
        elif self.kind is Kind.CODE and not line.startswith(("    ", "\t")):
            self.end()
            self.lines.append(line)
        else:
            self.lines.append(line)

    def _indent(self, width: int) -> None:
        """An item this far to the right is inside those that are less so."""
        while self.indents and self.indents[-1] >= width:
            self.indents.pop()
        self.indents.append(width)

    def _in_fence(self, line: str) -> None:
        closing = line.strip()
        if closing.startswith(self.fence) and not closing.strip(self.fence[0]):
            self.fence = ""
            self.end()
        else:
            self.lines.append(line)

    def _blank(self) -> None:
        # Code that is marked by its indentation goes on over blank lines; all else ends.
        if self.kind is Kind.CODE and self.lines:
            self.lines.append("")
        else:
            self.end()

    def _heading(self, text: str, level: int) -> None:
        self.indents.clear()
        if text := one_line(plain(text)):
            self.blocks.append(Block(Kind.HEADING, text, level=level))

    def end(self) -> None:
        """The block that was being read is whole."""
        lines, kind, level = self.lines, self.kind, self.level
        self.lines, self.kind, self.level = [], Kind.PARAGRAPH, 0
        if kind is Kind.CODE:
            text = "\n".join(lines).strip("\n")
        elif kind is Kind.TABLE:
            text = "\n".join(_row(line) for line in lines)
        elif kind is Kind.QUOTE:
            text = plain(join_lines([line.lstrip("> ") for line in lines if line.strip("> ")]))
        else:
            text = plain(join_lines([line.strip() for line in lines]))
        if text.strip():
            self.blocks.append(Block(kind, text, level=level))


def _row(line: str) -> str:
    cells = _CELL.split(line.strip().removeprefix("|").removesuffix("|"))
    return " | ".join(one_line(plain(cell)) for cell in cells)


def plain(text: str) -> str:
    """The text without the marks of emphasis, links and HTML; code in the line stays as it is."""
    if len(text) > _LONGEST_MARKED or not any(mark in text for mark in "*_[<~\\`"):
        return text
    parts = _CODE.split(_COMMENT.sub(" ", text))
    for number in range(0, len(parts), 3):
        for pattern, by in _INLINE:
            parts[number] = pattern.sub(by, parts[number])
    return "".join(part for number, part in enumerate(parts) if number % 3 != 1)


EXTRACTOR = MarkdownExtractor()

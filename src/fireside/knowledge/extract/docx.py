"""Word documents: paragraphs by their styles, lists, tables, notes. Not their look, and no pages: those are a printer's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fireside.knowledge.extract.base import Block, Extracted, Kind, Source
from fireside.knowledge.extract.clean import one_line, tidy
from fireside.knowledge.extract.kinds import kind_of
from fireside.knowledge.extract.office import Package, free

if TYPE_CHECKING:
    from collections.abc import Iterator

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/wordprocessingml/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_HEADING = re.compile(r"heading (\d)$", re.IGNORECASE)
_CODE = re.compile(r"code|source|preformatted|html pre|listing|verbatim", re.IGNORECASE)
_QUOTE = re.compile(r"quote", re.IGNORECASE)
_LIST = re.compile(r"list (?:bullet|number|paragraph)?", re.IGNORECASE)
_BATCH = 200


@dataclass(frozen=True, slots=True)
class _Style:
    """What a paragraph of a style is."""

    kind: Kind = Kind.PARAGRAPH
    level: int = 0


class DocxExtractor:
    """Reads DOCX."""

    def accepts(self, media_type: str, name: str) -> bool:
        """See base.py."""
        return kind_of(media_type, name) == "docx"

    def extract(self, source: Source) -> Iterator[Extracted]:
        """See base.py."""
        with Package(source) as package:
            main = package.main("word/document.xml")
            related = dict(package.related(main).values())
            styles = _styles(package, related.get("styles", ""))
            blocks: list[Block] = []
            for block in _body(package, main, styles):
                blocks.append(block)
                if len(blocks) >= _BATCH:
                    yield Extracted(tuple(blocks))
                    blocks = []
            for kind in ("footnotes", "endnotes", "comments"):
                blocks += _notes(package, related.get(kind, ""))
            yield Extracted(tuple(blocks))


def _styles(package: Package, part: str) -> dict[str, _Style]:
    if not package.has(part):
        return {}
    found: dict[str, _Style] = {}
    based: dict[str, str] = {}
    for element in package.parse(part).iter(f"{_W}style", f"{_STRICT}style"):
        w = _namespace(element)
        identity = element.get(f"{w}styleId", "")
        name = _value(element, f"{w}name")
        heading = _HEADING.match(name)
        outline = _value(element, f"{w}pPr/{w}outlineLvl")
        based[identity] = _value(element, f"{w}basedOn")
        if heading or name.lower() in {"title", "subtitle"}:
            found[identity] = _Style(Kind.HEADING, int(heading[1]) if heading else 1 + (name.lower() == "subtitle"))
        elif outline.isdigit() and int(outline) < 9:
            found[identity] = _Style(Kind.HEADING, int(outline) + 1)
        elif _CODE.search(name):
            found[identity] = _Style(Kind.CODE)
        elif _QUOTE.search(name):
            found[identity] = _Style(Kind.QUOTE)
        elif _LIST.match(name) and name.lower() != "list paragraph":
            found[identity] = _Style(Kind.LIST, 1)
    for identity in based:
        ancestor, seen = identity, 0
        while ancestor and ancestor not in found and seen < 20:
            ancestor, seen = based.get(ancestor, ""), seen + 1
        if ancestor in found:
            found[identity] = found[ancestor]
    return found


def _body(package: Package, part: str, styles: dict[str, _Style]) -> Iterator[Block]:
    inside = 0
    code: list[str] = []
    for event, element in package.walk(part):
        tag = element.tag
        name = tag.rpartition("}")[2] if isinstance(tag, str) else ""
        if name in {"tbl", "txbxContent"}:
            inside += 1 if event == "start" else -1
        if event == "start" or inside or name not in {"p", "tbl"}:
            continue
        block = _table(element) if name == "tbl" else _paragraph(element, styles)
        free(element)
        # The lines of a listing are paragraphs of their own.
        if block and block.kind is Kind.CODE:
            code.append(block.text)
            continue
        if code:
            yield Block(Kind.CODE, "\n".join(code))
            code = []
        if block:
            yield block
    if code:
        yield Block(Kind.CODE, "\n".join(code))


def _paragraph(element: Any, styles: dict[str, _Style]) -> Block | None:
    text = _text(element)
    if not text.strip():
        return None
    w = _namespace(element)
    style = styles.get(_value(element, f"{w}pPr/{w}pStyle"), _Style())
    outline = _value(element, f"{w}pPr/{w}outlineLvl")
    if outline.isdigit() and int(outline) < 9:
        style = _Style(Kind.HEADING, int(outline) + 1)
    if style.kind is Kind.CODE:
        return Block(Kind.CODE, text.rstrip())
    if style.kind is Kind.HEADING:
        return Block(Kind.HEADING, one_line(text), level=style.level)
    numbered = element.find(f"{w}pPr/{w}numPr")
    if numbered is not None or style.kind is Kind.LIST:
        depth = "" if numbered is None else _value(numbered, f"{w}ilvl")
        return Block(Kind.LIST, f"- {tidy(text)}", level=(int(depth) if depth.isdigit() else 0) + 1)
    return Block(style.kind, tidy(text))


def _table(element: Any) -> Block | None:
    w = _namespace(element)
    rows: list[str] = []
    for row in element.iter(f"{w}tr"):
        # A table in a cell is told within that cell.
        if any(True for _ in row.iterancestors(f"{w}tc")):
            continue
        cells = [
            one_line(" ".join(_text(paragraph) for paragraph in cell.iter(f"{w}p")))
            for cell in row.iter(f"{w}tc")
            if next(cell.iterancestors(f"{w}tr")) is row
        ]
        if any(cells):
            rows.append(" | ".join(cells))
    if not rows:
        return None
    if all(" | " not in row for row in rows):
        # A frame around text.
        return Block(Kind.PARAGRAPH, "\n".join(rows))
    return Block(Kind.TABLE, "\n".join(rows), level=1)


def _notes(package: Package, part: str) -> list[Block]:
    if not package.has(part):
        return []
    root = package.parse(part)
    w = _namespace(root)
    found: list[Block] = []
    for note in root:
        if note.get(f"{w}type") in {"separator", "continuationSeparator", "continuationNotice"}:
            continue
        if text := tidy(" ".join(_text(paragraph) for paragraph in note.iter(f"{w}p"))):
            found.append(Block(Kind.PARAGRAPH, text))
    return found


def _text(paragraph: Any) -> str:
    """What a paragraph says, with what was inserted and without what was deleted while changes were tracked."""
    parts: list[str] = []
    for element in paragraph.iter():
        tag = element.tag
        if not isinstance(tag, str):
            continue
        name = tag.rpartition("}")[2]
        if name == "t":
            # Drawings are there twice, the second time for programs that are old.
            if next(element.iterancestors(_FALLBACK), None) is None:
                parts.append(element.text or "")
        elif name == "tab" and element.getparent().tag.endswith("}r"):
            parts.append("\t")
        elif name in {"br", "cr"}:
            parts.append("\n")
        elif name == "noBreakHyphen":
            parts.append("-")
        elif name == "p" and element is not paragraph:
            parts.append(" ")
    return "".join(parts)


def _value(element: Any, path: str) -> str:
    found = element.find(path)
    return "" if found is None else found.get(f"{_namespace(found)}val", "")


def _namespace(element: Any) -> str:
    return _STRICT if element.tag.startswith(_STRICT) else _W


EXTRACTOR = DocxExtractor()

"""Slides: titles, text, tables and the speaker's notes, a slide a page. Not their look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fireside.knowledge.extract.base import Block, Extracted, Kind, Source
from fireside.knowledge.extract.clean import one_line, tidy
from fireside.knowledge.extract.kinds import kind_of
from fireside.knowledge.extract.office import Package

if TYPE_CHECKING:
    from collections.abc import Iterator

_TITLES = {"title", "ctrTitle"}
_NOT_TEXT = {"sldNum", "dt", "ftr", "hdr", "sldImg"}


class PptxExtractor:
    """Reads PPTX."""

    def accepts(self, media_type: str, name: str) -> bool:
        """See base.py."""
        return kind_of(media_type, name) == "pptx"

    def extract(self, source: Source) -> Iterator[Extracted]:
        """See base.py. A slide is a page."""
        with Package(source) as package:
            main = package.main("ppt/presentation.xml")
            slides = _slides(package, main)
            for number, part in enumerate(slides, 1):
                blocks = _shapes(package.parse(part), number)
                notes = next((path for kind, path in package.related(part).values() if kind == "notesSlide"), "")
                if package.has(notes):
                    blocks += [Block(Kind.QUOTE, block.text, number) for block in _shapes(package.parse(notes), number)]
                yield Extracted(tuple(blocks), number, len(slides))


def _slides(package: Package, main: str) -> list[str]:
    """The parts of the slides in the order in which they are shown."""
    related = package.related(main)
    order: list[str] = []
    for element in _named(package.parse(main), "sldId"):
        reference = next((value for name, value in element.attrib.items() if name.endswith("}id")), "")
        kind, part = related.get(reference, ("", ""))
        if kind == "slide" and package.has(part):
            order.append(part)
    return order


def _shapes(root: Any, page: int) -> list[Block]:
    """What the shapes of a slide say: its title first, then in their order."""
    titles: list[Block] = []
    others: list[Block] = []
    for shape in _named(root, "sp", "graphicFrame"):
        placeholder = next(iter(_named(shape, "ph")), None)
        kind = "" if placeholder is None else placeholder.get("type", "")
        if kind in _NOT_TEXT:
            continue
        if table := next(iter(_named(shape, "tbl")), None):
            others += _table(table, page)
            continue
        lines = [line for body in _named(shape, "txBody") for line in _paragraphs(body)]
        if kind in _TITLES and lines:
            titles.append(Block(Kind.HEADING, one_line(" ".join(text for text, _ in lines)), page, 1))
        else:
            # Placeholders of the body have a bullet for each paragraph, boxes have text.
            listed = placeholder is not None and len(lines) > 1
            others += [
                Block(Kind.LIST, f"- {text}", page, level + 1) if listed else Block(Kind.PARAGRAPH, text, page)
                for text, level in lines
            ]
    return titles + others


def _paragraphs(body: Any) -> Iterator[tuple[str, int]]:
    for paragraph in _named(body, "p"):
        parts = [
            "\n" if element.tag.endswith("}br") else element.text or "" for element in _named(paragraph, "t", "br")
        ]
        if text := tidy("".join(parts)):
            properties = next(iter(_named(paragraph, "pPr")), None)
            level = "0" if properties is None else properties.get("lvl", "0")
            yield text, int(level) if level.isdigit() else 0


def _table(table: Any, page: int) -> list[Block]:
    rows = [
        " | ".join(one_line(" ".join(text for text, _ in _paragraphs(cell))) for cell in _named(row, "tc"))
        for row in _named(table, "tr")
    ]
    return [Block(Kind.TABLE, "\n".join(rows), page, 1)] if any(row.strip(" |") for row in rows) else []


def _named(element: Any, *names: str) -> list[Any]:
    """The elements of these names below one, in whichever namespace: programs write two of them."""
    return list(element.iter(*(f"{{*}}{name}" for name in names)))


EXTRACTOR = PptxExtractor()

"""Books in EPUB: the chapters in the order of the spine. No pages: those are the reader's."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fireside.knowledge.extract import problems
from fireside.knowledge.extract.base import Block, Extracted, Kind, Source
from fireside.knowledge.extract.clean import one_line
from fireside.knowledge.extract.html_page import document_blocks
from fireside.knowledge.extract.kinds import kind_of
from fireside.knowledge.extract.office import Package

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXT = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml"}


class EpubExtractor:
    """Reads EPUB."""

    def accepts(self, media_type: str, name: str) -> bool:
        """See base.py."""
        return kind_of(media_type, name) == "epub"

    def extract(self, source: Source) -> Iterator[Extracted]:
        """See base.py. Progress is told in chapters."""
        with Package(source, entities=True) as package:
            if package.has("META-INF/rights.xml") or _is_locked(package):
                raise problems.encrypted()
            container = package.parse("META-INF/container.xml")
            opf = next((element.get("full-path", "") for element in container.iter("{*}rootfile")), "")
            book = package.parse(opf)
            chapters = _spine(book, posixpath.dirname(opf))
            title = one_line(next((element.text or "" for element in book.iter("{*}title")), ""))
            first = (Block(Kind.HEADING, title, level=1),) if title else ()
            names = _names(package, book, posixpath.dirname(opf))
            yield Extracted(first, 0, len(chapters))
            for number, part in enumerate(chapters, 1):
                if not package.has(part):
                    yield Extracted((), number, len(chapters), (f"Chapter {number} is missing in the file.",))
                    continue
                yield Extracted(tuple(_chapter(package, part, names.get(part, ""))), number, len(chapters))


def _chapter(package: Package, part: str, name: str) -> Iterator[Block]:
    """A chapter stands under the book: its headings are one deeper."""
    blocks = document_blocks(package.read(part))
    if blocks and name and not any(block.kind is Kind.HEADING for block in blocks):
        yield Block(Kind.HEADING, name, level=2)
    for block in blocks:
        deeper = block.kind is Kind.HEADING
        yield Block(block.kind, block.text, level=block.level + 1) if deeper else block


def _spine(book: Any, folder: str) -> list[str]:
    items = {
        element.get("id", ""): element for element in book.iter("{*}item") if element.get("media-type", "") in _TEXT
    }
    chapters: list[str] = []
    for reference in book.iter("{*}itemref"):
        item = items.get(reference.get("idref", ""))
        # The table of contents says again what the chapters say.
        if item is not None and "nav" not in (item.get("properties") or "").split():
            chapters.append(_path(folder, item.get("href", "")))
    return chapters


def _names(package: Package, book: Any, folder: str) -> dict[str, str]:
    """What the table of contents calls the chapters."""
    found: dict[str, str] = {}
    for item in book.iter("{*}item"):
        part = _path(folder, item.get("href", ""))
        if not package.has(part):
            continue
        below = posixpath.dirname(part)
        if "nav" in (item.get("properties") or "").split():
            for link in package.parse(part).iter("{*}a"):
                found.setdefault(_path(below, link.get("href", "")), one_line("".join(link.itertext())))
        elif item.get("media-type") == "application/x-dtbncx+xml":
            for point in package.parse(part).iter("{*}navPoint"):
                text = one_line(point.findtext("{*}navLabel/{*}text") or "")
                content = point.find("{*}content")
                found.setdefault(_path(below, "" if content is None else content.get("src", "")), text)
    return found


def _is_locked(package: Package) -> bool:
    """Whether chapters are encrypted. Fonts often are, by a way that needs no key."""
    if not package.has("META-INF/encryption.xml"):
        return False
    root = package.parse("META-INF/encryption.xml")
    return any(
        element.get("URI", "").lower().endswith((".xhtml", ".html", ".htm", ".xml"))
        for element in root.iter("{*}CipherReference")
    )


def _path(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))


EXTRACTOR = EpubExtractor()

"""Web pages: what is their text, without menus, banners and scripts. Also the HTML of books and mails. It renders nothing."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fireside.knowledge.extract import problems
from fireside.knowledge.extract.base import Block, Extracted, Kind, Source
from fireside.knowledge.extract.clean import one_line
from fireside.knowledge.extract.html_blocks import blocks_of, text_length
from fireside.knowledge.extract.kinds import kind_of
from fireside.knowledge.extract.text import encoding_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHARSET = re.compile(
    rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w:-]+)|<\?xml[^>]+encoding\s*=\s*["']([\w:-]+)""", re.IGNORECASE
)
_SAMPLE = 262_144
_LITTLE = 200
_SHARE = 0.25


class HtmlExtractor:
    """Reads HTML."""

    def accepts(self, media_type: str, name: str) -> bool:
        """See base.py."""
        return kind_of(media_type, name) == "html_page"

    def extract(self, source: Source) -> Iterator[Extracted]:
        """See base.py."""
        yield Extracted(tuple(page_blocks(source.path.read_bytes())))


def page_blocks(data: bytes) -> list[Block]:
    """The text of a page from the web: its main part, or all of it where none can be told."""
    root = parse(data)
    if root is None:
        return []
    body = next(iter(root.iter("body")), root)
    everything = blocks_of(body, drop_menus=False)
    least = max(_LITTLE, _SHARE * text_length(everything))
    found = everything
    for part in (*_parts(body), body):
        candidate = blocks_of(part, drop_menus=True)
        if text_length(candidate) >= least or (part is body and candidate):
            found = candidate
            break
    title = one_line(root.findtext(".//title") or "")
    if title and not any(block.kind is Kind.HEADING and block.level == 1 for block in found):
        found.insert(0, Block(Kind.HEADING, title, level=1))
    return found


def document_blocks(data: bytes) -> list[Block]:
    """The text of HTML that is all text: a chapter, a mail."""
    root = parse(data)
    return [] if root is None else blocks_of(next(iter(root.iter("body")), root), drop_menus=False)


def parse(data: bytes) -> Any:
    """The tree of a page in whatever encoding; None when there is nothing in it."""
    try:
        # An extra, whose package has no types.
        etree: Any = import_module("lxml.etree")
    except ImportError:
        raise problems.extra_missing("knowledge", "Reading HTML") from None
    text = data.decode(_encoding(data), errors="replace").replace("\x00", "")
    # The parser would believe what the text says of its encoding.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    if not text.strip():
        return None
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)
    return etree.fromstring(text.encode("utf-8", "replace"), parser)


def _encoding(data: bytes) -> str:
    declared = _CHARSET.search(data[:4096])
    guessed = encoding_of(data[:_SAMPLE], whole=len(data) <= _SAMPLE)
    if declared and guessed not in {"utf-8-sig", "utf-16", "utf-32"}:
        name = (declared[1] or declared[2]).decode("ascii", "replace").lower()
        # GB2312 is said where its larger successors are used; and browsers take Latin-1 for Windows'.
        name = {"gb2312": "gb18030", "gbk": "gb18030", "iso-8859-1": "cp1252", "ascii": "cp1252"}.get(name, name)
        try:
            data[:4096].decode(name, "replace")
        except LookupError:
            return guessed
        return guessed if name.startswith("utf-16") else name
    return guessed


def _parts(body: Any) -> Iterator[Any]:
    """Where the main text may be, the likeliest first."""
    yield from body.iter("main")
    for element in body.iter("div", "section"):
        if element.get("role") == "main":
            yield element
    articles = list(body.iter("article"))
    if len(articles) == 1:
        yield articles[0]


EXTRACTOR = HtmlExtractor()
